//! Kernels for aarch64 processors with NEON, which nearly all have.
//!
//! The dot product instructions for bytes (`sdot`) are not used: stable Rust does not offer them.
#![expect(
    unsafe_code,
    reason = "vector intrinsics require a processor that supports them"
)]

mod code_tiles;
mod fast_scan;
mod matrix;

use super::codes::CodeBatch;
use super::scalar;
use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

/// Components in a register.
const LANES: usize = 4;
/// Sums that run side by side, so that an addition does not wait for the previous one.
const SUMS: usize = 4;
/// Codes in a register.
const CODES: usize = 16;

/// Proof that this processor has NEON: only [`detect`](Self::detect) creates one.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// Detects the features; the standard library caches the answer.
    pub(super) fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// The inner product.
    #[inline]
    pub(super) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where NEON was detected.
        unsafe { dot(a, b) }
    }

    /// The squared Euclidean distance.
    #[inline]
    pub(super) fn l2_squared(self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `self` exists only where NEON was detected.
        unsafe { l2_squared(a, b) }
    }

    /// The inner product of codes.
    #[inline]
    pub(super) fn dot_i8(self, query: &[i8], row: &[i8]) -> i32 {
        // SAFETY: `self` exists only where NEON was detected.
        unsafe { dot_i8(query, row) }
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
        // SAFETY: `self` exists only where NEON was detected.
        unsafe { l2_squared_i8(a, b) }
    }

    /// The scores of rows of codes by their squared Euclidean distances.
    #[inline]
    pub(super) fn l2_squared_scores(self, batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe { l2_squared_scores(batch, scores) }
    }
}

#[target_feature(enable = "neon")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum(a, b, |sum, a, b| vfmaq_f32(sum, a, b), scalar::dot)
}

#[target_feature(enable = "neon")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    let add = |sum, a, b| {
        let apart = vsubq_f32(a, b);
        vfmaq_f32(sum, apart, apart)
    };
    sum(a, b, add, scalar::l2_squared)
}

/// Sums over all components; `add` adds the terms of four to a register, `plain` sums fewer.
#[target_feature(enable = "neon")]
fn sum(
    a: &[f32],
    b: &[f32],
    add: impl Fn(float32x4_t, float32x4_t, float32x4_t) -> float32x4_t,
    plain: fn(&[f32], &[f32]) -> f32,
) -> f32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<LANES>();
    let (b, rest_b) = b[..length].as_chunks::<LANES>();
    let (wide_a, a) = a.as_chunks::<SUMS>();
    let (wide_b, b) = b.as_chunks::<SUMS>();
    let mut sums = [vdupq_n_f32(0.0); SUMS];
    for (a, b) in wide_a.iter().zip(wide_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum = add(*sum, load(a), load(b));
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        *sum = add(*sum, load(a), load(b));
    }
    let [first, second, third, fourth] = sums;
    let sum = vaddq_f32(vaddq_f32(first, second), vaddq_f32(third, fourth));
    vaddvq_f32(sum) + plain(rest_a, rest_b)
}

#[target_feature(enable = "neon")]
fn load(lanes: &[f32; LANES]) -> float32x4_t {
    // SAFETY: the reference is to the floats that are read, and they need no alignment.
    unsafe { vld1q_f32(lanes.as_ptr()) }
}

#[target_feature(enable = "neon")]
fn dot_i8(query: &[i8], row: &[i8]) -> i32 {
    sum_i8(query, row, |sum, a, b| products(sum, a, b), scalar::dot_i8)
}

#[target_feature(enable = "neon")]
fn dot_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| dot_i8_4(query, rows),
        |query, row| dot_i8(query, row),
    );
}

#[target_feature(enable = "neon")]
fn l2_squared_scores(batch: CodeBatch<'_>, scores: &mut Vec<f32>) {
    batch.score(
        scores,
        |query, rows| l2_squared_i8_4(query, rows),
        |query, row| l2_squared_i8(query, row),
    );
}

