//! Inner products with tiles of codes, with AVX-512: a register per group of components.

use super::super::code_layout::{GROUP, GROUP_BYTES, TILE_ROWS};
use super::{Avx512, SUMS};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_storeu_si512,
};

impl Avx512 {
    /// The inner products of a query with the rows of a tile.
    #[inline]
    pub(in super::super) fn dot_tile(
        self,
        query: &[[i8; GROUP]],
        tile: &[[u8; GROUP_BYTES]],
        sums: &mut [i32; TILE_ROWS],
    ) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_tile(query, tile, sums) }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn dot_tile(query: &[[i8; GROUP]], tile: &[[u8; GROUP_BYTES]], sums: &mut [i32; TILE_ROWS]) {
    let (queries, rest_queries) = query.as_chunks::<SUMS>();
    let (groups, rest_groups) = tile[..query.len()].as_chunks::<SUMS>();
    let mut totals = [_mm512_setzero_si512(); SUMS];
    for (queries, groups) in queries.iter().zip(groups) {
        for ((total, query), group) in totals.iter_mut().zip(queries).zip(groups) {
            *total = add(*total, *query, group);
        }
    }
    for ((total, query), group) in totals.iter_mut().zip(rest_queries).zip(rest_groups) {
        *total = add(*total, *query, group);
    }
    let [first, second, third, fourth] = totals;
    let total = _mm512_add_epi32(
        _mm512_add_epi32(first, second),
        _mm512_add_epi32(third, fourth),
    );
    // SAFETY: the reference is to the sixteen sums that are written; they need no alignment.
    unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast::<__m512i>(), total) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add(total: __m512i, query: [i8; GROUP], group: &[u8; GROUP_BYTES]) -> __m512i {
    let query = _mm512_set1_epi32(i32::from_le_bytes(query.map(i8::cast_unsigned)));
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    let rows = unsafe { _mm512_loadu_si512(group.as_ptr().cast::<__m512i>()) };
    _mm512_dpbusd_epi32(total, rows, query)
}
