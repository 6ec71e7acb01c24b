//! Inner products with tiles of codes, with AVX2: two registers per group of components.

use super::super::code_layout::{GROUP, GROUP_BYTES, TILE_ROWS};
use super::{Avx2, CODES};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

impl Avx2 {
    /// The inner products of a query with the rows of a tile.
    #[inline]
    pub(in super::super) fn dot_tile(
        self,
        query: &[[i8; GROUP]],
        tile: &[[u8; GROUP_BYTES]],
        sums: &mut [i32; TILE_ROWS],
    ) {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { dot_tile(query, tile, sums) }
    }
}

#[target_feature(enable = "avx2")]
fn dot_tile(query: &[[i8; GROUP]], tile: &[[u8; GROUP_BYTES]], sums: &mut [i32; TILE_ROWS]) {
    let [mut first, mut second] = [_mm256_setzero_si256(); 2];
    for (query, group) in query.iter().zip(tile) {
        let query = _mm256_set1_epi32(i32::from_le_bytes(query.map(i8::cast_unsigned)));
        if let ([lower, upper], []) = group.as_chunks::<CODES>() {
            first = add(first, query, lower);
            second = add(second, query, upper);
        }
    }
    let (lower, upper) = sums.split_at_mut(TILE_ROWS / 2);
    // SAFETY: each half has the eight sums that are written; they need no alignment.
    unsafe {
        _mm256_storeu_si256(lower.as_mut_ptr().cast::<__m256i>(), first);
        _mm256_storeu_si256(upper.as_mut_ptr().cast::<__m256i>(), second);
    }
}

/// Two products of codes of 7 bits fit into 16 bits with their sum, so no step saturates.
#[inline]
#[target_feature(enable = "avx2")]
fn add(total: __m256i, query: __m256i, rows: &[u8; CODES]) -> __m256i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    let rows = unsafe { _mm256_loadu_si256(rows.as_ptr().cast::<__m256i>()) };
    let pairs = _mm256_maddubs_epi16(rows, query);
    _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}
