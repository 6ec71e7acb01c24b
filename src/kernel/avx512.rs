//! Kernels for x86-64 processors that have AVX-512 with VNNI.
//!
//! What does not fill a register is loaded under a mask, which reads nothing beyond the slice.
#![expect(
    unsafe_code,
    reason = "vector instructions need a processor that has them, which the compiler cannot know"
)]

use super::avx2::Avx2;
use std::arch::x86_64::{
    __m256i, __m512i, __mmask32, __mmask64, _mm256_add_epi32, _mm256_loadu_si256,
    _mm256_maskz_loadu_epi8, _mm512_add_epi32, _mm512_castsi512_si256, _mm512_cvtepi8_epi16,
    _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_sub_epi16, _mm512_xor_si512,
};

/// Codes in a register.
const CODES: usize = 64;
/// Codes that fill a register once they are made sixteen bits wide.
const WIDENED: usize = 32;
/// Sums that run side by side, so that one addition need not wait for the last.
const SUMS: usize = 4;

/// Evidence that this processor has AVX-512 F, BW, VL and VNNI, and what [`Avx2`] stands for: there
/// is no other way to come by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    /// Asks the processor; the answer is remembered by the standard library.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        Avx2::detect().filter(|_| found).map(Self)
    }

    /// The lesser evidence that is in this one.
    pub(super) fn avx2(self) -> Avx2 {
        self.0
    }

    /// The inner product of codes over the shorter length of the two.
    pub(super) fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_i8(a, b) }
    }

    /// The inner product of a query, whose codes add up to `sum`, and a row no shorter than it.
    pub(super) fn dot_codes(self, query: &[i8], sum: i32, row: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_codes(query, row) - 128 * sum }
    }

    /// The same with four rows no shorter than the query.
    pub(super) fn dot_codes_4(self, query: &[i8], sum: i32, rows: [&[i8]; 4]) -> [i32; 4] {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_codes_4(query, rows) }.map(|dot| dot - 128 * sum)
    }

    /// The squared Euclidean distance of codes over the shorter length of the two.
    pub(super) fn l2_squared_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_i8(a, b) }
    }

    /// The same of a query and four rows no shorter than it.
    pub(super) fn l2_squared_i8_4(self, query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_i8_4(query, rows) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    sum::<WIDENED>(
        a,
        b,
        |codes| widen(codes),
        |codes| widen_rest(codes),
        |sum, a, b| _mm512_dpwssd_epi32(sum, a, b),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn l2_squared_i8(a: &[i8], b: &[i8]) -> i32 {
    sum::<WIDENED>(
        a,
        b,
        |codes| widen(codes),
        |codes| widen_rest(codes),
        |sum, a, b| {
            let apart = _mm512_sub_epi16(a, b);
            _mm512_dpwssd_epi32(sum, apart, apart)
        },
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn l2_squared_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_4::<WIDENED>(
        query,
        rows,
        |codes| widen(codes),
        |codes| widen_rest(codes),
        |sum, a, b| {
            let apart = _mm512_sub_epi16(a, b);
            _mm512_dpwssd_epi32(sum, apart, apart)
        },
    )
}

/// The inner product, too large by 128 times the sum of the query.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_codes(query: &[i8], row: &[i8]) -> i32 {
    let flip = _mm512_set1_epi8(-128);
    sum::<CODES>(
        query,
        row,
        |codes| load(codes),
        |codes| load_rest(codes),
        |sum, query, row| _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, flip), query),
    )
}

/// The inner products, each too large by 128 times the sum of the query.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_codes_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    let flip = _mm512_set1_epi8(-128);
    sum_4::<CODES>(
        query,
        rows,
        |codes| load(codes),
        |codes| load_rest(codes),
        |sum, query, row| _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, flip), query),
    )
}

/// Adds up all terms; `add` adds those of `N` codes to a sum.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sum<const N: usize>(
    a: &[i8],
    b: &[i8],
    load: impl Fn(&[i8; N]) -> __m512i,
    load_rest: impl Fn(&[i8]) -> __m512i,
    add: impl Fn(__m512i, __m512i, __m512i) -> __m512i,
) -> i32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<N>();
    let (b, rest_b) = b[..length].as_chunks::<N>();
    let (wide_a, a) = a.as_chunks::<SUMS>();
    let (wide_b, b) = b.as_chunks::<SUMS>();
    let mut sums = [_mm512_setzero_si512(); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = add(*sum, load(a), load(b));
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = add(*sum, load(a), load(b));
    }
    if !rest_a.is_empty() {
        sums[SUMS - 1] = add(sums[SUMS - 1], load_rest(rest_a), load_rest(rest_b));
    }
    let [first, second, third, fourth] = sums;
    _mm512_reduce_add_epi32(_mm512_add_epi32(
        _mm512_add_epi32(first, second),
        _mm512_add_epi32(third, fourth),
    ))
}

/// The same for four rows no shorter than the query, a sum for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sum_4<const N: usize>(
    query: &[i8],
    rows: [&[i8]; 4],
    load: impl Fn(&[i8; N]) -> __m512i,
    load_rest: impl Fn(&[i8]) -> __m512i,
    add: impl Fn(__m512i, __m512i, __m512i) -> __m512i,
) -> [i32; 4] {
    let [a, b, c, d] = rows.map(|row| row[..query.len()].as_chunks::<N>());
    let (query, rest) = query.as_chunks::<N>();
    let mut sums = [_mm512_setzero_si512(); 4];
    let whole = query.iter().zip(a.0).zip(b.0).zip(c.0).zip(d.0);
    for ((((query, a), b), c), d) in whole {
        let query = load(query);
        for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
            *sum = add(*sum, query, load(row));
        }
    }
    if !rest.is_empty() {
        let query = load_rest(rest);
        for (sum, row) in sums.iter_mut().zip([a.1, b.1, c.1, d.1]) {
            *sum = add(*sum, query, load_rest(row));
        }
    }
    totals(sums)
}

#[target_feature(enable = "avx512f")]
fn load(codes: &[i8; CODES]) -> __m512i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast::<__m512i>()) }
}

/// Fewer codes than fill a register, and zeros.
#[target_feature(enable = "avx512f,avx512bw")]
fn load_rest(rest: &[i8]) -> __m512i {
    let mask: __mmask64 = (1 << rest.len().min(CODES - 1)) - 1;
    // SAFETY: the mask has a bit for no more bytes than there are, and no others are read.
    unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn widen(codes: &[i8; WIDENED]) -> __m512i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    _mm512_cvtepi8_epi16(unsafe { _mm256_loadu_si256(codes.as_ptr().cast::<__m256i>()) })
}

/// Fewer codes than fill a register once they are wide, and zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn widen_rest(rest: &[i8]) -> __m512i {
    let mask: __mmask32 = (1 << rest.len().min(WIDENED - 1)) - 1;
    // SAFETY: the mask has a bit for no more bytes than there are, and no others are read.
    _mm512_cvtepi8_epi16(unsafe { _mm256_maskz_loadu_epi8(mask, rest.as_ptr()) })
}

/// The lanes of each added up.
#[target_feature(enable = "avx512f,avx2")]
fn totals(sums: [__m512i; 4]) -> [i32; 4] {
    let [a, b, c, d] = sums.map(|sum| {
        let upper = _mm512_extracti64x4_epi64::<1>(sum);
        _mm256_add_epi32(_mm512_castsi512_si256(sum), upper)
    });
    super::avx2::totals([a, b, c, d])
}
