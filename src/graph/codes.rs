//! Quantised vectors: one byte per component, a quarter of what exact scores read.
//!
//! [`CodeBook`] says how they are made and read; [`code_choice`](super::code_choice) whether they are of
//! use.

use super::code_book::{CodeBook, MIN_TASK_ROWS, code_stride};
use super::rotation::rotate;
use super::rows::{Rows, StoredRows};
use rayon::prelude::*;
use twinspire_core::kernel::{CodeRows, Metric};

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
    /// `code_stride` codes per row.
    pub(super) rows: CodeRows<'a>,
}

impl OwnedCodes {
    /// The codes of rows for searches by `metric`. The rows are rotated already if `rotated` says so. Fewer
    /// than [`MIN_TASK_ROWS`] are quantised on this thread alone. `None` if there is no usable scale.
    pub(super) fn encode(rows: Rows<'_>, metric: Metric, rotated: bool) -> Option<Self> {
        let mut book = CodeBook::fit(rows, metric, rotated)?;
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
                (book.loss(row).sqrt(), length.sqrt())
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
        let rows = CodeRows::new(data, code_stride(book.centre.len()));
        Self { book, rows }
    }

    /// The first row whose codes are not these.
    pub(crate) fn first_mismatch(&self, rows: StoredRows<'_>) -> Option<u32> {
        let (mut expected, mut buffer) = (vec![0; self.rows.stride()], Vec::new());
        (0..rows.count()).find(|node| {
            if let Some(row) = rows.row(*node) {
                buffer.clear();
                row.append_to(&mut buffer);
                if self.book.rotated {
                    rotate(&mut buffer);
                }
                self.book.encode(&buffer, &mut expected);
            }
            self.rows.row(*node) != Some(expected.as_slice())
        })
    }
}
