//! Quantised vectors: one byte per component, a quarter of what exact scores read.
//!
//! [`CodeBook`] says how they are made and read.

use super::code_book::{CodeBook, MIN_TASK_ROWS, code_stride};
use super::rows::{Rows, StoredRows};
use rayon::prelude::*;

/// The codes of all rows, in their order.
#[derive(Clone, Debug)]
pub(crate) struct OwnedCodes {
    /// How they are read.
    pub(crate) book: CodeBook,
    /// `code_stride` codes per row.
    pub(crate) data: Vec<i8>,
}

/// A view of codes, wherever they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes<'a> {
    pub(super) book: &'a CodeBook,
    data: &'a [i8],
    stride: usize,
}

impl OwnedCodes {
    /// Quantises rows, fewer than [`MIN_TASK_ROWS`] on this thread alone. `None` if the quantisation error
    /// would be too large.
    pub(crate) fn quantise(rows: Rows<'_>) -> Option<Self> {
        let mut book = CodeBook::fit(rows)?;
        let stride = code_stride(rows.dimension());
        let mut data = vec![0; rows.count() as usize * stride];
        let bounds = data
            .par_chunks_exact_mut(stride)
            .with_min_len(MIN_TASK_ROWS)
            .enumerate()
            .map(|(row, codes)| {
                let row = rows.row(row as u32).unwrap_or_default();
                book.encode(row, codes);
                let length: f32 = row.iter().map(|x| x * x).sum();
                (book.loss(row).0.sqrt(), length.sqrt())
            });
        let (error, longest) = bounds.reduce(|| (0.0, 0.0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        (book.error, book.longest) = (error, longest);
        book.is_sound().then_some(Self { book, data })
    }

    /// A view of them.
    pub(crate) fn view(&self) -> Codes<'_> {
        Codes::new(&self.book, &self.data)
    }
}

impl<'a> Codes<'a> {
    /// Stored codes, `code_stride` of the dimension per row.
    pub(crate) fn new(book: &'a CodeBook, data: &'a [i8]) -> Self {
        let stride = code_stride(book.centre.len());
        Self { book, data, stride }
    }

    /// The first row whose codes are not these.
    pub(crate) fn first_mismatch(&self, rows: StoredRows<'_>) -> Option<u32> {
        let (mut expected, mut buffer) = (vec![0; self.stride], Vec::new());
        (0..rows.count()).find(|node| {
            if let Some(row) = rows.row(*node) {
                self.book.encode(row.floats(&mut buffer), &mut expected);
            }
            self.row(*node) != Some(expected.as_slice())
        })
    }

    /// Number of rows.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.data.len() / self.stride).unwrap_or(u32::MAX)
    }

    /// Codes per row, padding included.
    #[inline]
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The codes of a node; `None` for a node out of range.
    #[inline]
    pub(super) fn row(&self, node: u32) -> Option<&'a [i8]> {
        let from = (node as usize).checked_mul(self.stride)?;
        self.data.get(from..from.checked_add(self.stride)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_one_byte_cannot_tell_apart_get_no_codes() {
        let mut data: Vec<f32> = (0..400).map(|at| ((at * 7) % 11) as f32).collect();
        assert!(OwnedCodes::quantise(Rows::new(&data, 4)).is_some());
        data[9] = 1e9;
        assert!(OwnedCodes::quantise(Rows::new(&data, 4)).is_none());
        assert!(OwnedCodes::quantise(Rows::new(&[0.5; 40], 4)).is_none());
        assert!(OwnedCodes::quantise(Rows::new(&[], 4)).is_none());
    }
}
