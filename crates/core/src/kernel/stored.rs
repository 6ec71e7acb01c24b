//! Vectors as stored: in full precision or in half.
//!
//! All arithmetic is on `f32`; half precision only affects storage. A vector is
//! [rounded](Storage::round) once, before graph, codes or scores are computed from it. So an item has the
//! same score in the overlay and in a segment.

use super::half::{self, fits_f16};
use super::level::Level;
use super::prefetch::prefetch;
use super::prepare::VectorError;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Components rounded at a time, on the stack.
const BLOCK: usize = 256;

/// How the components of vectors are stored.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// 32 bits per component, as the item tower computes them.
    #[default]
    Full,
    /// 16 bits per component (IEEE 754 binary16), rounded to the nearest: half the space, three decimal
    /// digits, at most ±65,504.
    Half,
}

impl Storage {
    /// Rounds components to the stored precision.
    pub fn round(self, vector: &mut [f32]) -> Result<(), VectorError> {
        if self == Self::Full {
            return Ok(());
        }
        if !fits_f16(vector) {
            let at = vector.iter().position(|x| !fits_f16(&[*x]));
            let at = at.unwrap_or_default();
            return Err(VectorError::TooLarge { at });
        }
        let level = Level::best();
        for block in vector.chunks_mut(BLOCK) {
            let halves = &mut [0; BLOCK][..block.len()];
            level.encode_f16(block, halves);
            level.decode_f16(halves, block);
        }
        Ok(())
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Full => "full",
            Self::Half => "half",
        })
    }
}

/// The components of a stored vector, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// In full precision.
    Full(&'a [f32]),
    /// In half precision.
    Half(&'a [u16]),
}

impl<'a> Row<'a> {
    /// The components as `f32`, decoded into `buffer` if they are stored in half precision.
    #[inline]
    pub fn floats<'b>(self, buffer: &'b mut Vec<f32>) -> &'b [f32]
    where
        'a: 'b,
    {
        match self {
            Self::Full(row) => row,
            Self::Half(_) => {
                buffer.clear();
                self.append_to(buffer);
                buffer
            }
        }
    }

    /// Appends the components as `f32`.
    #[inline]
    pub fn append_to(self, vector: &mut Vec<f32>) {
        match self {
            Self::Full(row) => vector.extend_from_slice(row),
            Self::Half(row) => {
                let before = vector.len();
                vector.resize(before + row.len(), 0.0);
                let new = vector.get_mut(before..).unwrap_or_default();
                Level::best().decode_f16(row, new);
            }
        }
    }

    /// The components as `f32`.
    pub fn to_vec(self) -> Vec<f32> {
        let mut vector = Vec::new();
        self.append_to(&mut vector);
        vector
    }

    /// Whether all components are finite.
    #[inline]
    pub fn is_finite(self) -> bool {
        match self {
            Self::Full(row) => row.iter().all(|x| x.is_finite()),
            Self::Half(row) => row.iter().all(|x| half::is_finite(*x)),
        }
    }

    /// Hints to the processor that the row will soon be read.
    #[inline]
    pub fn prefetch(self) {
        match self {
            Self::Full(row) => prefetch(row),
            Self::Half(row) => prefetch(row),
        }
    }

    /// The bytes of the components, as they are stored.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Full(row) => bytemuck::cast_slice(row),
            Self::Half(row) => bytemuck::cast_slice(row),
        }
    }
}

impl<'a> From<&'a [f32]> for Row<'a> {
    #[inline]
    fn from(row: &'a [f32]) -> Self {
        Self::Full(row)
    }
}

impl<'a> From<&'a Vector> for Row<'a> {
    #[inline]
    fn from(vector: &'a Vector) -> Self {
        match vector {
            Vector::Full(row) => Self::Full(row),
            Vector::Half(row) => Self::Half(row),
        }
    }
}

/// The components of a stored vector, owned.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// In full precision.
    Full(Vec<f32>),
    /// In half precision.
    Half(Vec<u16>),
}

impl From<Row<'_>> for Vector {
    #[inline]
    fn from(row: Row<'_>) -> Self {
        match row {
            Row::Full(row) => Self::Full(row.to_vec()),
            Row::Half(row) => Self::Half(row.to_vec()),
        }
    }
}

impl Vector {
    /// Rounds a vector and converts it to its stored form.
    pub fn of(storage: Storage, mut vector: Vec<f32>) -> Result<Self, VectorError> {
        storage.round(&mut vector)?;
        Ok(match storage {
            Storage::Full => Self::Full(vector),
            Storage::Half => {
                let mut halves = vec![0; vector.len()];
                Level::best().encode_f16(&vector, &mut halves);
                Self::Half(halves)
            }
        })
    }

    /// The components, borrowed.
    #[inline]
    pub fn row(&self) -> Row<'_> {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::Metric;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_gives_exactly_the_stored_components(
            vector in vec(-70_000.0f32..70_000.0, 0..600),
            small in -20i32..1,
        ) {
            let vector: Vec<f32> = vector.iter().map(|x| x * 2f32.powi(small)).collect();
            prop_assert_eq!(Vector::of(Storage::Full, vector.clone()), Ok(Vector::Full(vector.clone())));
            let mut rounded = vector.clone();
            if let Err(error) = Storage::Half.round(&mut rounded) {
                let VectorError::TooLarge { at } = error else { panic!("{error}") };
                prop_assert!(vector[at].abs() >= 65_520.0);
                prop_assert!(vector[..at].iter().all(|x| x.abs() < 65_520.0));
                prop_assert_eq!(rounded, vector.clone(), "an error changes nothing");
                prop_assert_eq!(Vector::of(Storage::Half, vector), Err(error));
                return Ok(());
            }
            for (x, rounded) in vector.iter().zip(&rounded) {
                prop_assert_eq!(*rounded, half::decode(half::encode(*x)));
            }
            let stored = Vector::of(Storage::Half, vector.clone()).unwrap();
            prop_assert!(matches!(&stored, Vector::Half(_)) && stored.row().is_finite());
            prop_assert_eq!(stored.row().to_vec(), rounded.clone());
            let mut buffer = vec![7.0];
            prop_assert_eq!(stored.row().floats(&mut buffer), rounded.clone());
            stored.row().append_to(&mut buffer);
            prop_assert_eq!(buffer, [rounded.clone(), rounded.clone()].concat());
            prop_assert_eq!(Vector::of(Storage::Half, rounded.clone()), Ok(stored.clone()));
            for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
                let (a, b) = (metric.score(&vector, &stored), metric.score(&vector, &rounded[..]));
                let size: f32 = vector.iter().map(|x| x * x).sum();
                prop_assert!((a - b).abs() <= 1e-5 * size, "{a} is not {b}");
            }
        }
    }

    #[test]
    fn rows_with_infinite_or_nan_components_are_not_finite() {
        assert!(Row::Half(&[0x0001, 0x7bff, 0xfbff]).is_finite());
        for half in [0x7c00, 0xfc00, 0x7e00, 0xffff] {
            assert!(!Row::Half(&[0, half]).is_finite(), "{half:#x}");
        }
        assert!(!Row::Full(&[0.0, f32::NAN]).is_finite());
    }
}
