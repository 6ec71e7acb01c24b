//! Inverting documents.
//!
//! Cost: one look-up a term and document. Memory holds the packed postings, and for each term its text and the last
//! block.

use super::blocks::{BLOCK_ROWS, BlockHead, pack};
use super::document::Document;
use super::index::LexicalIndex;
use super::shape::IndexShape;
use std::collections::HashMap;
use std::convert::Infallible;

/// Builds an index from documents in order of rows.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    lengths: Vec<u32>,
    terms: HashMap<Box<str>, TermBuilder>,
}

/// The postings of a term.
#[derive(Debug, Default)]
struct TermBuilder {
    /// Rows and frequencies that are in no block yet.
    open: Vec<(u32, u32)>,
    /// The length of the shortest item among them.
    min_length: u32,
    /// The number of all rows.
    count: u32,
    heads: Vec<BlockHead>,
    /// Where the bits of each block end.
    ends: Vec<u64>,
    bits: Vec<u8>,
}

/// An index in memory.
#[derive(Clone, Debug)]
pub(crate) struct OwnedIndex {
    shape: IndexShape,
    /// The arrays, as they would be stored.
    words: Vec<u64>,
}

impl IndexBuilder {
    /// Adds the document of the next row. One without terms takes a row all the same.
    pub(crate) fn push(&mut self, document: &Document) {
        let row = self.lengths.len() as u32;
        self.lengths.push(document.length);
        for (term, frequency) in &document.terms {
            let builder = match self.terms.get_mut(term.as_str()) {
                Some(builder) => builder,
                None => self.terms.entry(term.as_str().into()).or_default(),
            };
            builder.push(row, *frequency, document.length);
        }
    }

    /// Passes the arrays of the index to `write`, as they are stored, and returns their shape.
    pub(crate) fn finish<E>(
        self,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<IndexShape, E> {
        let mut terms: Vec<(Box<str>, TermBuilder)> = self.terms.into_iter().collect();
        terms.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        for (_, builder) in &mut terms {
            builder.close_block();
        }
        let each = || terms.iter().map(|(_, builder)| builder);
        let heads = || each().flat_map(|builder| &builder.heads);
        let text_ends = running(terms.iter().map(|(text, _)| text.len() as u64));
        let block_ends = running(each().map(|builder| builder.heads.len() as u32));
        let mut data_ends = vec![0u64];
        for builder in each() {
            let start = data_ends.last().copied().unwrap_or_default();
            data_ends.extend(builder.ends.iter().map(|end| start + end));
        }
        let shape = IndexShape {
            rows: self.lengths.len() as u32,
            documents: self.lengths.iter().filter(|length| **length > 0).count() as u32,
            length: self.lengths.iter().map(|length| u64::from(*length)).sum(),
            terms: terms.len() as u32,
            text_bytes: text_ends.last().copied().unwrap_or_default(),
            blocks: block_ends.last().copied().unwrap_or_default(),
            data_bytes: data_ends.last().copied().unwrap_or_default(),
        };
        let counts = Vec::from_iter(each().map(|builder| builder.count));
        let lasts = Vec::from_iter(heads().map(|head| head.last));
        let max_frequencies = Vec::from_iter(heads().map(|head| head.max_frequency));
        let min_lengths = Vec::from_iter(heads().map(|head| head.min_length));
        let widths = Vec::from_iter(heads().map(|head| head.widths));
        let mut array = |parts: &mut dyn Iterator<Item = &[u8]>| -> Result<(), E> {
            let mut bytes = 0usize;
            for part in parts {
                bytes += part.len();
                write(part)?;
            }
            let zeros = [0u8; 8];
            let gap = bytes.next_multiple_of(zeros.len()) - bytes;
            write(zeros.get(..gap).unwrap_or_default())
        };
        let mut whole = |bytes: &[u8]| array(&mut std::iter::once(bytes));
        whole(bytemuck::cast_slice(&self.lengths))?;
        whole(bytemuck::cast_slice(&text_ends))?;
        array(&mut terms.iter().map(|(text, _)| text.as_bytes()))?;
        let mut whole = |bytes: &[u8]| array(&mut std::iter::once(bytes));
        whole(bytemuck::cast_slice(&block_ends))?;
        whole(bytemuck::cast_slice(&counts))?;
        whole(bytemuck::cast_slice(&lasts))?;
        whole(bytemuck::cast_slice(&max_frequencies))?;
        whole(bytemuck::cast_slice(&min_lengths))?;
        whole(bytemuck::cast_slice(&widths))?;
        whole(bytemuck::cast_slice(&data_ends))?;
        array(&mut each().map(|builder| builder.bits.as_slice()))?;
        Ok(shape)
    }

    /// The index in memory.
    pub(crate) fn build(self) -> OwnedIndex {
        let mut bytes = Vec::new();
        let written: Result<IndexShape, Infallible> = self.finish(|part| {
            bytes.extend_from_slice(part);
            Ok(())
        });
        let Ok(shape) = written;
        // Arrays fill multiples of eight bytes.
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        OwnedIndex { shape, words }
    }
}

/// Zero, then the sum of the values up to each.
fn running<T: Copy + Default + std::ops::Add<Output = T>>(
    values: impl Iterator<Item = T>,
) -> Vec<T> {
    let mut sum = T::default();
    let sums = values.map(|value| {
        sum = sum + value;
        sum
    });
    std::iter::once(T::default()).chain(sums).collect()
}

impl TermBuilder {
    fn push(&mut self, row: u32, frequency: u32, length: u32) {
        self.min_length = match self.open.is_empty() {
            true => length,
            false => self.min_length.min(length),
        };
        self.open.push((row, frequency));
        self.count += 1;
        if self.open.len() == BLOCK_ROWS {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let before = self.heads.last().map(|head| head.last);
        let head = pack(&self.open, before, self.min_length, &mut self.bits);
        self.heads.push(head);
        self.ends.push(self.bits.len() as u64);
        self.open.clear();
    }
}

impl OwnedIndex {
    /// The index, to read.
    pub(crate) fn view(&self) -> LexicalIndex<'_> {
        let bytes = bytemuck::cast_slice(&self.words);
        LexicalIndex::of(&self.shape, bytes).unwrap_or_default()
    }
}
