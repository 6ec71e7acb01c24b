//! Rows times rows in AVX2: eight sums at a time, added up together.

use super::super::half;
use super::super::matrix::{Shape, Tile, Weights, decode_bf16};
use super::{Avx2, LANES};
use std::arch::x86_64::*;

/// Sums of a tile: four rows of weights by two of numbers, or eight by one.
const SUMS: usize = 8;
/// Rows of numbers and of weights in the former.
const TILE: (usize, usize) = (2, 4);

impl Avx2 {
    /// The inner products of all rows of numbers with all rows of weights.
    pub(in super::super) fn multiply(
        self,
        shape: Shape,
        x: &[f32],
        weights: Weights<'_>,
        out: &mut [f32],
    ) {
        // SAFETY: `self` exists only where AVX2, FMA and F16C were detected.
        unsafe {
            match weights {
                Weights::F32(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at| load_f32(at), |x| *x);
                }
                Weights::F16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at| load_f16(at), |x| half::decode(*x));
                }
                Weights::Bf16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at| load_bf16(at), |x| decode_bf16(*x));
                }
            }
        }
    }
}

/// # Safety
/// The lists hold what the shape says. `load` reads eight components from a pointer on.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn multiply<T>(
    shape: Shape,
    x: &[f32],
    weights: &[T],
    out: &mut [f32],
    load: impl Fn(*const T) -> __m256 + Copy,
    one: impl Fn(&T) -> f32 + Copy,
) {
    let Shape { units, width, .. } = shape;
    // What is left of a row after whole registers.
    let from = width - width % LANES;
    let put = |row: usize, unit: usize, sum: f32| {
        let rest = (row * width + from..(row + 1) * width).zip(unit * width + from..);
        let rest = rest.map(|(at, to)| x[at] * one(&weights[to]));
        out[row * units + unit] = sum + rest.sum::<f32>();
    };
    let sums = |of: Tile, row: usize, unit: usize| {
        let at = (x[row * width..].as_ptr(), weights[unit * width..].as_ptr());
        // SAFETY: there are as many rows of each from here on as the tile has.
        unsafe {
            match of {
                Tile::Square => tile::<T, { TILE.0 }, { TILE.1 }>(at.0, at.1, width, load),
                Tile::Line => tile::<T, 1, SUMS>(at.0, at.1, width, load),
                Tile::One => tile::<T, 1, 1>(at.0, at.1, width, load),
            }
        }
    };
    shape.tiles(TILE, sums, put);
}

/// The inner products, as far as whole registers go, of `X` rows from `x` on with `W` rows from
/// `weights` on, no more than eight.
///
/// # Safety
/// There are so many rows of `width` components, and `load` reads eight of them.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn tile<T, const X: usize, const W: usize>(
    x: *const f32,
    weights: *const T,
    width: usize,
    load: impl Fn(*const T) -> __m256,
) -> [f32; SUMS] {
    let mut sums = [_mm256_setzero_ps(); SUMS];
    for from in (0..width - width % LANES).step_by(LANES) {
        let mut w = [_mm256_setzero_ps(); W];
        for (row, w) in w.iter_mut().enumerate() {
            // SAFETY: the row has eight components from here on.
            *w = load(unsafe { weights.add(row * width + from) });
        }
        for row in 0..X {
            // SAFETY: the same.
            let x = unsafe { load_f32(x.add(row * width + from)) };
            for (unit, w) in w.iter().enumerate() {
                let sum = &mut sums[row * W + unit];
                *sum = _mm256_fmadd_ps(x, *w, *sum);
            }
        }
    }
    add_up(sums)
}

/// The sum of each register, all added up in the same order.
#[target_feature(enable = "avx2")]
fn add_up(sums: [__m256; SUMS]) -> [f32; SUMS] {
    let four = |a, b, c, d| _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let [a, b, c, d, e, f, g, h] = sums;
    let (low, high) = (four(a, b, c, d), four(e, f, g, h));
    let sums = _mm256_add_ps(
        _mm256_permute2f128_ps::<0x20>(low, high),
        _mm256_permute2f128_ps::<0x31>(low, high),
    );
    let mut all = [0.0; SUMS];
    // SAFETY: there is room for eight floats, and they need no alignment.
    unsafe { _mm256_storeu_ps(all.as_mut_ptr(), sums) };
    all
}

/// Eight components.
///
/// # Safety
/// There are so many.
#[target_feature(enable = "avx2")]
unsafe fn load_f32(at: *const f32) -> __m256 {
    // SAFETY: there are eight.
    unsafe { _mm256_loadu_ps(at) }
}

/// The same of binary16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx2,f16c")]
unsafe fn load_f16(at: *const u16) -> __m256 {
    // SAFETY: as for `load_f32`.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(at.cast()) })
}

/// The same of bfloat16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx2")]
unsafe fn load_bf16(at: *const u16) -> __m256 {
    // SAFETY: as for `load_f32`.
    let upper = unsafe { _mm_loadu_si128(at.cast()) };
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(upper)))
}
