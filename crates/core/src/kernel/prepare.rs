//! What makes a vector fit to be stored or searched with.

use super::metric::Metric;
use super::scalar;
use thiserror::Error;

/// The largest dimension of a vector.
pub const MAX_DIMENSION: u32 = 4096;

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

/// Checks that a vector is finite, and normalises it to length 1 if `metric` is cosine.
#[inline]
pub fn prepare(metric: Metric, vector: &mut [f32]) -> Result<(), VectorError> {
    if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { at });
    }
    if metric != Metric::Cosine {
        return Ok(());
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
