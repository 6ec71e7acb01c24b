//! Weight matrices, in memory or in place in a file.

#![warn(clippy::indexing_slicing)]

use ndarray::Array2;
use std::ops::Range;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Weights;

/// A row-major matrix.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// In memory, trainable.
    Owned(Array2<f32>),
    /// In place in a file.
    Stored(Stored),
}

/// A matrix in a file.
#[derive(Clone, Debug)]
pub struct Stored {
    file: Arc<Blob>,
    bytes: Range<usize>,
    precision: Precision,
    rows: usize,
    columns: usize,
}

/// The type of stored weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32 bits.
    F32,
    /// binary16.
    F16,
    /// bfloat16.
    Bf16,
}

impl Precision {
    /// Casts bytes to weights; `None` if they are not aligned.
    #[inline]
    pub(super) fn weights(self, bytes: &[u8]) -> Option<Weights<'_>> {
        Some(match self {
            Self::F32 => Weights::F32(bytemuck::try_cast_slice(bytes).ok()?),
            Self::F16 => Weights::F16(bytemuck::try_cast_slice(bytes).ok()?),
            Self::Bf16 => Weights::Bf16(bytemuck::try_cast_slice(bytes).ok()?),
        })
    }

    /// Bytes per weight.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

impl Matrix {
    /// A matrix of these bytes of a file; `None` if there are too few or too many. Unaligned bytes, which a header
    /// of odd length causes, are copied.
    pub(super) fn stored(
        file: &Arc<Blob>,
        bytes: Range<usize>,
        precision: Precision,
        (rows, columns): (usize, usize),
    ) -> Option<Self> {
        let of = file.get(bytes.clone())?;
        let size = rows.checked_mul(columns)?.checked_mul(precision.bytes())?;
        if of.len() != size {
            return None;
        }
        let (file, bytes) = match precision.weights(of) {
            Some(_) => (Arc::clone(file), bytes),
            None => (Arc::new(Blob::from_bytes(of)), 0..size),
        };
        Some(Self::Stored(Stored {
            file,
            bytes,
            precision,
            rows,
            columns,
        }))
    }

    /// Number of rows.
    #[inline]
    pub fn rows(&self) -> usize {
        match self {
            Self::Owned(all) => all.nrows(),
            Self::Stored(stored) => stored.rows,
        }
    }

    /// Components of a row.
    #[inline]
    pub fn columns(&self) -> usize {
        match self {
            Self::Owned(all) => all.ncols(),
            Self::Stored(stored) => stored.columns,
        }
    }

    /// Number of weights.
    #[expect(clippy::len_without_is_empty, reason = "a matrix is never empty")]
    #[inline]
    pub fn len(&self) -> usize {
        self.rows() * self.columns()
    }

    /// All weights.
    #[inline]
    pub fn weights(&self) -> Weights<'_> {
        let weights = match self {
            Self::Owned(all) => all.as_slice().map(Weights::F32),
            Self::Stored(stored) => {
                let bytes = stored.file.get(stored.bytes.clone());
                bytes.and_then(|bytes| stored.precision.weights(bytes))
            }
        };
        // Checked when the matrix was made; neither a file nor an array changes its length or alignment.
        weights.unwrap_or(Weights::F32(&[]))
    }

    /// A row; `None` beyond the last.
    #[inline]
    pub fn row(&self, at: u32) -> Option<Weights<'_>> {
        let columns = self.columns();
        let from = (at as usize).checked_mul(columns)?;
        self.weights().part(from, columns)
    }

    /// The same weights in memory, in 32 bits.
    pub(super) fn in_memory(&self) -> Self {
        let all = self.weights().to_vec();
        match Array2::from_shape_vec((self.rows(), self.columns()), all) {
            Ok(all) => Self::Owned(all),
            // Cannot happen: the length is rows times columns.
            Err(_) => self.clone(),
        }
    }

    /// The trainable array, if the matrix is in memory.
    pub fn owned_mut(&mut self) -> Option<&mut Array2<f32>> {
        match self {
            Self::Owned(all) => Some(all),
            Self::Stored(_) => None,
        }
    }
}

impl From<Array2<f32>> for Matrix {
    fn from(all: Array2<f32>) -> Self {
        // Row-major, whatever it was before.
        Self::Owned(all.as_standard_layout().into_owned())
    }
}
