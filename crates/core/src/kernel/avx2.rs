//! Kernels for x86-64 processors with AVX2, FMA and F16C, which appeared together.
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
    __m128i, __m256, __m256i, _MM_FROUND_TO_NEAREST_INT, _mm_add_epi32, _mm_add_ps, _mm_add_ss,
    _mm_cvtsi128_si32, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehdup_ps, _mm_movehl_ps,
    _mm_shuffle_epi32, _mm_storeu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_cvtph_ps, _mm256_cvtps_ph,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_hadd_epi32,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_maskload_ps, _mm256_max_epi8, _mm256_min_epi8, _mm256_set1_epi16, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps, _mm256_sub_epi8, _mm256_sub_ps,
    _mm256_unpackhi_epi8, _mm256_unpacklo_epi8, _mm256_zextsi128_si256,
};

/// Components in a register.
const LANES: usize = 8;
/// Codes in a register.
const CODES: usize = 32;
/// Sums that run side by side, so that an addition does not wait for the previous one.
const SUMS: usize = 4;

/// Proof that this processor has AVX2, FMA and F16C: only [`detect`](Self::detect) creates one.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// Detects the features; the standard library caches the answer.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }

    /// The inner product.
    #[inline]
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { dot(a, b) }
    }

    /// The squared Euclidean distance.
    #[inline]
    pub(super) fn l2_squared(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { l2_squared(a, b) }
    }

    /// The inner product of codes.
    #[inline]
    pub(super) fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { dot_i8(a, b) }
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
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
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
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { dot_f16(query, row) }
    }

    /// The squared Euclidean distance of a query and a row in binary16.
    #[inline]
    pub(super) fn l2_squared_f16(self, query: &[f32], row: &[u16]) -> f32 {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { l2_squared_f16(query, row) }
    }

    /// Converts components to binary16, as many as `row` has room for.
    #[inline]
    pub(super) fn encode_f16(self, vector: &[f32], row: &mut [u16]) {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { encode_f16(vector, row) }
    }

    /// Converts components from binary16, as many as `vector` has room for.
    #[inline]
    pub(super) fn decode_f16(self, row: &[u16], vector: &mut [f32]) {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe { decode_f16(row, vector) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |sum, a, b| add_product(sum, a, b))
}

#[target_feature(enable = "avx2,fma")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |sum, a, b| add_square(sum, a, b))
}

#[target_feature(enable = "avx2,fma")]
fn add_product(sum: __m256, a: __m256, b: __m256) -> __m256 {
    _mm256_fmadd_ps(a, b, sum)
}

#[target_feature(enable = "avx2,fma")]
fn add_square(sum: __m256, a: __m256, b: __m256) -> __m256 {
    let apart = _mm256_sub_ps(a, b);
    _mm256_fmadd_ps(apart, apart, sum)
}

/// Sums over all components; `add` adds the terms of eight components to a register.
#[target_feature(enable = "avx2,fma")]
fn sum(a: &[f32], b: &[f32], add: impl Fn(__m256, __m256, __m256) -> __m256) -> f32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<LANES>();
    let (b, rest_b) = b[..length].as_chunks::<LANES>();
    let (wide_a, a) = a.as_chunks::<SUMS>();
    let (wide_b, b) = b.as_chunks::<SUMS>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = add(*sum, load(a), load(b));
        }
    }
    // The rest: fewer whole registers than sums, then an incomplete one.
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = add(*sum, load(a), load(b));
    }
    if !rest_a.is_empty() {
        sums[SUMS - 1] = add(sums[SUMS - 1], load_rest(rest_a), load_rest(rest_b));
    }
    let [first, second, third, fourth] = sums;
    total(_mm256_add_ps(
        _mm256_add_ps(first, second),
        _mm256_add_ps(third, fourth),
    ))
}

#[target_feature(enable = "avx2,fma")]
fn load(lanes: &[f32; LANES]) -> __m256 {
    // SAFETY: the reference is to the eight floats that are read, and they need no alignment.
    unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
}

