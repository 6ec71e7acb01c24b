//! What makes a vector fit to be stored or searched with.

use super::metric::Metric;
use super::scalar;
use thiserror::Error;

/// The largest dimension of a vector.
pub const MAX_DIMENSION: u32 = 4096;

/// The greatest length of a vector under inner product and L2: the score of two such vectors is below
/// 2^127 and so finite.
const MAX_LENGTH: f64 = (1u64 << 62) as f64;

/// Why a vector cannot be stored or searched with.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VectorError {
    /// A component is NaN or infinite.
    #[error("component {at} is not a finite number")]
    NotFinite {
        /// The component, from 0.
        at: usize,
    },
    /// Every component is zero, so the vector has no direction.
    #[error("all components are zero, so it has no direction to compare by cosine")]
    Zero,
    /// The vector is so long that its scores could exceed the range of `f32`.
    #[error(
        "its length exceeds 4.6e18 (2^62), so scores could overflow; scale the vectors of the space down"
    )]
    TooLong,
    /// A component exceeds the range of half precision.
    #[error(
        "component {at} is beyond ±65,504, the largest numbers of half precision; publish the space \
         in full precision"
    )]
    TooLarge {
        /// The component, from 0.
        at: usize,
    },
}

/// Checks that a vector and its scores are finite, and normalises it to length 1 if `metric` is cosine.
#[inline]
pub fn prepare(metric: Metric, vector: &mut [f32]) -> Result<(), VectorError> {
    if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { at });
    }
    if metric != Metric::Cosine {
        let squares = vector.iter().map(|x| f64::from(*x) * f64::from(*x));
        let too_long = squares.sum::<f64>() > MAX_LENGTH * MAX_LENGTH;
        return if too_long {
            Err(VectorError::TooLong)
        } else {
            Ok(())
        };
    }
    // Divide by the largest component first: squares of very large or small ones overflow f32.
    let largest = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return Err(VectorError::Zero);
    }
    vector.iter_mut().for_each(|x| *x /= largest);
    let length = scalar::dot(vector, vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    Ok(())
}
