//! Many inner products at once: rows of numbers with the rows of a matrix, as a dense layer needs.
//!
//! Both lists have their components side by side, so no side is packed anew, and a matrix can be used
//! where a file holds it. A kernel takes a few rows of each at a time: a dozen sums or two run side
//! by side and every register loaded is used several times. What a row gives does not depend on the rows
//! beside it, to the bit: one record and a batch of them give the same vectors.

use super::{Level, half, prefetch, scalar};

/// Rows of numbers that pass by a few rows of weights, which stay in the first level of the cache
/// meanwhile. So many make whole tiles and stay in the second level: a matrix larger than that is read
/// once for all of them.
const GROUP: usize = 64;

/// The components of a matrix, row after row, as they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In binary16.
    F16(&'a [u16]),
    /// In bfloat16: the upper half of the 32 bits.
    Bf16(&'a [u16]),
}

impl<'a> Weights<'a> {
    /// Number of weights.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Self::F32(all) => all.len(),
            Self::F16(all) | Self::Bf16(all) => all.len(),
        }
    }

    /// Those from `from` on, so many; none if there are not so many.
    #[inline]
    pub fn part(self, from: usize, count: usize) -> Option<Self> {
        let range = from..from.checked_add(count)?;
        Some(match self {
            Self::F32(all) => Self::F32(all.get(range)?),
            Self::F16(all) => Self::F16(all.get(range)?),
            Self::Bf16(all) => Self::Bf16(all.get(range)?),
        })
    }

    /// Asks the processor to have them at hand.
    #[inline]
    pub fn prefetch(self) {
        match self {
            Self::F32(all) => prefetch(all),
            Self::F16(all) | Self::Bf16(all) => prefetch(all),
        }
    }

    /// The numbers.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = f32> + 'a {
        let (full, halves, upper): (&[f32], &[u16], &[u16]) = match self {
            Self::F32(all) => (all, &[], &[]),
            Self::F16(all) => (&[], all, &[]),
            Self::Bf16(all) => (&[], &[], all),
        };
        let halves = halves.iter().map(|bits| half::decode(*bits));
        let upper = upper.iter().map(|bits| decode_bf16(*bits));
        full.iter().copied().chain(halves).chain(upper)
    }
}

/// The number that a bfloat16 is.
pub(super) fn decode_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

impl Level {
    /// The inner products of every row of `x` with every row of `weights`, both of `width` components:
    /// `out[row of x][row of weights]`. Rows that `out` has no room for are left out, and so is what is
    /// less than a row.
    #[inline]
    pub fn multiply(self, x: &[f32], weights: Weights<'_>, width: usize, out: &mut [f32]) {
        let units = weights.len().checked_div(width).unwrap_or_default();
        if units == 0 {
            // Sums of nothing.
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

    /// Adds `factor` times the components to a sum, as many as both have.
    #[inline]
    pub fn add_scaled(self, sum: &mut [f32], factor: f32, row: Weights<'_>) {
        // Compilers do this well by themselves for 32 bits; a row of a table is short.
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

/// Sums that are computed together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tile {
    /// Of several rows of numbers with several of weights.
    Square,
    /// Of a row of numbers with several of weights.
    Line,
    /// Of a row of each.
    One,
}

/// What a multiplication is of; the lists have room for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) units: usize,
    pub(super) width: usize,
}

impl Shape {
    /// Whether the lists are long enough for it.
    pub(super) fn fits<T>(self, x: &[f32], weights: &[T], out: &[f32]) -> bool {
        let fits = |a: usize, b: usize, length| a.checked_mul(b).is_some_and(|n| n <= length);
        fits(self.rows, self.width, x.len())
            && fits(self.units, self.width, weights.len())
            && fits(self.rows, self.units, out.len())
    }

    /// Computes all sums, in tiles of several rows of both at a time where there are so many, else in
    /// lines. `sums` gives those of a tile that begins with a row of numbers and one of weights, row by
    /// row. The last of a series begins where it ends with the rows: some sums are computed twice then,
    /// to the same bit.
    pub(super) fn tiles<const SUMS: usize, const TALL: usize, const WIDE: usize>(
        self,
        sums: impl Fn(Tile, usize, usize) -> [f32; SUMS],
        line: usize,
        out: &mut [f32],
    ) {
        let Self { rows, units, .. } = self;
        if rows >= TALL && units >= WIDE {
            for first in (0..rows).step_by(GROUP) {
                for unit in (0..units).step_by(WIDE) {
                    let unit = unit.min(units - WIDE);
                    for row in (first..rows.min(first + GROUP)).step_by(TALL) {
                        let row = row.min(rows - TALL);
                        let sums = sums(Tile::Square, row, unit);
                        let (sums, _) = sums.as_chunks::<WIDE>();
                        for (at, sums) in sums.iter().take(TALL).enumerate() {
                            out[(row + at) * units + unit..][..WIDE].copy_from_slice(sums);
                        }
                    }
                }
            }
            return;
        }
        let (tile, step) = match units >= line {
            true => (Tile::Line, line),
            false => (Tile::One, 1),
        };
        for row in 0..rows {
            for unit in (0..units).step_by(step) {
                let unit = unit.min(units - step);
                let sums = sums(tile, row, unit);
                out[row * units + unit..][..step].copy_from_slice(&sums[..step]);
            }
        }
    }

    /// One product after the other.
    fn each<T>(self, x: &[f32], weights: &[T], out: &mut [f32], dot: impl Fn(&[f32], &[T]) -> f32) {
        let rows = x
            .chunks_exact(self.width)
            .zip(out.chunks_exact_mut(self.units));
        for (x, out) in rows.take(self.rows) {
            for (weights, out) in weights.chunks_exact(self.width).zip(out) {
                *out = dot(x, weights);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of numbers that differ.
    fn wave(count: usize, step: usize) -> Vec<f32> {
        let number = |i: usize| ((i * step % 101) as f32 - 50.0) / 37.0;
        (0..count).map(number).collect()
    }

    #[test]
    fn all_products_of_rows_are_right_at_every_level_and_alike_in_any_batch() {
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
                // Not where an allocation begins.
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
    fn what_has_no_room_or_no_components_is_left_out() {
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
    fn a_row_is_added_in_any_precision() {
        let mut sum = [1.0, 2.0, 3.0];
        let level = Level::best();
        level.add_scaled(&mut sum, 2.0, Weights::F32(&[0.5, 1.0, -1.0]));
        level.add_scaled(&mut sum, -1.0, Weights::F16(&[0x3c00, 0x4000]));
        level.add_scaled(&mut sum, 1.0, Weights::Bf16(&[0x3f80, 0xbf80, 0x4000]));
        assert_eq!(sum, [2.0, 1.0, 3.0]);
    }
}
