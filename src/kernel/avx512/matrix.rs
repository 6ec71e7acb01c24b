//! Rows times rows in AVX-512: sixteen sums at a time, added up together.

use super::super::matrix::{Shape, Tile, Weights};
use super::{Avx512, LANES};
use std::arch::x86_64::*;

/// Sums of a tile: four rows of weights by four of numbers, or sixteen by one.
const SUMS: usize = 16;
/// Rows of either in a square tile.
const SIDE: usize = 4;

impl Avx512 {
    /// The inner products of all rows of numbers with all rows of weights.
    pub(in super::super) fn multiply(
        self,
        shape: Shape,
        x: &[f32],
        weights: Weights<'_>,
        out: &mut [f32],
    ) {
        // SAFETY: `self` exists only where all features were detected.
        unsafe {
            match weights {
                Weights::F32(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at, mask| load_f32(at, mask));
                }
                Weights::F16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at, mask| load_f16(at, mask));
                }
                Weights::Bf16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at, mask| load_bf16(at, mask));
                }
            }
        }
    }
}

/// # Safety
/// The lists hold what the shape says. `load` reads the components from a pointer on that the mask has
/// bits for.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn multiply<T>(
    shape: Shape,
    x: &[f32],
    weights: &[T],
    out: &mut [f32],
    load: impl Fn(*const T, __mmask16) -> __m512 + Copy,
) {
    let Shape { units, width, .. } = shape;
    let put = |row: usize, unit: usize, sum: f32| out[row * units + unit] = sum;
    let sums = |of: Tile, row: usize, unit: usize| {
        let at = (x[row * width..].as_ptr(), weights[unit * width..].as_ptr());
        // SAFETY: there are as many rows of each from here on as the tile has.
        unsafe {
            match of {
                Tile::Square => tile::<T, SIDE, SIDE>(at.0, at.1, width, load),
                Tile::Line => tile::<T, 1, SUMS>(at.0, at.1, width, load),
                Tile::One => tile::<T, 1, 1>(at.0, at.1, width, load),
            }
        }
    };
    shape.tiles((SIDE, SIDE), sums, put);
}

/// The inner products of `X` rows from `x` on with `W` rows from `weights` on, no more than sixteen.
///
/// # Safety
/// There are so many rows of `width` components, and `load` reads those that the mask has bits for.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn tile<T, const X: usize, const W: usize>(
    x: *const f32,
    weights: *const T,
    width: usize,
    load: impl Fn(*const T, __mmask16) -> __m512,
) -> [f32; SUMS] {
    let mut sums = [_mm512_setzero_ps(); SUMS];
    let mut from = 0;
    while from < width {
        let left = width - from;
        let mask: __mmask16 = if left >= LANES { !0 } else { (1 << left) - 1 };
        let mut w = [_mm512_setzero_ps(); W];
        for (row, w) in w.iter_mut().enumerate() {
            // SAFETY: the row has `left` components from here on, which the mask has bits for.
            *w = load(unsafe { weights.add(row * width + from) }, mask);
        }
        for row in 0..X {
            // SAFETY: the same.
            let x = unsafe { load_f32(x.add(row * width + from), mask) };
            for (unit, w) in w.iter().enumerate() {
                let sum = &mut sums[row * W + unit];
                *sum = _mm512_fmadd_ps(x, *w, *sum);
            }
        }
        from += LANES;
    }
    add_up(sums)
}

/// The sum of each register. Pairs are interleaved and added until one register has all sixteen, so
/// that every sum is added up in the same order.
#[target_feature(enable = "avx512f")]
fn add_up(sums: [__m512; SUMS]) -> [f32; SUMS] {
    let pair = |a, b| _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    let four = |a, b, c, d| {
        let (ab, cd) = (_mm512_castps_pd(pair(a, b)), _mm512_castps_pd(pair(c, d)));
        let (low, high) = (_mm512_unpacklo_pd(ab, cd), _mm512_unpackhi_pd(ab, cd));
        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
    };
    let quarters = |a, b| {
        let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
        _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b))
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = sums;
    let first = quarters(four(a, b, c, d), four(e, f, g, h));
    let second = quarters(four(i, j, k, l), four(m, n, o, p));
    let mut all = [0.0; SUMS];
    let sums = quarters(first, second);
    // SAFETY: there is room for sixteen floats, and they need no alignment.
    unsafe { _mm512_storeu_ps(all.as_mut_ptr(), sums) };
    all
}

/// What the mask has bits for, and zeros.
///
/// # Safety
/// There are the components that the mask has bits for.
#[target_feature(enable = "avx512f")]
unsafe fn load_f32(at: *const f32, mask: __mmask16) -> __m512 {
    // SAFETY: nothing is read but what the mask has bits for.
    unsafe { _mm512_maskz_loadu_ps(mask, at) }
}

/// The same of binary16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load_f16(at: *const u16, mask: __mmask16) -> __m512 {
    // SAFETY: as for `load_f32`.
    _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(mask, at.cast()) })
}

/// The same of bfloat16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load_bf16(at: *const u16, mask: __mmask16) -> __m512 {
    // SAFETY: as for `load_f32`.
    let upper = unsafe { _mm256_maskz_loadu_epi16(mask, at.cast()) };
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(upper)))
}
