//! A walk over the postings of a term.

use super::blocks::{BLOCK_ROWS, unpack_frequencies, unpack_rows};
use super::index::{LexicalIndex, TermNo};
use std::ops::Range;

/// A place in the postings of a term. It moves forward only.
pub(super) struct Cursor<'a> {
    index: LexicalIndex<'a>,
    term: TermNo,
    blocks: Range<usize>,
    /// The block of the present row, from 0 within the term.
    block: usize,
    /// The rows of the block, `count` of them.
    rows: [u32; BLOCK_ROWS],
    count: usize,
    /// The present row within the block.
    at: usize,
    /// The frequencies of the block, once one was needed.
    frequencies: [u32; BLOCK_ROWS],
    has_frequencies: bool,
}

impl<'a> Cursor<'a> {
    /// The first posting of a term.
    pub(super) fn new(index: LexicalIndex<'a>, term: TermNo) -> Self {
        let mut cursor = Self {
            blocks: index.blocks(term),
            index,
            term,
            block: 0,
            rows: [0; BLOCK_ROWS],
            count: 0,
            at: 0,
            frequencies: [0; BLOCK_ROWS],
            has_frequencies: false,
        };
        cursor.load(0);
        cursor
    }

    /// The present row; `None` after the last one.
    #[inline]
    pub(super) fn row(&self) -> Option<u32> {
        self.rows
            .get(self.at)
            .copied()
            .filter(|_| self.at < self.count)
    }

    /// The frequency in the present row.
    #[inline]
    pub(super) fn frequency(&mut self) -> u32 {
        if !self.has_frequencies {
            let block = self.blocks.start + self.block;
            let out = self.frequencies.get_mut(..self.count).unwrap_or_default();
            unpack_frequencies(self.index.bits(block), &self.index.head(block), out);
            self.has_frequencies = true;
        }
        self.frequencies.get(self.at).copied().unwrap_or_default()
    }

    /// The largest frequency and the least length in the present block, and its last row.
    pub(super) fn block_bounds(&self) -> (u32, u32, u32) {
        let head = self.index.head(self.blocks.start + self.block);
        (head.max_frequency, head.min_length, head.last)
    }

    /// The largest frequency and the least length in all blocks.
    pub(super) fn bounds(&self) -> (u32, u32) {
        let heads = self.blocks.clone().map(|block| self.index.head(block));
        let bounds = heads.map(|head| (head.max_frequency, head.min_length));
        bounds
            .reduce(|(most, least), (frequency, length)| (most.max(frequency), least.min(length)))
            .unwrap_or_default()
    }

    /// Moves to the next row.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.at += 1;
        if self.at >= self.count && self.block < self.blocks.len() {
            self.load(self.block + 1);
        }
    }

    /// Moves to the first row that is `row` or later.
    pub(super) fn seek(&mut self, row: u32) {
        if self.row().is_none_or(|present| present >= row) {
            return;
        }
        let from = self.blocks.start + self.block;
        let lasts = self.index.lasts(from..self.blocks.end);
        // Most seeks are short: the width of the search doubles from the present block on.
        let mut width = 1;
        while lasts.get(width - 1).is_some_and(|last| *last < row) {
            width *= 2;
        }
        let low = width / 2;
        let near = lasts.get(low..width.min(lasts.len())).unwrap_or_default();
        let skipped = low + near.partition_point(|last| *last < row);
        if skipped > 0 {
            self.load(self.block + skipped);
        }
        let rows = self.rows.get(self.at..self.count).unwrap_or_default();
        self.at += rows.partition_point(|other| *other < row);
        // Only in a damaged index: rows are in no order, or the block ends before its last row.
        while self.block < self.blocks.len() && self.row().is_none_or(|present| present < row) {
            self.advance();
        }
    }

    /// Unpacks a block of the term, from 0; the end after the last block.
    fn load(&mut self, block: usize) {
        self.block = block.min(self.blocks.len());
        self.at = 0;
        self.has_frequencies = false;
        self.count = match self.block < self.blocks.len() {
            true => self.index.block_rows(self.term, self.block),
            false => 0,
        };
        let at = self.blocks.start + self.block;
        let before = (self.block > 0).then(|| self.index.head(at.saturating_sub(1)).last);
        let out = self.rows.get_mut(..self.count).unwrap_or_default();
        unpack_rows(self.index.bits(at), &self.index.head(at), before, out);
    }
}
