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
