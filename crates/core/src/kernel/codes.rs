//! Quantised vectors, one byte per component: the query's side of a comparison.
//!
//! A code is an integer from -127 to 127; the caller knows its scale. Kernels return exact integers, so
//! all levels agree to the bit. Up to [`MAX_DIMENSION`](super::MAX_DIMENSION) codes no sum overflows an
//! `i32`: a product is at most 2^14, a squared difference less than 2^16.
//!
//! -128 is not a code, but a damaged file may contain it. In a row it is compared exactly, like any other
//! value. In a query it is replaced by -127, because AVX2 cannot negate it; kernels without this
//! restriction took half as long again.
//!
//! Rows are fastest when padded with zeros to whole registers of 64 codes (16 for short rows). Zeros
//! change no result. Other lengths work and cost a little more.

/// A quantised query with the sum of its codes, which AVX-512 needs.
///
/// One value serves many queries in turn: [`set`](Self::set) keeps the allocation.
#[derive(Clone, Debug, Default)]
pub struct CodeQuery {
    codes: Vec<i8>,
    /// The sum of the codes. AVX-512 multiplies unsigned by signed bytes, so it adds 128 to every code of
    /// a row and has to subtract 128 times this sum.
    sum: i32,
}

impl CodeQuery {
    /// A query of these codes, padded like the rows it is compared with.
    #[cfg(test)]
    pub fn new(codes: impl IntoIterator<Item = i8>) -> Self {
        let mut query = Self::default();
        query.set(codes);
        query
    }

    /// Replaces the codes. -128 becomes -127.
    pub fn set(&mut self, codes: impl IntoIterator<Item = i8>) {
        self.codes.clear();
        let codes = codes.into_iter().map(|code| code.max(-i8::MAX));
        self.codes.extend(codes);
        self.sum = self.codes.iter().map(|code| i32::from(*code)).sum();
    }

    /// The codes.
    #[inline]
    pub fn codes(&self) -> &[i8] {
        &self.codes
    }

    /// The sum of the codes.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only AVX-512 needs the sum")
    )]
    #[inline]
    pub(super) fn sum(&self) -> i32 {
        self.sum
    }
}

/// Rows of codes, of equal length, in one slice.
#[derive(Clone, Copy, Debug)]
pub struct CodeRows<'a> {
    codes: &'a [i8],
    stride: usize,
}

impl<'a> CodeRows<'a> {
    /// Rows of `stride` codes each.
    #[inline]
    pub fn new(codes: &'a [i8], stride: usize) -> Self {
        Self { codes, stride }
    }

    /// Codes per row, padding included.
    #[inline]
    pub fn stride(self) -> usize {
        self.stride
    }

    /// The number of rows.
    #[inline]
    pub fn count(self) -> usize {
        self.codes.len().checked_div(self.stride).unwrap_or(0)
    }

    /// The codes of a row; `None` if it is out of range.
    #[inline]
    pub fn row(self, row: u32) -> Option<&'a [i8]> {
        let from = (row as usize).checked_mul(self.stride)?;
        self.codes.get(from..from.checked_add(self.stride)?)
    }
}

/// How the sum of a kernel becomes a score.
#[derive(Clone, Copy, Debug)]
pub struct ScoreScale {
    /// The score of 1.
    pub factor: f32,
    /// The score of 0.
    pub term: f32,
}

impl ScoreScale {
    /// The score of a sum.
    #[inline]
    pub fn score(self, sum: i32) -> f32 {
        self.factor * sum as f32 + self.term
    }
}

/// Rows of codes to score for a query.
#[derive(Clone, Copy, Debug)]
pub struct CodeBatch<'a> {
    /// The query.
    pub query: &'a CodeQuery,
    /// All rows.
    pub codes: CodeRows<'a>,
    /// The rows to score. One that is out of range counts as empty.
    pub rows: &'a [u32],
    /// How sums become scores.
    pub scale: ScoreScale,
}

impl CodeBatch<'_> {
    /// Writes the scores: by fours with `four` where the rows are as long as the query, else with `one`.
    ///
    /// The query is loaded once for four rows, and their sums run in parallel.
    #[expect(
        clippy::inline_always,
        reason = "the sums need the instructions of the caller"
    )]
    #[inline(always)]
    pub(super) fn score(
        self,
        scores: &mut Vec<f32>,
        four: impl Fn(&[i8], [&[i8]; 4]) -> [i32; 4],
        one: impl Fn(&[i8], &[i8]) -> i32,
    ) {
        let (query, scale) = (self.query.codes(), self.scale);
        scores.clear();
        scores.resize(self.rows.len(), 0.0);
        let (fours, rest) = self.rows.as_chunks::<4>();
        let (four_scores, rest_scores) = scores.as_chunks_mut::<4>();
        let codes = |row: &u32| self.codes.row(*row).unwrap_or_default();
        for (rows, scores) in fours.iter().zip(four_scores) {
            let rows = rows.each_ref().map(codes);
            let sums = match rows.iter().all(|row| row.len() >= query.len()) {
                true => four(query, rows),
                false => rows.map(|row| one(query, row)),
            };
            *scores = sums.map(|sum| scale.score(sum));
        }
        for (row, score) in rest.iter().zip(rest_scores) {
            *score = scale.score(one(query, codes(row)));
        }
    }
}
