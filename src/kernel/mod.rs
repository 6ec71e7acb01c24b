//! Arithmetic on vectors: how two are compared, and what makes one fit to be stored.
//!
//! Larger scores are better everywhere. Cosine works on rows that were normalised when they came
//! in, so that it is an inner product.

mod scalar;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// How two vectors are compared; a larger score is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The cosine of the angle between them, from -1 to 1; vectors are stored normalised.
    Cosine,
    /// The inner product of the vectors as they are.
    InnerProduct,
    /// The negative squared Euclidean distance.
    L2,
}

impl Metric {
    /// The score of two vectors of one dimension.
    pub(crate) fn score(self, a: &[f32], b: &[f32]) -> f32 {
        match self {
            Self::Cosine | Self::InnerProduct => scalar::dot(a, b),
            Self::L2 => -scalar::l2_squared(a, b),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "inner product",
            Self::L2 => "L2",
        })
    }
}

/// A vector that cannot be stored or asked for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum VectorError {
    /// A component is NaN or infinite.
    #[error("component {at} is not a finite number")]
    NotFinite {
        /// Which, from 0.
        at: usize,
    },
    /// Every component is zero, so the vector has no direction.
    #[error("all components are zero, so it has no direction to compare by cosine")]
    Zero,
}

/// Makes a vector what `metric` needs it to be: finite, and of length 1 under cosine.
pub(crate) fn prepare(metric: Metric, vector: &mut [f32]) -> Result<(), VectorError> {
    if let Some(at) = vector.iter().position(|x| !x.is_finite()) {
        return Err(VectorError::NotFinite { at });
    }
    if metric != Metric::Cosine {
        return Ok(());
    }
    // Scaled by the largest component first: squares of very large or small ones leave f32.
    let largest = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return Err(VectorError::Zero);
    }
    vector.iter_mut().for_each(|x| *x /= largest);
    let length = scalar::dot(vector, vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_vectors_come_out_with_length_one_whatever_their_scale() {
        for scale in [1e-30f32, 1.0, 1e30] {
            let mut vector = [3.0 * scale, 4.0 * scale];
            prepare(Metric::Cosine, &mut vector).unwrap();
            assert!(
                (vector[0] - 0.6).abs() < 1e-6 && (vector[1] - 0.8).abs() < 1e-6,
                "{vector:?}"
            );
        }
    }

    #[test]
    fn nan_infinity_and_the_zero_vector_are_refused() {
        assert_eq!(
            prepare(Metric::L2, &mut [1.0, f32::NAN]),
            Err(VectorError::NotFinite { at: 1 })
        );
        assert_eq!(
            prepare(Metric::Cosine, &mut [f32::INFINITY]),
            Err(VectorError::NotFinite { at: 0 })
        );
        assert_eq!(
            prepare(Metric::Cosine, &mut [0.0, 0.0]),
            Err(VectorError::Zero)
        );
        assert_eq!(prepare(Metric::InnerProduct, &mut [0.0, 0.0]), Ok(()));
    }

    #[test]
    fn a_larger_score_is_a_nearer_vector_under_every_metric() {
        let (query, near, far) = ([1.0, 0.0], [0.8, 0.6], [0.0, 1.0]);
        for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
            assert!(
                metric.score(&query, &near) > metric.score(&query, &far),
                "{metric:?}"
            );
        }
    }
}
