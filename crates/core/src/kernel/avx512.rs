//! Kernels for x86-64 processors with AVX-512 and VNNI.
//!
//! An incomplete register is loaded under a mask, which reads nothing beyond the slice.
#![expect(
    unsafe_code,
    reason = "vector intrinsics require a processor that supports them"
)]

mod code_tiles;
mod fast_scan;
mod matrix;

use super::codes::CodeBatch;
use super::scalar;
use std::arch::x86_64::{
    __m256i, __m512, __m512i, __mmask16, __mmask64, _MM_FROUND_TO_NEAREST_INT, _mm256_add_epi32,
    _mm256_loadu_si256, _mm256_maskz_loadu_epi16, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_add_ps, _mm512_castsi512_si256, _mm512_cvtph_ps, _mm512_cvtps_ph, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_extracti64x4_epi64, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps, _mm512_max_epi8,
    _mm512_min_epi8, _mm512_reduce_add_epi32, _mm512_reduce_add_ps, _mm512_set1_epi8,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_sub_epi8, _mm512_sub_epi32,
    _mm512_sub_ps, _mm512_unpackhi_epi8, _mm512_unpacklo_epi8, _mm512_xor_si512,
};

/// Components in a register.
const LANES: usize = 16;
/// Sums that run side by side, so that an addition does not wait for the previous one.
const SUMS: usize = 4;
/// Codes in a register.
const CODES: usize = 64;

/// Proof that this processor has AVX-512 F, BW, VL and VNNI, and AVX2: only [`detect`](Self::detect)
/// creates one.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// Detects the features; the standard library caches the answer.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        found.then_some(Self(()))
    }

    /// The inner product.
    #[inline]
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot(a, b) }
    }

    /// The squared Euclidean distance.
    #[inline]
    pub(super) fn l2_squared(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared(a, b) }
    }

    /// The inner product of codes.
    #[inline]
    pub(super) fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_i8(a, b) }
    }

    /// The inner product of a query, whose codes sum to `sum`, and a row at least as long.
    #[inline]
    pub(super) fn dot_codes(self, query: &[i8], sum: i32, row: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_codes(query, row) - 128 * sum }
    }

    /// The scores of rows of codes by their inner products.
    #[inline]
    pub(super) fn dot_scores(self, batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_scores(batch, scores) }
    }

    /// The squared Euclidean distance of codes.
    #[inline]
    pub(super) fn l2_squared_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_i8(a, b) }
    }

    /// The scores of rows of codes by their squared Euclidean distances.
    #[inline]
    pub(super) fn l2_squared_scores(self, batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_scores(batch, scores) }
    }

    /// The inner product of a query and a row in binary16.
    #[inline]
    pub(super) fn dot_f16(self, query: &[f32], row: &[u16]) -> f32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { dot_f16(query, row) }
    }

    /// The squared Euclidean distance of a query and a row in binary16.
    #[inline]
    pub(super) fn l2_squared_f16(self, query: &[f32], row: &[u16]) -> f32 {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_f16(query, row) }
    }

    /// Converts components to binary16, as many as `row` has room for.
    #[inline]
    pub(super) fn encode_f16(self, vector: &[f32], row: &mut [u16]) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { encode_f16(vector, row) }
    }

    /// Converts components from binary16, as many as `vector` has room for.
    #[inline]
    pub(super) fn decode_f16(self, row: &[u16], vector: &mut [f32]) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { decode_f16(row, vector) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(
        a,
        b,
        |b| load(b),
        |b| load_rest(b),
        |sum, a, b| add_product(sum, a, b),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(
        a,
        b,
        |b| load(b),
        |b| load_rest(b),
        |sum, a, b| add_square(sum, a, b),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    sum(
        query,
        row,
        |b| load_f16(b),
        |b| load_f16_rest(b),
        |sum, a, b| add_product(sum, a, b),
    )
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn l2_squared_f16(query: &[f32], row: &[u16]) -> f32 {
    sum(
        query,
        row,
        |b| load_f16(b),
        |b| load_f16_rest(b),
        |sum, a, b| add_square(sum, a, b),
    )
}

#[target_feature(enable = "avx512f")]
fn add_product(sum: __m512, a: __m512, b: __m512) -> __m512 {
    _mm512_fmadd_ps(a, b, sum)
}

#[target_feature(enable = "avx512f")]
fn add_square(sum: __m512, a: __m512, b: __m512) -> __m512 {
    let apart = _mm512_sub_ps(a, b);
    _mm512_fmadd_ps(apart, apart, sum)
}

/// Sums over all components; `add` adds the terms of a register. `load_b` and `load_b_rest` convert the
/// second list to components.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sum<T>(
    a: &[f32],
    b: &[T],
    load_b: impl Fn(&[T; LANES]) -> __m512,
    load_b_rest: impl Fn(&[T]) -> __m512,
    add: impl Fn(__m512, __m512, __m512) -> __m512,
) -> f32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<LANES>();
    let (b, rest_b) = b[..length].as_chunks::<LANES>();
    let (wide_a, a) = a.as_chunks::<SUMS>();
    let (wide_b, b) = b.as_chunks::<SUMS>();
    let mut sums = [_mm512_setzero_ps(); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = add(*sum, load(a), load_b(b));
        }
    }
    // The rest: fewer whole registers than sums, then an incomplete one.
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = add(*sum, load(a), load_b(b));
    }
    if !rest_a.is_empty() {
        sums[SUMS - 1] = add(sums[SUMS - 1], load_rest(rest_a), load_b_rest(rest_b));
    }
    let [first, second, third, fourth] = sums;
    _mm512_reduce_add_ps(_mm512_add_ps(
        _mm512_add_ps(first, second),
        _mm512_add_ps(third, fourth),
    ))
}