#[target_feature(enable = "neon")]
fn dot_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    sum_i8_4(query, rows, |sum, a, b| products(sum, a, b), scalar::dot_i8)
}

#[target_feature(enable = "neon")]
fn l2_squared_i8(a: &[i8], b: &[i8]) -> i32 {
    sum_i8(a, b, |sum, a, b| squares(sum, a, b), scalar::l2_squared_i8)
}

#[target_feature(enable = "neon")]
fn l2_squared_i8_4(query: &[i8], rows: [&[i8]; 4]) -> [i32; 4] {
    let add = |sum, a, b| squares(sum, a, b);
    sum_i8_4(query, rows, add, scalar::l2_squared_i8)
}

/// Adds the products of sixteen codes to a sum. Two products are at most 2 * 127 * 128, which fits into
/// sixteen bits, because a query does not contain -128.
#[target_feature(enable = "neon")]
fn products(sum: int32x4_t, query: int8x16_t, row: int8x16_t) -> int32x4_t {
    let lower = vmull_s8(vget_low_s8(query), vget_low_s8(row));
    let both = vmlal_high_s8(lower, query, row);
    vpadalq_s16(sum, both)
}

/// Adds the squared differences of sixteen codes to a sum. A difference is at most 255, so it fits into an
/// unsigned byte and its square into sixteen bits.
#[target_feature(enable = "neon")]
fn squares(sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    let apart = vreinterpretq_u8_s8(vabdq_s8(a, b));
    let lower = vmull_u8(vget_low_u8(apart), vget_low_u8(apart));
    let upper = vmull_high_u8(apart, apart);
    let sum = vreinterpretq_u32_s32(sum);
    vreinterpretq_s32_u32(vpadalq_u16(vpadalq_u16(sum, lower), upper))
}

/// Sums over all codes; `add` adds the terms of sixteen to a register, `plain` sums fewer.
#[target_feature(enable = "neon")]
fn sum_i8(
    a: &[i8],
    b: &[i8],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
    plain: fn(&[i8], &[i8]) -> i32,
) -> i32 {
    let length = a.len().min(b.len());
    let (a, rest_a) = a[..length].as_chunks::<CODES>();
    let (b, rest_b) = b[..length].as_chunks::<CODES>();
    let (pairs_a, a) = a.as_chunks::<2>();
    let (pairs_b, b) = b.as_chunks::<2>();
    // Two sums, so that an addition does not wait for the previous one.
    let [mut even, mut odd] = [vdupq_n_s32(0); 2];
    for (a, b) in pairs_a.iter().zip(pairs_b) {
        even = add(even, load_i8(&a[0]), load_i8(&b[0]));
        odd = add(odd, load_i8(&a[1]), load_i8(&b[1]));
    }
    for (a, b) in a.iter().zip(b) {
        even = add(even, load_i8(a), load_i8(b));
    }
    vaddvq_s32(vaddq_s32(even, odd)) + plain(rest_a, rest_b)
}

/// The same for four rows, each at least as long as the query; a sum for each.
#[target_feature(enable = "neon")]
fn sum_i8_4(
    query: &[i8],
    rows: [&[i8]; 4],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
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
    let [mut of_a, mut of_b, mut of_c, mut of_d] = [vdupq_n_s32(0); 4];
    for ((((query, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
        let query = load_i8(query);
        of_a = add(of_a, query, load_i8(a));
        of_b = add(of_b, query, load_i8(b));
        of_c = add(of_c, query, load_i8(c));
        of_d = add(of_d, query, load_i8(d));
    }
    [
        vaddvq_s32(of_a) + plain(rest, rest_a),
        vaddvq_s32(of_b) + plain(rest, rest_b),
        vaddvq_s32(of_c) + plain(rest, rest_c),
        vaddvq_s32(of_d) + plain(rest, rest_d),
    ]
}

#[target_feature(enable = "neon")]
fn load_i8(codes: &[i8; CODES]) -> int8x16_t {
    // SAFETY: the reference is to the bytes that are read, and they need no alignment.
    unsafe { vld1q_s8(codes.as_ptr()) }
}
