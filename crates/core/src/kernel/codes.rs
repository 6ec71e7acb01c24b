//! Vectors in codes of one byte: the query's side of a comparison.
//!
//! A code is from -127 to 127; what it stands for is the business of whoever made it. The kernels
//! return exact integers, so that every level gives the same answer to the bit. Up to
//! [`MAX_DIMENSION`](super::MAX_DIMENSION) codes no sum leaves an `i32`: products are at most 2^14
//! and squares of differences less than 2^16.
//!
//! -128 is no code, but a damaged file may have it: in a row it is compared exactly like any
//! other. A query cannot have it, for AVX2 could not negate it; the kernels that do without would
//! take half as long again.
//!
//! Rows are best padded with zeros, which change no result, to whole registers of 64 codes, or of
//! 16 where there are few; other lengths work, and cost a little more.

/// A query in codes, and what the kernels want to know of it beforehand.
///
/// One may serve for many queries after each other: [`set`](Self::set) keeps the allocation.
#[derive(Clone, Debug, Default)]
pub struct CodeQuery {
    codes: Vec<i8>,
    /// All codes added up: AVX-512 multiplies unsigned bytes by signed ones, so that it sees the
    /// codes of a row 128 too large and has 128 times this to take off.
    sum: i32,
}

impl CodeQuery {
    /// A query of these codes, to be compared with rows that are padded as they are.
    #[cfg(test)]
    pub fn new(codes: impl IntoIterator<Item = i8>) -> Self {
        let mut query = Self::default();
        query.set(codes);
        query
    }

    /// Makes it another query. -128 becomes -127.
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

    /// All codes added up.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only AVX-512 multiplies by unsigned codes")
    )]
    #[inline]
    pub(super) fn sum(&self) -> i32 {
        self.sum
    }
}