#[target_feature(enable = "avx512f")]
fn load(lanes: &[f32; LANES]) -> __m512 {
    // SAFETY: the reference is to the floats that are read, and they need no alignment.
    unsafe { _mm512_loadu_ps(lanes.as_ptr()) }
}

/// Loads fewer components than fill a register; the other lanes are zero and add nothing.
#[target_feature(enable = "avx512f")]
fn load_rest(rest: &[f32]) -> __m512 {
    let mask: __mmask16 = (1 << rest.len().min(LANES - 1)) - 1;
    // SAFETY: the mask has a bit for no more floats than there are, and no others are read.
    unsafe { _mm512_maskz_loadu_ps(mask, rest.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let flip = _mm512_set1_epi8(-128);
    sum_i8(a, b, |sum, a, b| {
        let excess = _mm512_dpbusd_epi32(_mm512_setzero_si512(), flip, b);
        _mm512_sub_epi32(products(sum, b, a), excess)
    })
}

/// The inner product, too large by 128 times the sum of the query.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_codes(query: &[i8], row: &[i8]) -> i32 {
    sum_i8(query, row, |sum, query, row| products(sum, query, row))
}

/// The inner products, each too large by 128 times the sum of the query.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_codes_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |sum, query, row| products(sum, query, row))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    let excess = 128 * batch.query.sum();
    batch.score(
        scores,
        |query, rows| dot_codes_4(query, rows).map(|dot| dot - excess),
        |query, row| match row.len() < query.len() {
            // Part of the query is left out, and its sum is of the whole.
            true => dot_i8(query, row),
            false => dot_codes(query, row) - excess,
        },
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn l2_squared_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| l2_squared_i8_4(query, rows),
        |query, row| l2_squared_i8(query, row),
    );
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn l2_squared_i8(a: &[i8], b: &[i8]) -> i32 {
    sum_i8(a, b, |sum, a, b| squares(sum, a, b))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn l2_squared_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |sum, a, b| squares(sum, a, b))
}

/// Adds products by fours. Unsigned bytes are multiplied by signed ones here, and a code with its
/// highest bit flipped is the unsigned one that is larger by 128.
#[target_feature(enable = "avx512f,avx512vnni")]
fn products(sum: __m512i, query: __m512i, row: __m512i) -> __m512i {
    _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, _mm512_set1_epi8(-128)), query)
}

/// Adds squared differences by fours. A difference is at most 255 either way, so that its amount
/// is an unsigned byte.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn squares(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    let apart = _mm512_sub_epi8(_mm512_max_epi8(a, b), _mm512_min_epi8(a, b));
    let lower = _mm512_unpacklo_epi8(apart, _mm512_setzero_si512());
    let upper = _mm512_unpackhi_epi8(apart, _mm512_setzero_si512());
    _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, lower, lower), upper, upper)
}

/// Sums over all codes; `add` adds the terms of a register.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sum_i8(a: &[i8], b: &[i8], add: impl Fn(__m512i, __m512i, __m512i) -> __m512i) -> i32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (pairs_a, a) = a.as_chunks::<2>();
    let (pairs_b, b) = b.as_chunks::<2>();
    // Two sums, so that an addition does not wait for the previous one.
    let [mut even, mut odd] = [_mm512_setzero_si512(); 2];
    for (a, b) in pairs_a.iter().zip(pairs_b) {
        even = add(even, load_i8(&a[0]), load_i8(&b[0]));
        odd = add(odd, load_i8(&a[1]), load_i8(&b[1]));
    }
    for (a, b) in a.iter().zip(b) {
        even = add(even, load_i8(a), load_i8(b));
    }
    if !rest_a.is_empty() {
        odd = add(odd, load_i8_rest(rest_a), load_i8_rest(rest_b));
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd))
}