/// Loads fewer components than fill a register; the other lanes are zero and add nothing.
#[target_feature(enable = "avx2,fma")]
fn load_rest(rest: &[f32]) -> __m256 {
    // Eight of these from `LANES - few` on: the first `few` are -1, which loads the lane.
    const MASKS: [i32; 2 * LANES] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let few = rest.len().min(LANES);
    // SAFETY: eight numbers are read from at most the ninth of sixteen on, and of the floats only
    // those that the mask asks for, which are no more than there are.
    unsafe {
        let mask = _mm256_loadu_si256(MASKS.as_ptr().add(LANES - few).cast::<__m256i>());
        _mm256_maskload_ps(rest.as_ptr(), mask)
    }
}

/// The sum of the eight lanes.
#[target_feature(enable = "avx2,fma")]
fn total(sum: __m256) -> f32 {
    let halves = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
    let quarters = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
    _mm_cvtss_f32(_mm_add_ss(quarters, _mm_movehdup_ps(quarters)))
}

#[target_feature(enable = "avx2")]
fn dot_i8(query: &[i8], row: &[i8]) -> i32 {
    sum_i8(query, row, |a, b| products(a, b), scalar::dot_i8)
}

#[target_feature(enable = "avx2")]
fn dot_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| dot_i8_4(query, rows),
        |query, row| dot_i8(query, row),
    );
}

#[target_feature(enable = "avx2")]
fn l2_squared_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| l2_squared_i8_4(query, rows),
        |query, row| l2_squared_i8(query, row),
    );
}

#[target_feature(enable = "avx2")]
fn dot_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |a, b| products(a, b), scalar::dot_i8)
}

#[target_feature(enable = "avx2")]
fn l2_squared_i8(query: &[i8], row: &[i8]) -> i32 {
    sum_i8(query, row, |a, b| squares(a, b), scalar::l2_squared_i8)
}

#[target_feature(enable = "avx2")]
fn l2_squared_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |a, b| squares(a, b), scalar::l2_squared_i8)
}

/// Products added up by fours. Unsigned bytes are multiplied by signed ones here: the amount of
/// the row by the query with the row's sign. Two products are 2 * 127 * 128 at most, which sixteen
/// bits hold; but -128 has no negative in a byte, so that a query may not have it.
#[target_feature(enable = "avx2")]
fn products(query: __m256i, row: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(query, row));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// Squared differences added up by fours. A difference is at most 255 either way, so that its
/// amount is an unsigned byte.
#[target_feature(enable = "avx2")]
fn squares(a: __m256i, b: __m256i) -> __m256i {
    let apart = _mm256_sub_epi8(_mm256_max_epi8(a, b), _mm256_min_epi8(a, b));
    let lower = _mm256_unpacklo_epi8(apart, _mm256_setzero_si256());
    let upper = _mm256_unpackhi_epi8(apart, _mm256_setzero_si256());
    _mm256_add_epi32(
        _mm256_madd_epi16(lower, lower),
        _mm256_madd_epi16(upper, upper),
    )
}

/// Sums over all codes; `terms` computes the terms of 32 codes, `plain` the sum of fewer than 16.
#[target_feature(enable = "avx2")]
fn sum_i8(
    a: &[i8],
    b: &[i8],
    terms: impl Fn(__m256i, __m256i) -> __m256i,
    plain: fn(&[i8], &[i8]) -> i32,
) -> i32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (pairs_a, a) = a.as_chunks::<2>();
    let (pairs_b, b) = b.as_chunks::<2>();
    // Two sums, so that an addition does not wait for the previous one.
    let [mut even, mut odd] = [_mm256_setzero_si256(); 2];
    for (a, b) in pairs_a.iter().zip(pairs_b) {
        even = _mm256_add_epi32(even, terms(load_i8(&a[0]), load_i8(&b[0])));
        odd = _mm256_add_epi32(odd, terms(load_i8(&a[1]), load_i8(&b[1])));
    }
    for (a, b) in a.iter().zip(b) {
        even = _mm256_add_epi32(even, terms(load_i8(a), load_i8(b)));
    }
    let (half_a, rest_a) = rest_a.as_chunks::<{ CODES / 2 }>();
    let (half_b, rest_b) = rest_b.as_chunks::<{ CODES / 2 }>();
    for (a, b) in half_a.iter().zip(half_b) {
        odd = _mm256_add_epi32(odd, terms(load_half(a), load_half(b)));
    }
    let total = total_i32(_mm256_add_epi32(even, odd));
    if rest_a.is_empty() {
        return total;
    }
    total + apart(plain, rest_a, rest_b)
}

