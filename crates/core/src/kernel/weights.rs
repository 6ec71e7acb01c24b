//! The components of a matrix as they are stored.

use super::prefetch::prefetch;
use super::{bf16, half};

/// The components of a matrix, row after row, as they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In binary16.
    F16(&'a [u16]),
    /// In bfloat16: the upper half of the 32 bits.
    Bf16(&'a [u16]),
}

impl<'a> Weights<'a> {
    /// Number of weights.
    #[expect(clippy::len_without_is_empty, reason = "no caller needs it")]
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::F16(all) | Self::Bf16(all) => all.len(),
        }
    }

    /// `count` weights from `from` on; `None` if there are fewer.
    #[inline]
    pub fn part(self, from: usize, count: usize) -> Option<Self> {
        let range = from..from.checked_add(count)?;
        Some(match self {
            Self::F32(all) => Self::F32(all.get(range)?),
            Self::F16(all) => Self::F16(all.get(range)?),
            Self::Bf16(all) => Self::Bf16(all.get(range)?),
        })
    }

    /// Hints to the processor that they will soon be read.
    #[inline]
    pub fn prefetch(self) {
        match self {
            Self::F32(all) => prefetch(all),
            Self::F16(all) | Self::Bf16(all) => prefetch(all),
        }
    }

    /// The weights as a list of `f32`. Faster than collecting [`iter`](Self::iter): the precision is looked
    /// at once.
    pub fn to_vec(self) -> Vec<f32> {
        match self {
            Self::F32(all) => all.to_vec(),
            Self::F16(all) => all.iter().map(|bits| half::decode(*bits)).collect(),
            Self::Bf16(all) => all.iter().map(|bits| bf16::decode(*bits)).collect(),
        }
    }

    /// The weights as `f32`.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = f32> + 'a {
        let (full, halves, upper): (&[f32], &[u16], &[u16]) = match self {
            Self::F32(all) => (all, &[], &[]),
            Self::F16(all) => (&[], all, &[]),
            Self::Bf16(all) => (&[], &[], all),
        };
        let halves = halves.iter().map(|bits| half::decode(*bits));
        let upper = upper.iter().map(|bits| bf16::decode(*bits));
        full.iter().copied().chain(halves).chain(upper)
    }
}
