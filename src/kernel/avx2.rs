//! Kernels for x86-64 processors that have AVX2 and FMA.
#![expect(
    unsafe_code,
    reason = "vector instructions need a processor that has them, which the compiler cannot know"
)]

use std::arch::x86_64::{
    __m256, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps,
    _mm_prefetch, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_setzero_ps, _mm256_sub_ps,
};

/// Components in a register.
const LANES: usize = 8;
/// Components in a line of the cache.
const LINE: usize = 16;
/// Sums that run side by side, so that one addition need not wait for the last.
const SUMS: usize = 4;

/// Evidence that this processor has AVX2 and FMA: there is no other way to come by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

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

/// Fewer than eight components, and zeros, which add nothing to either sum.
fn padded(rest: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
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

/// Asks for a row that will soon be read.
pub(super) fn prefetch(row: &[f32]) {
    for line in row.chunks(LINE) {
        // SAFETY: a prefetch is a hint: it reads nothing and faults at no address, and every
        // x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}
