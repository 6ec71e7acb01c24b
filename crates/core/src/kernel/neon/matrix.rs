//! Matrix products in NEON. A tile has 16 accumulators of four lanes, which are summed up at its end.

use super::super::tile::{Shape, Tile};
use super::{LANES, Neon};
use std::arch::aarch64::*;

/// Accumulators per tile: 4 batch rows by 4 rows of weights, or 1 by 16.
const SUMS: usize = 16;
/// Rows of the batch, and rows of weights, in a square tile.
const SIDE: usize = 4;

impl Neon {
    /// The inner products of all rows of the batch with all rows of weights.
    pub(in super::super) fn multiply(
        self,
        shape: Shape,
        x: &[f32],
        weights: &[f32],
        out: &mut [f32],
    ) {
        assert!(shape.fits(x, weights, out));
        // SAFETY: `self` exists only where NEON was detected, and the slices are as long as the shape requires.
        unsafe { multiply(shape, x, weights, out) }
    }
}

/// # Safety
/// The slices are as long as the shape requires.
#[target_feature(enable = "neon")]
unsafe fn multiply(shape: Shape, x: &[f32], weights: &[f32], out: &mut [f32]) {
    let width = shape.width;
    let sums = |of: Tile, row: usize, unit: usize| {
        let at = (x[row * width..].as_ptr(), weights[unit * width..].as_ptr());
        // SAFETY: as many rows follow on each side as the tile has.
        unsafe {
            match of {
                Tile::Square => tile::<SIDE, SIDE>(at.0, at.1, width),
                Tile::Line => tile::<1, SUMS>(at.0, at.1, width),
                Tile::One => tile::<1, 1>(at.0, at.1, width),
            }
        }
    };
    shape.tiles::<SUMS, SIDE, SIDE>(sums, SUMS, out);
}

/// The inner products of `X` rows from `x` on with `W` rows from `weights` on; `X * W` is at
/// most 16.
///
/// # Safety
/// That many rows of `width` components exist on each side.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn tile<const X: usize, const W: usize>(
    x: *const f32,
    weights: *const f32,
    width: usize,
) -> [f32; SUMS] {
    let mut sums = [vdupq_n_f32(0.0); SUMS];
    for from in (0..width - width % LANES).step_by(LANES) {
        let mut w = [vdupq_n_f32(0.0); W];
        for (row, w) in w.iter_mut().enumerate() {
            // SAFETY: the row has four components from here on.
            *w = unsafe { vld1q_f32(weights.add(row * width + from)) };
        }
        for row in 0..X {
            // SAFETY: the same.
            let x = unsafe { vld1q_f32(x.add(row * width + from)) };
            for (unit, w) in w.iter().enumerate() {
                let sum = &mut sums[row * W + unit];
                *sum = vfmaq_f32(*sum, x, *w);
            }
        }
    }
    let mut all = sums.map(|sum| vaddvq_f32(sum));
    for from in width - width % LANES..width {
        for (at, sum) in all.iter_mut().enumerate().take(X * W) {
            // SAFETY: the rows have a component there.
            let (x, w) = unsafe {
                (
                    *x.add(at / W * width + from),
                    *weights.add(at % W * width + from),
                )
            };
            *sum += x * w;
        }
    }
    all
}
