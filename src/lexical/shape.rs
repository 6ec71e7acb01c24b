//! The lengths of the arrays of an index.

use bincode::{Decode, Encode};
use std::ops::Range;

/// Arrays begin at multiples of this.
const ALIGNMENT: u64 = 8;

/// What an index holds, and so how long its arrays are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct IndexShape {
    /// Rows, those without a term included.
    pub(crate) rows: u32,
    /// Rows with a term.
    pub(crate) documents: u32,
    /// The sum of their lengths.
    pub(crate) length: u64,
    /// Different terms.
    pub(crate) terms: u32,
    /// Bytes of the terms.
    pub(crate) text_bytes: u64,
    /// Blocks of postings.
    pub(crate) blocks: u32,
    /// Bytes of packed postings.
    pub(crate) data_bytes: u64,
}

/// The arrays, in their order.
pub(super) const ARRAYS: usize = 11;

impl IndexShape {
    /// The bytes of each array, without padding. `None` if they exceed 64 bits.
    fn lengths(&self) -> Option<[u64; ARRAYS]> {
        let (rows, terms, blocks) = (
            u64::from(self.rows),
            u64::from(self.terms),
            u64::from(self.blocks),
        );
        // Counts are of 32 bits; only the last two come from numbers of 64.
        Some([
            4 * rows,
            8 * (terms + 1),
            self.text_bytes,
            4 * (terms + 1),
            4 * terms,
            4 * blocks,
            4 * blocks,
            4 * blocks,
            2 * blocks,
            8 * (blocks + 1),
            self.data_bytes,
        ])
    }

    /// Where each array is, and the bytes of all of them with padding. `None` if they exceed 64 bits.
    pub(super) fn ranges(&self) -> Option<([Range<u64>; ARRAYS], u64)> {
        let mut at = 0u64;
        let mut ranges = [const { 0..0 }; ARRAYS];
        for (range, length) in ranges.iter_mut().zip(self.lengths()?) {
            let end = at.checked_add(length)?;
            *range = at..end;
            at = end.checked_next_multiple_of(ALIGNMENT)?;
        }
        Some((ranges, at))
    }

    /// The bytes of all arrays. `None` if they exceed 64 bits.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.ranges().map(|(_, bytes)| bytes)
    }
}