/// The same for four rows, each at least as long as the query; a sum for each.
#[target_feature(enable = "avx2")]
fn sum_i8_4(
    query: &[i8],
    rows: [&[i8]; 4],
    terms: impl Fn(__m256i, __m256i) -> __m256i,
    plain: fn(&[i8], &[i8]) -> i32,
) -> [i32; 4] {
    let length = query.len();
    let [a, b, c, d] = rows;
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (c, rest_c) = c[..length].as_chunks::<CODES>();
    let (d, rest_d) = d[..length].as_chunks::<CODES>();
    let (query, rest) = query.as_chunks::<CODES>();
    // Four variables, not an array: the compiler keeps them in registers.
    let [mut of_a, mut of_b, mut of_c, mut of_d] = [_mm256_setzero_si256(); 4];
    for ((((query, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
        let query = load_i8(query);
        of_a = _mm256_add_epi32(of_a, terms(query, load_i8(a)));
        of_b = _mm256_add_epi32(of_b, terms(query, load_i8(b)));
        of_c = _mm256_add_epi32(of_c, terms(query, load_i8(c)));
        of_d = _mm256_add_epi32(of_d, terms(query, load_i8(d)));
    }
    let (half, rest) = rest.as_chunks::<{ CODES / 2 }>();
    let (a, rest_a) = rest_a.as_chunks::<{ CODES / 2 }>();
    let (b, rest_b) = rest_b.as_chunks::<{ CODES / 2 }>();
    let (c, rest_c) = rest_c.as_chunks::<{ CODES / 2 }>();
    let (d, rest_d) = rest_d.as_chunks::<{ CODES / 2 }>();
    for ((((half, a), b), c), d) in half.iter().zip(a).zip(b).zip(c).zip(d) {
        let half = load_half(half);
        of_a = _mm256_add_epi32(of_a, terms(half, load_half(a)));
        of_b = _mm256_add_epi32(of_b, terms(half, load_half(b)));
        of_c = _mm256_add_epi32(of_c, terms(half, load_half(c)));
        of_d = _mm256_add_epi32(of_d, terms(half, load_half(d)));
    }
    let totals = totals([of_a, of_b, of_c, of_d]);
    if rest.is_empty() {
        return totals;
    }
    let [a, b, c, d] = totals;
    [
        a + apart(plain, rest, rest_a),
        b + apart(plain, rest, rest_b),
        c + apart(plain, rest, rest_c),
        d + apart(plain, rest, rest_d),
    ]
}

/// Calls the reference kernel for an incomplete register. Out of line: padded rows never need it, and
/// without it the kernel needs no stack.
#[cold]
#[inline(never)]
fn apart<A, B, S>(plain: fn(&[A], &[B]) -> S, a: &[A], b: &[B]) -> S {
    plain(a, b)
}

#[target_feature(enable = "avx2")]
fn load_i8(codes: &[i8; CODES]) -> __m256i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { _mm256_loadu_si256(codes.as_ptr().cast::<__m256i>()) }
}

/// Loads half a register of codes; the other half is zero.
#[target_feature(enable = "avx2")]
fn load_half(codes: &[i8; CODES / 2]) -> __m256i {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    _mm256_zextsi128_si256(unsafe { _mm_loadu_si128(codes.as_ptr().cast::<__m128i>()) })
}

/// The sum of the lanes.
#[target_feature(enable = "avx2")]
fn total_i32(sum: __m256i) -> i32 {
    let halves = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let quarters = _mm_add_epi32(halves, _mm_shuffle_epi32::<0b11_10>(halves));
    _mm_cvtsi128_si32(_mm_add_epi32(quarters, _mm_shuffle_epi32::<0b01>(quarters)))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot_f16(query: &[f32], row: &[u16]) -> f32 {
    let add = |sum, a, b| add_product(sum, a, b);
    sum_f16(query, row, add, scalar::dot_f16)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn l2_squared_f16(query: &[f32], row: &[u16]) -> f32 {
    let add = |sum, a, b| add_square(sum, a, b);
    sum_f16(query, row, add, scalar::l2_squared_f16)
}

/// Sums over all components; `add` adds the terms of eight to a register, `plain` sums fewer.
#[target_feature(enable = "avx2,fma,f16c")]
fn sum_f16(
    query: &[f32],
    row: &[u16],
    add: impl Fn(__m256, __m256, __m256) -> __m256,
    plain: fn(&[f32], &[u16]) -> f32,
) -> f32 {
    let length = query.len().min(row.len());
    let (query, rest_query) = query[..length].as_chunks::<LANES>();
    let (row, rest_row) = row[..length].as_chunks::<LANES>();
    let (wide_query, query) = query.as_chunks::<SUMS>();
    let (wide_row, row) = row.as_chunks::<SUMS>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for (query, row) in wide_query.iter().zip(wide_row) {
        for ((sum, query), row) in sums.iter_mut().zip(query).zip(row) {
            *sum = add(*sum, load(query), load_f16(row));
        }
    }
    for ((sum, query), row) in sums.iter_mut().zip(query).zip(row) {
        *sum = add(*sum, load(query), load_f16(row));
    }
    let [first, second, third, fourth] = sums;
    let total = total(_mm256_add_ps(
        _mm256_add_ps(first, second),
        _mm256_add_ps(third, fourth),
    ));
    if rest_row.is_empty() {
        return total;
    }
    total + apart(plain, rest_query, rest_row)
}

#[target_feature(enable = "avx2,f16c")]
fn encode_f16(vector: &[f32], row: &mut [u16]) {
    let length = vector.len().min(row.len());
    let (vector, rest_vector) = vector[..length].as_chunks::<LANES>();
    let (row, rest_row) = row[..length].as_chunks_mut::<LANES>();
    for (lanes, halves) in vector.iter().zip(row) {
        // SAFETY: the references are to the eight floats that are read and the eight halves that
        // are written, and they need no alignment.
        unsafe {
            let nearest =
                _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(lanes.as_ptr()));
            _mm_storeu_si128(halves.as_mut_ptr().cast::<__m128i>(), nearest);
        }
    }
    scalar::encode_f16(rest_vector, rest_row);
}

#[target_feature(enable = "avx2,f16c")]
fn decode_f16(row: &[u16], vector: &mut [f32]) {
    let length = vector.len().min(row.len());
    let (row, rest_row) = row[..length].as_chunks::<LANES>();
    let (vector, rest_vector) = vector[..length].as_chunks_mut::<LANES>();
    for (halves, lanes) in row.iter().zip(vector) {
        // SAFETY: the reference is to the eight floats that are written; they need no alignment.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), load_f16(halves)) }
    }
    scalar::decode_f16(rest_row, rest_vector);
}

#[target_feature(enable = "avx2,f16c")]
fn load_f16(halves: &[u16; LANES]) -> __m256 {
    // SAFETY: the reference is to the eight halves that are read, and they need no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves.as_ptr().cast::<__m128i>()) })
}

/// The sum of the lanes of each register.
#[target_feature(enable = "avx2")]
pub(super) fn totals([a, b, c, d]: [__m256i; 4]) -> [i32; 4] {
    let pairs = (_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    let halves = _mm256_hadd_epi32(pairs.0, pairs.1);
    let lower = _mm256_castsi256_si128(halves);
    let sums = _mm_add_epi32(lower, _mm256_extracti128_si256::<1>(halves));
    let mut totals = [0; 4];
    // SAFETY: the array has the sixteen bytes that are written, and they need no alignment.
    unsafe { _mm_storeu_si128(totals.as_mut_ptr().cast::<__m128i>(), sums) };
    totals
}