/// The same for four rows, each at least as long as the query; a sum for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sum_i8_4(
    query: &[i8],
    rows: [&[i8]; 4],
    add: impl Fn(__m512i, __m512i, __m512i) -> __m512i,
) -> [i32; 4] {
    let length = query.len();
    let [a, b, c, d] = rows;
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (c, rest_c) = c[..length].as_chunks::<CODES>();
    let (d, rest_d) = d[..length].as_chunks::<CODES>();
    let (query, rest) = query.as_chunks::<CODES>();
    // Four variables, not an array: the compiler keeps them in registers.
    let [mut of_a, mut of_b, mut of_c, mut of_d] = [_mm512_setzero_si512(); 4];
    for ((((query, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
        let query = load_i8(query);
        of_a = add(of_a, query, load_i8(a));
        of_b = add(of_b, query, load_i8(b));
        of_c = add(of_c, query, load_i8(c));
        of_d = add(of_d, query, load_i8(d));
    }
    if !rest.is_empty() {
        let query = load_i8_rest(rest);
        of_a = add(of_a, query, load_i8_rest(rest_a));
        of_b = add(of_b, query, load_i8_rest(rest_b));
        of_c = add(of_c, query, load_i8_rest(rest_c));
        of_d = add(of_d, query, load_i8_rest(rest_d));
    }
    totals([of_a, of_b, of_c, of_d])
}

#[target_feature(enable = "avx512f")]
fn load_i8(codes: &[i8; CODES]) -> __m512i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast::<__m512i>()) }
}

/// Loads fewer codes than fill a register; the other lanes are zero.
#[target_feature(enable = "avx512f,avx512bw")]
fn load_i8_rest(rest: &[i8]) -> __m512i {
    let mask: __mmask64 = (1 << rest.len().min(CODES - 1)) - 1;
    // SAFETY: the mask has a bit for no more bytes than there are, and no others are read.
    unsafe { _mm512_maskz_loadu_epi8(mask, rest.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn encode_f16(vector: &[f32], row: &mut [u16]) {
    let length = vector.len().min(row.len());
    let (vector, rest_vector) = vector[..length].as_chunks::<LANES>();
    let (row, rest_row) = row[..length].as_chunks_mut::<LANES>();
    for (lanes, halves) in vector.iter().zip(row) {
        let nearest = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(load(lanes));
        // SAFETY: the reference is to the sixteen halves that are written; they need no alignment.
        unsafe { _mm256_storeu_si256(halves.as_mut_ptr().cast::<__m256i>(), nearest) }
    }
    scalar::encode_f16(rest_vector, rest_row);
}

#[target_feature(enable = "avx512f")]
fn decode_f16(row: &[u16], vector: &mut [f32]) {
    let length = vector.len().min(row.len());
    let (row, rest_row) = row[..length].as_chunks::<LANES>();
    let (vector, rest_vector) = vector[..length].as_chunks_mut::<LANES>();
    for (halves, lanes) in row.iter().zip(vector) {
        // SAFETY: the reference is to the sixteen floats that are written; they need no alignment.
        unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), load_f16(halves)) }
    }
    scalar::decode_f16(rest_row, rest_vector);
}

#[target_feature(enable = "avx512f")]
fn load_f16(halves: &[u16; LANES]) -> __m512 {
    // SAFETY: the reference is to the sixteen halves that are read, and they need no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(halves.as_ptr().cast::<__m256i>()) })
}

/// Loads fewer components than fill a register; the other lanes are zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_f16_rest(rest: &[u16]) -> __m512 {
    let mask: __mmask16 = (1 << rest.len().min(LANES - 1)) - 1;
    // SAFETY: the mask has a bit for no more halves than there are, and no others are read.
    _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(mask, rest.as_ptr().cast::<i16>()) })
}

/// The sum of the lanes of each register.
#[target_feature(enable = "avx512f,avx2")]
fn totals(sums: [__m512i; 4]) -> [i32; 4] {
    let [a, b, c, d] = sums.map(|sum| {
        let upper = _mm512_extracti64x4_epi64::<1>(sum);
        _mm256_add_epi32(_mm512_castsi512_si256(sum), upper)
    });
    super::avx2::totals([a, b, c, d])
}
