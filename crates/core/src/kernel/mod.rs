//! Arithmetic on vectors: how two are compared, and what makes one fit to be stored.
//!
//! Larger scores are better everywhere. Cosine works on rows that were normalised when they came
//! in, so that it is an inner product.
//!
//! `scalar` holds the reference of every kernel, written to be read; `avx2`, `avx512` and `neon`
//! the same in the instructions of a processor; `level` chooses among them, once. Vectors come as
//! components of four bytes, of two (`half`, and `stored` for either), or as codes of one (`codes`).
//! What codes stand for, and how rows are laid out, is decided above.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod codes;
mod half;
mod level;
mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod stored;
#[cfg(test)]
mod tests;

pub use aligned::Aligned;
pub use codes::CodeQuery;
pub use level::Level;
pub use matrix::Weights;
pub use stored::Storage;
pub use stored::{Row, Vector};

use bincode::{Decode, Encode};
use half::fits_f16;
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The most components a vector may have.
pub const MAX_DIMENSION: u32 = 4096;

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
    /// The score of two vectors of one dimension, the second as it is stored.
    #[inline]
    pub fn score<'a>(self, a: &[f32], b: impl Into<Row<'a>>) -> f32 {
        self.scorer().score(a, b)
    }

    /// What computes scores here; for many of them, choose it once.
    #[inline]
    pub fn scorer(self) -> Scorer {
        Scorer {
            metric: self,
            level: Level::best(),
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

/// A metric, and the instructions to compute it with.
#[derive(Clone, Copy, Debug)]
pub struct Scorer {
    metric: Metric,
    level: Level,
}

impl Scorer {
    /// The score of two vectors of one dimension, the second as it is stored.
    #[inline]
    pub fn score<'a>(self, a: &[f32], b: impl Into<Row<'a>>) -> f32 {
        match (self.metric, b.into()) {
            (Metric::Cosine | Metric::InnerProduct, Row::Full(b)) => self.level.dot(a, b),
            (Metric::Cosine | Metric::InnerProduct, Row::Half(b)) => self.level.dot_f16(a, b),
            (Metric::L2, Row::Full(b)) => -self.level.l2_squared(a, b),
            (Metric::L2, Row::Half(b)) => -self.level.l2_squared_f16(a, b),
        }
    }
}

/// Asks the processor to have a row at hand, which will soon be read; it may do nothing.
#[inline]
pub fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    avx2::prefetch(row);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// A vector that cannot be stored or asked for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum VectorError {
    /// A component is NaN or infinite.
    #[error("component {at} is not a finite number")]
    NotFinite {
        /// Which, from 0.
        at: usize,
    },
    /// Every component is zero, so the vector has no direction.
    #[error("all components are zero, so it has no direction to compare by cosine")]
    Zero,
    /// A component is beyond what half precision has.
    #[error(
        "component {at} is beyond ±65,504, the largest numbers of half precision; publish the space \
         in full precision"
    )]
    TooLarge {
        /// Which, from 0.
        at: usize,
    },
}

/// Makes a vector what `metric` needs it to be: finite, and of length 1 under cosine.
pub fn prepare(metric: Metric, vector: &mut [f32]) -> Result<(), VectorError> {
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
