//! Kernels for x86-64 processors that have AVX2 and FMA.
#![expect(
    unsafe_code,
    reason = "vector instructions need a processor that has them, which the compiler cannot know"
)]

use std::arch::x86_64::*;

/// Components in a register.
const LANES: usize = 8;
/// Codes that fill a register once they are made sixteen bits wide.
const CODES: usize = 16;
/// Bytes in a line of the cache.
const LINE: usize = 64;
/// Sums that run side by side, so that one addition need not wait for the last.
const SUMS: usize = 4;

/// Evidence that this processor has AVX2 and FMA: there is no other way to come by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// Asks the processor; the answer is remembered by the standard library.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    /// The inner product over the shorter length of the two.
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { dot(a, b) }
    }

    /// The squared Euclidean distance over the shorter length of the two.
    pub(super) fn l2_squared(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { l2_squared(a, b) }
    }

    /// The inner product of codes over the shorter length of the two.
    pub(super) fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { dot_i8(a, b) }
    }

    /// The same of a query and four rows no shorter than it.
    pub(super) fn dot_i8_4(self, query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { dot_i8_4(query, rows) }
    }

    /// The squared Euclidean distance of codes over the shorter length of the two.
    pub(super) fn l2_squared_i8(self, a: &[i8], b: &[i8]) -> i32 {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { l2_squared_i8(a, b) }
    }

    /// The same of a query and four rows no shorter than it.
    pub(super) fn l2_squared_i8_4(self, query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
        // SAFETY: `self` exists only where AVX2 and FMA were detected.
        unsafe { l2_squared_i8_4(query, rows) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |sum, a, b| _mm256_fmadd_ps(a, b, sum))
}

#[target_feature(enable = "avx2,fma")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |sum, a, b| {
        let apart = _mm256_sub_ps(a, b);
        _mm256_fmadd_ps(apart, apart, sum)
    })
}

/// Adds up all terms; `add` adds those of eight components to a sum.
#[target_feature(enable = "avx2,fma")]
fn sum(a: &[f32], b: &[f32], add: impl Fn(__m256, __m256, __m256) -> __m256) -> f32 {
    let length = a.len().min(b.len());
    let (wide_a, a) = a[..length].as_chunks::<{ LANES * SUMS }>();
    let (wide_b, b) = b[..length].as_chunks::<{ LANES * SUMS }>();
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        let (a, _) = a.as_chunks::<LANES>();
        let (b, _) = b.as_chunks::<LANES>();
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = add(*sum, load(a), load(b));
        }
    }
    // What is left is fewer eights than there are sums, and fewer than eight after them.
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = add(*sum, load(a), load(b));
    }
    if !rest_a.is_empty() {
        sums[SUMS - 1] = add(sums[SUMS - 1], load(&padded(rest_a)), load(&padded(rest_b)));
    }
    let [first, second, third, fourth] = sums;
    total(_mm256_add_ps(
        _mm256_add_ps(first, second),
        _mm256_add_ps(third, fourth),
    ))
}

/// Fewer components than fill a register, and zeros, which add nothing to any sum.
fn padded<T: Copy + Default, const N: usize>(rest: &[T]) -> [T; N] {
    let mut lanes = [T::default(); N];
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane = *x);
    lanes
}

#[target_feature(enable = "avx2,fma")]
fn load(lanes: &[f32; LANES]) -> __m256 {
    // SAFETY: the reference is to the eight floats that are read, and they need no alignment.
    unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
}

/// The eight lanes added up.
#[target_feature(enable = "avx2,fma")]
fn total(sum: __m256) -> f32 {
    let halves = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
    let quarters = _mm_add_ps(halves, _mm_movehl_ps(halves, halves));
    _mm_cvtss_f32(_mm_add_ss(quarters, _mm_movehdup_ps(quarters)))
}

#[target_feature(enable = "avx2")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    sum_i8(a, b, |a, b| _mm256_madd_epi16(a, b))
}

#[target_feature(enable = "avx2")]
fn dot_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |a, b| _mm256_madd_epi16(a, b))
}

#[target_feature(enable = "avx2")]
fn l2_squared_i8(a: &[i8], b: &[i8]) -> i32 {
    sum_i8(a, b, |a, b| {
        let apart = _mm256_sub_epi16(a, b);
        _mm256_madd_epi16(apart, apart)
    })
}

#[target_feature(enable = "avx2")]
fn l2_squared_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |a, b| {
        let apart = _mm256_sub_epi16(a, b);
        _mm256_madd_epi16(apart, apart)
    })
}

/// Adds up all terms; `terms` makes eight of sixteen codes.
#[target_feature(enable = "avx2")]
fn sum_i8(a: &[i8], b: &[i8], terms: impl Fn(__m256i, __m256i) -> __m256i) -> i32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (wide_a, a) = a.as_chunks::<SUMS>();
    let (wide_b, b) = b.as_chunks::<SUMS>();
    let mut sums = [_mm256_setzero_si256(); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = _mm256_add_epi32(*sum, terms(widen(a), widen(b)));
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = _mm256_add_epi32(*sum, terms(widen(a), widen(b)));
    }
    if !rest_a.is_empty() {
        let rest = terms(widen(&padded(rest_a)), widen(&padded(rest_b)));
        sums[SUMS - 1] = _mm256_add_epi32(sums[SUMS - 1], rest);
    }
    totals(sums).iter().sum()
}

/// The same for four rows no shorter than the query, a sum for each.
#[target_feature(enable = "avx2")]
fn sum_i8_4(
    query: &[i8],
    rows: [&[i8]; 4],
    terms: impl Fn(__m256i, __m256i) -> __m256i,
) -> [i32; 4] {
    let [a, b, c, d] = rows.map(|row| row[..query.len()].as_chunks::<CODES>());
    let (query, rest) = query.as_chunks::<CODES>();
    let mut sums = [_mm256_setzero_si256(); 4];
    let whole = query.iter().zip(a.0).zip(b.0).zip(c.0).zip(d.0);
    for ((((query, a), b), c), d) in whole {
        let query = widen(query);
        for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
            *sum = _mm256_add_epi32(*sum, terms(query, widen(row)));
        }
    }
    if !rest.is_empty() {
        let query = widen(&padded(rest));
        for (sum, row) in sums.iter_mut().zip([a.1, b.1, c.1, d.1]) {
            *sum = _mm256_add_epi32(*sum, terms(query, widen(&padded(row))));
        }
    }
    totals(sums)
}

/// Sixteen codes, each sixteen bits wide.
#[target_feature(enable = "avx2")]
fn widen(codes: &[i8; CODES]) -> __m256i {
    // SAFETY: the reference is to the sixteen bytes that are read, and they need no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(codes.as_ptr().cast::<__m128i>()) })
}

/// The lanes of each added up.
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

/// Asks for a row that will soon be read.
pub(super) fn prefetch<T>(row: &[T]) {
    for line in row.chunks(LINE / size_of::<T>().clamp(1, LINE)) {
        // SAFETY: a prefetch is a hint: it reads nothing and faults at no address, and every
        // x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}
