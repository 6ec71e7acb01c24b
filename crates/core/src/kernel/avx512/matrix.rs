//! Matrix products in AVX-512: twenty-four sums at a time, added up together.

use super::super::tile::{Shape, Tile};
use super::super::weights::Weights;
use super::{Avx512, LANES};
use std::arch::x86_64::{
    __m512, __mmask16, _mm256_maskz_loadu_epi16, _mm256_storeu_ps, _mm512_add_ps, _mm512_castpd_ps,
    _mm512_castps_pd, _mm512_castps512_ps256, _mm512_castsi512_ps, _mm512_cvtepu16_epi32,
    _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

/// Sums of a tile, most of the registers there are.
const SUMS: usize = 24;
/// Rows of the batch and of weights in a square tile. Batches are often a multiple of four, so no row is
/// computed twice.
const TALL: usize = 4;
const WIDE: usize = 6;
/// Rows of weights in a line tile.
const LINE: usize = 16;

impl Avx512 {
    /// The inner products of all rows of the batch with all rows of weights.
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
/// The slices are as long as the shape requires. `load` reads the components that the
/// mask selects.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn multiply<T>(
    shape: Shape,
    x: &[f32],
    weights: &[T],
    out: &mut [f32],
    load: impl Fn(*const T, __mmask16) -> __m512 + Copy,
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

/// The inner products of `X` rows from `x` on with `W` rows from `weights` on, no more than there are sums.
///
/// # Safety
/// That many rows of `width` components exist on each side, and `load` reads those that the mask selects.
#[inline(never)] // Inlined, it took up to a tenth longer on some processors.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn tile<T, const X: usize, const W: usize>(
    x: *const f32,
    weights: *const T,
    width: usize,
    load: impl Fn(*const T, __mmask16) -> __m512,
) -> [f32; SUMS] {
    let mut sums = [_mm512_setzero_ps(); SUMS];
    let mut add = |from: usize, mask: __mmask16| {
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
    };
    let rest = width % LANES;
    for from in (0..width - rest).step_by(LANES) {
        add(from, !0);
    }
    if rest > 0 {
        add(width - rest, (1 << rest) - 1);
    }
    add_up(sums)
}

/// The sum of the lanes of each register. Pairs of registers are interleaved and added until one register
/// holds sixteen sums, so every sum is added in the same order.
#[target_feature(enable = "avx512f")]
#[expect(clippy::large_types_passed_by_value, reason = "they are registers")]
#[inline]
fn add_up(sums: [__m512; SUMS]) -> [f32; SUMS] {
    let pair = |a, b| _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    let four = |at: usize| {
        let ab = _mm512_castps_pd(pair(sums[at], sums[at + 1]));
        let cd = _mm512_castps_pd(pair(sums[at + 2], sums[at + 3]));
        let (low, high) = (_mm512_unpacklo_pd(ab, cd), _mm512_unpackhi_pd(ab, cd));
        _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
    };
    let quarters = |a, b| {
        let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
        _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b))
    };
    let first = quarters(quarters(four(0), four(4)), quarters(four(8), four(12)));
    let last = quarters(four(16), four(20));
    let last = quarters(last, last);
    let mut all = [0.0; SUMS];
    // SAFETY: there is room for twenty-four floats, and they need no alignment.
    unsafe {
        _mm512_storeu_ps(all.as_mut_ptr(), first);
        _mm256_storeu_ps(all.as_mut_ptr().add(LANES), _mm512_castps512_ps256(last));
    }
    all
}

/// The components that the mask selects; the other lanes are zero.
///
/// # Safety
/// The components that the mask selects exist.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load_f32(at: *const f32, mask: __mmask16) -> __m512 {
    // SAFETY: only what the mask selects is read.
    unsafe { _mm512_maskz_loadu_ps(mask, at) }
}

/// The same of binary16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
unsafe fn load_f16(at: *const u16, mask: __mmask16) -> __m512 {
    // SAFETY: as for `load_f32`.
    _mm512_cvtph_ps(unsafe { _mm256_maskz_loadu_epi16(mask, at.cast()) })
}

/// The same of bfloat16.
///
/// # Safety
/// As for `load_f32`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
unsafe fn load_bf16(at: *const u16, mask: __mmask16) -> __m512 {
    // SAFETY: as for `load_f32`.
    let upper = unsafe { _mm256_maskz_loadu_epi16(mask, at.cast()) };
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(upper)))
}
