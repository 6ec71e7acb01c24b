//! An index, read in place.

use super::blocks::{BLOCK_ROWS, BlockHead};
use super::shape::IndexShape;
use std::ops::Range;

/// The arrays of an index, wherever they are. Nothing in them is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LexicalIndex<'a> {
    shape: IndexShape,
    lengths: &'a [u32],
    text_ends: &'a [u64],
    texts: &'a [u8],
    block_ends: &'a [u32],
    counts: &'a [u32],
    lasts: &'a [u32],
    max_frequencies: &'a [u32],
    min_lengths: &'a [u32],
    widths: &'a [u16],
    data_ends: &'a [u64],
    data: &'a [u8],
}

/// A term of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TermNo(usize);

impl<'a> LexicalIndex<'a> {
    /// The index of this shape in these bytes; `None` if they are too short for it, or not aligned.
    pub(crate) fn of(shape: &IndexShape, bytes: &'a [u8]) -> Option<Self> {
        let (ranges, _) = shape.ranges()?;
        let part = |range: &Range<u64>| {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            bytes.get(range)
        };
        let [a, b, c, d, e, f, g, h, i, j, k] = &ranges;
        Some(Self {
            shape: *shape,
            lengths: cast(part(a)?)?,
            text_ends: cast(part(b)?)?,
            texts: part(c)?,
            block_ends: cast(part(d)?)?,
            counts: cast(part(e)?)?,
            lasts: cast(part(f)?)?,
            max_frequencies: cast(part(g)?)?,
            min_lengths: cast(part(h)?)?,
            widths: cast(part(i)?)?,
            data_ends: cast(part(j)?)?,
            data: part(k)?,
        })
    }

    /// What it holds.
    pub(crate) fn shape(&self) -> &IndexShape {
        &self.shape
    }

    /// The number of rows with a term.
    pub(crate) fn count(&self, term: &str) -> u32 {
        let term = self.find(term);
        term.map_or(0, |term| self.count_of(term))
    }

    /// The length of a row; 0 if it has no term.
    #[inline]
    pub(super) fn length(&self, row: u32) -> u32 {
        self.lengths.get(row as usize).copied().unwrap_or_default()
    }

    /// Finds a term.
    pub(super) fn find(&self, term: &str) -> Option<TermNo> {
        let (mut low, mut high) = (0, self.counts.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.text(middle).cmp(term.as_bytes()) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(TermNo(middle)),
            }
        }
        None
    }

    fn text(&self, term: usize) -> &'a [u8] {
        let found = || {
            let from = usize::try_from(*self.text_ends.get(term)?).ok()?;
            let to = usize::try_from(*self.text_ends.get(term + 1)?).ok()?;
            self.texts.get(from..to)
        };
        found().unwrap_or_default()
    }

    /// The number of rows with a term, at most all rows.
    pub(super) fn count_of(&self, TermNo(term): TermNo) -> u32 {
        let count = self.counts.get(term).copied().unwrap_or_default();
        count.min(self.shape.rows)
    }

    /// The blocks of a term.
    pub(super) fn blocks(&self, TermNo(term): TermNo) -> Range<usize> {
        let end = |at: usize| self.block_ends.get(at).map_or(0, |end| *end as usize);
        let (from, to) = (end(term), end(term + 1).min(self.lasts.len()));
        from.min(to)..to
    }

    /// The last rows of some blocks.
    pub(super) fn lasts(&self, blocks: Range<usize>) -> &'a [u32] {
        self.lasts.get(blocks).unwrap_or_default()
    }

    /// The head of a block.
    pub(super) fn head(&self, block: usize) -> BlockHead {
        let of = |array: &[u32]| array.get(block).copied().unwrap_or_default();
        BlockHead {
            last: of(self.lasts),
            max_frequency: of(self.max_frequencies),
            min_length: of(self.min_lengths),
            widths: self.widths.get(block).copied().unwrap_or_default(),
        }
    }

    /// The packed bits of a block.
    pub(super) fn bits(&self, block: usize) -> &'a [u8] {
        let found = || {
            let from = usize::try_from(*self.data_ends.get(block)?).ok()?;
            let to = usize::try_from(*self.data_ends.get(block + 1)?).ok()?;
            self.data.get(from..to)
        };
        found().unwrap_or_default()
    }

    /// The number of rows of block `at` of a term.
    pub(super) fn block_rows(&self, term: TermNo, at: usize) -> usize {
        let before = at.saturating_mul(BLOCK_ROWS);
        (self.count_of(term) as usize)
            .saturating_sub(before)
            .min(BLOCK_ROWS)
    }
}

fn cast<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Option<&[T]> {
    bytemuck::try_cast_slice(bytes).ok()
}
