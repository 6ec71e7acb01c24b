//! Matrix products: the inner products of every row of a batch with every row of a weight matrix, as a
//! dense layer needs.
//!
//! Both operands are row-major, so neither is packed, and a matrix is used where a file holds it. A kernel
//! takes a tile of a few rows of each: a dozen or two sums run side by side, and every register loaded is
//! used several times. The result of a row does not depend on the other rows of the batch, to the bit: a
//! record gives the same vector alone and in a batch.

use super::level::Level;
use super::scalar;
use super::tile::Shape;
use super::weights::Weights;

impl Level {
    /// The inner products of every row of `x` with every row of `weights`, both of `width` components:
    /// `out[row of x][row of weights]`. Rows that do not fit into `out` and incomplete rows are ignored.
    #[inline]
    pub fn multiply(self, x: &[f32], weights: Weights<'_>, width: usize, out: &mut [f32]) {
        let units = weights.len().checked_div(width).unwrap_or_default();
        if units == 0 {
            // No rows or no components: every sum is empty.
            out.fill(0.0);
            return;
        }
        let rows = (x.len() / width).min(out.len() / units);
        let shape = Shape { rows, units, width };
        match (self, weights) {
            #[cfg(target_arch = "x86_64")]
            (Self::Avx2(avx2), weights) => avx2.multiply(shape, x, weights, out),
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512(avx512), weights) => avx512.multiply(shape, x, weights, out),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon(neon), Weights::F32(weights)) => neon.multiply(shape, x, weights, out),
            (_, Weights::F32(weights)) => shape.each(x, weights, out, scalar::dot),
            (_, Weights::F16(weights)) => shape.each(x, weights, out, scalar::dot_f16),
            (_, Weights::Bf16(weights)) => shape.each(x, weights, out, scalar::dot_bf16),
        }
    }

    /// Adds `factor` times a row to `sum`, over the shorter length of the two.
    #[inline]
    pub fn add_scaled(self, sum: &mut [f32], factor: f32, row: Weights<'_>) {
        // The compiler vectorises this, and rows of embedding tables are short.
        match row {
            Weights::F32(row) => sum
                .iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += factor * x),
            row => sum
                .iter_mut()
                .zip(row.iter())
                .for_each(|(sum, x)| *sum += factor * x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::half;
    use super::*;

    /// Numbers that differ from their neighbours.
    fn wave(count: usize, step: usize) -> Vec<f32> {
        let number = |i: usize| ((i * step % 101) as f32 - 50.0) / 37.0;
        (0..count).map(number).collect()
    }

    #[test]
    fn products_are_exact_at_every_level_and_do_not_depend_on_the_batch() {
        let sizes = [1, 2, 3, 4, 5, 7, 15, 16, 17, 21, 35];
        let widths = (1..=70)
            .step_by(3)
            .chain([8, 16, 31, 32, 33, 64, 128, 300, 1025]);
        let levels: Vec<_> = Level::all().collect();
        for width in widths {
            let (x, floats) = (wave(40 * width, 37), wave(40 * width, 53));
            let halves: Vec<u16> = floats.iter().map(|x| half::encode(*x)).collect();
            let upper: Vec<u16> = floats.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
            for (rows, units) in sizes.iter().flat_map(|a| sizes.map(|b| (*a, b))) {
                // Unaligned on purpose.
                let x = &x[1..=rows * width];
                let range = 2..2 + units * width;
                for weights in [
                    Weights::F32(&floats[range.clone()]),
                    Weights::F16(&halves[range.clone()]),
                    Weights::Bf16(&upper[range.clone()]),
                ] {
                    let plain: Vec<f64> = weights.iter().map(f64::from).collect();
                    for level in &levels {
                        let mut out = vec![9.0; rows * units];
                        level.multiply(x, weights, width, &mut out);
                        for (row, sums) in x.chunks(width).zip(out.chunks(units)) {
                            for (unit, sum) in plain.chunks(width).zip(sums) {
                                let terms = || row.iter().zip(unit).map(|(x, w)| f64::from(*x) * w);
                                let (exact, size): (f64, f64) =
                                    (terms().sum(), terms().map(f64::abs).sum());
                                let near = (f64::from(*sum) - exact).abs() <= 1e-6 * size;
                                assert!(near, "{}: {sum} is not {exact}", level.key());
                            }
                        }
                        let mut alone = vec![9.0; units];
                        level.multiply(&x[x.len() - width..], weights, width, &mut alone);
                        let last = &out[out.len() - units..];
                        assert_eq!(alone, last, "{}, {width} components", level.key());
                    }
                }
            }
        }
    }

    #[test]
    fn rows_without_room_or_components_are_ignored() {
        for level in Level::all() {
            let (x, weights) = (wave(20, 3), wave(10, 7));
            let mut out = [9.0; 7];
            level.multiply(&x, Weights::F32(&weights), 5, &mut out);
            let mut whole = [0.0; 8];
            level.multiply(&x, Weights::F32(&weights), 5, &mut whole);
            assert_eq!(out[..6], whole[..6]);
            assert_eq!(out[6], 9.0);
            level.multiply(&x, Weights::F32(&[]), 5, &mut out);
            assert_eq!(out, [0.0; 7]);
            level.multiply(&x, Weights::F32(&weights), 0, &mut out);
            assert_eq!(out, [0.0; 7]);
        }
    }

    #[test]
    fn add_scaled_takes_rows_of_any_precision() {
        let mut sum = [1.0, 2.0, 3.0];
        let level = Level::best();
        level.add_scaled(&mut sum, 2.0, Weights::F32(&[0.5, 1.0, -1.0]));
        level.add_scaled(&mut sum, -1.0, Weights::F16(&[0x3c00, 0x4000]));
        level.add_scaled(&mut sum, 1.0, Weights::Bf16(&[0x3f80, 0xbf80, 0x4000]));
        assert_eq!(sum, [2.0, 1.0, 3.0]);
    }
}
