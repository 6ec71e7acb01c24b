//! Matrix products in AVX2: twelve sums at a time, added up together.

use super::super::tile::{Shape, Tile};
use super::super::weights::Weights;
use super::{Avx2, LANES};
use std::arch::x86_64::{
    __m256, _mm_add_ps, _mm_loadu_si128, _mm_storeu_ps, _mm256_add_ps, _mm256_castps256_ps128,
    _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_extractf128_ps,
    _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_setzero_ps,
    _mm256_slli_epi32, _mm256_storeu_ps,
};

/// Sums of a tile: with three rows of weights and a row of numbers, all the registers there are.
const SUMS: usize = 12;
/// Rows of the batch and of weights in a square tile.
const TALL: usize = 4;
const WIDE: usize = 3;
/// Rows of weights in a line tile.
const LINE: usize = 8;

impl Avx2 {
    /// The inner products of all rows of the batch with all rows of weights.
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
                    multiply(shape, x, all, out, |at| load_f32(at));
                }
                Weights::F16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at| load_f16(at));
                }
                Weights::Bf16(all) => {
                    assert!(shape.fits(x, all, out));
                    multiply(shape, x, all, out, |at| load_bf16(at));
                }
            }
        }
    }
}

/// # Safety
/// The slices are as long as the shape requires. `load` reads eight components from a pointer on.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn multiply<T: Copy + Default>(
    shape: Shape,
    x: &[f32],
    weights: &[T],
    out: &mut [f32],
    load: impl Fn(*const T) -> __m256 + Copy,
) {
    let width = shape.width;
    let sums = |of: Tile, row: usize, unit: usize| {
        let at = (x[row * width..].as_ptr(), weights[unit * width..].as_ptr());
        // SAFETY: as many rows follow on each side as the tile has.
        unsafe {
            match of {
                Tile::Square => tile::<T, TALL, WIDE>(at.0, at.1, width, load),
                Tile::Line => tile::<T, 1, LINE>(at.0, at.1, width, load),
                Tile::One => tile::<T, 1, 1>(at.0, at.1, width, load),
            }
        }
    };
    shape.tiles::<SUMS, TALL, WIDE>(sums, LINE, out);
}

/// The inner products of `X` rows from `x` on with `W` rows from `weights` on, no more than there are
/// sums.
///
/// # Safety
/// That many rows of `width` components exist on each side, and `load` reads eight of them.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn tile<T: Copy + Default, const X: usize, const W: usize>(
    x: *const f32,
    weights: *const T,
    width: usize,
    load: impl Fn(*const T) -> __m256,
) -> [f32; SUMS] {
    let mut sums = [_mm256_setzero_ps(); SUMS];
    let mut add = |x: [__m256; X], w: [__m256; W]| {
        for (row, x) in x.into_iter().enumerate() {
            for (unit, w) in w.into_iter().enumerate() {
                let sum = &mut sums[row * W + unit];
                *sum = _mm256_fmadd_ps(x, w, *sum);
            }
        }
    };
    let rest = width % LANES;
    let whole = width - rest;
    for from in (0..whole).step_by(LANES) {
        // SAFETY: each row has eight components from here on.
        let (x, w) = unsafe {
            (
                std::array::from_fn(|row| load_f32(x.add(row * width + from))),
                std::array::from_fn(|row| load(weights.add(row * width + from))),
            )
        };
        add(x, w);
    }
    if rest > 0 {
        // SAFETY: each row has `rest` components from here on. `copied` returns an array of `LANES`, enough for
        // a whole register.
        let (x, w) = unsafe {
            (
                std::array::from_fn(|row| load_f32(&copied(x.add(row * width + whole), rest)[0])),
                std::array::from_fn(|row| load(&copied(weights.add(row * width + whole), rest)[0])),
            )
        };
        add(x, w);
    }
    add_up(sums)
}

/// `count` components; the other lanes are zero and add nothing.
///
/// # Safety
/// `count` components exist at `from`, and `count` is below eight.
#[inline]
unsafe fn copied<T: Copy + Default>(from: *const T, count: usize) -> [T; LANES] {
    let mut all = [T::default(); LANES];
    // SAFETY: `count` components exist.
    all[..count].copy_from_slice(unsafe { std::slice::from_raw_parts(from, count) });
    all
}

/// The sum of the lanes of each register, always in the same order.
#[target_feature(enable = "avx2")]
#[expect(clippy::large_types_passed_by_value, reason = "they are registers")]
#[inline]
fn add_up(sums: [__m256; SUMS]) -> [f32; SUMS] {
    let four = |a, b, c, d| _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let [a, b, c, d, e, f, g, h, i, j, k, l] = sums;
    let (low, high, last) = (four(a, b, c, d), four(e, f, g, h), four(i, j, k, l));
    let first = _mm256_add_ps(
        _mm256_permute2f128_ps::<0x20>(low, high),
        _mm256_permute2f128_ps::<0x31>(low, high),
    );
    let last = _mm_add_ps(
        _mm256_castps256_ps128(last),
        _mm256_extractf128_ps::<1>(last),
    );
    let mut all = [0.0; SUMS];
    // SAFETY: there is room for twelve floats, and they need no alignment.
    unsafe {
        _mm256_storeu_ps(all.as_mut_ptr(), first);
        _mm_storeu_ps(all.as_mut_ptr().add(LANES), last);
    }
    all
}

/// Eight components.
///
/// # Safety
/// Eight components exist at `at`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load_f32(at: *const f32) -> __m256 {
    // SAFETY: there are eight.
    unsafe { _mm256_loadu_ps(at) }
}

/// The same of binary16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx2,f16c")]
#[inline]
unsafe fn load_f16(at: *const u16) -> __m256 {
    // SAFETY: as for `load_f32`.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(at.cast()) })
}

/// The same of bfloat16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load_bf16(at: *const u16) -> __m256 {
    // SAFETY: as for `load_f32`.
    let upper = unsafe { _mm_loadu_si128(at.cast()) };
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(upper)))
}
