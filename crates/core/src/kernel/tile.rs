//! The shape of a matrix product, and how it is cut into tiles.

/// Rows of the batch that are multiplied with a few rows of weights before the next ones. The weights stay
/// in the L1 cache meanwhile and the group in L2, so a matrix larger than L2 is read once per group.
/// A multiple of every tile's height.
const GROUP: usize = 64;

/// Sums that a kernel computes together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tile {
    /// Several rows of the batch with several rows of weights.
    Square,
    /// One row of the batch with several rows of weights.
    Line,
    /// One row of each.
    One,
}

/// The sizes of a product: `rows` of the batch, `units` rows of weights, `width` components of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) units: usize,
    pub(super) width: usize,
}

impl Shape {
    /// Whether the operands and the output are long enough.
    pub(super) fn fits<T>(self, x: &[f32], weights: &[T], out: &[f32]) -> bool {
        let fits = |a: usize, b: usize, length| a.checked_mul(b).is_some_and(|n| n <= length);
        fits(self.rows, self.width, x.len())
            && fits(self.units, self.width, weights.len())
            && fits(self.rows, self.units, out.len())
    }

    /// Computes all sums: in square tiles if both sides have enough rows, else in lines.
    ///
    /// `sums(tile, row, unit)` computes the tile whose first rows are `row` and `unit`, row by row. The
    /// last tile of a series is moved back so that it ends at the last row: sums that overlap are computed
    /// twice, with identical results.
    #[inline]
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

    /// Computes one product after the other.
    pub(super) fn each<T>(
        self,
        x: &[f32],
        weights: &[T],
        out: &mut [f32],
        dot: impl Fn(&[f32], &[T]) -> f32,
    ) {
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
