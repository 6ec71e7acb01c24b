//! The rotation of residuals to principal components, and the subspaces these are dealt to.

use super::eigen::eigen;
use crate::graph::Rows;
use bincode::{Decode, Encode};
use rayon::prelude::*;
use std::ops::Range;
use twinspire_core::kernel::{Level, MAX_SUBSPACES, Weights};

/// Components that are rotated among each other. Rotating all of a large dimension would cost a query more
/// than the scan does.
const MAX_BLOCK: usize = 256;
/// Variances below this share of the largest count as that share: their logarithms would rule the deal.
const FLOOR: f64 = 1e-4;

/// The shape of a rotation: an orthogonal map, block by block, then a reordering into subspaces.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct RotationShape {
    /// Components per block; the blocks cover the dimension.
    pub(super) blocks: Vec<u32>,
    /// The rotated component at each place.
    pub(super) order: Vec<u32>,
    /// Where each subspace starts among the places, and the dimension.
    pub(super) starts: Vec<u32>,
}

/// A rotation: its shape, and the matrices of its blocks, row-major, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotation<'a> {
    pub(super) shape: &'a RotationShape,
    pub(super) matrix: &'a [f32],
}

impl RotationShape {
    /// The rotation to the principal components of these rows, which are dealt to `subspaces`, and its
    /// matrices.
    pub(super) fn fit(residuals: Rows<'_>, subspaces: usize) -> (Self, Vec<f32>) {
        let dimension = residuals.dimension();
        let count = dimension.div_ceil(MAX_BLOCK).max(1);
        let block = dimension.div_ceil(count);
        let bounds: Vec<(usize, usize)> = (0..count)
            .map(|at| (at * block, ((at + 1) * block).min(dimension)))
            .filter(|(from, to)| from < to)
            .collect();
        let parts: Vec<_> = bounds
            .par_iter()
            .map(|(from, to)| eigen(&covariance(residuals, *from, *to), to - from))
            .collect();
        let variances: Vec<f64> = parts
            .iter()
            .flat_map(|(values, _)| values.iter().copied())
            .collect();
        let matrix = parts.iter().flat_map(|(_, vectors)| vectors.iter());
        let (order, starts) = deal(&variances, subspaces);
        let blocks = bounds.iter().map(|(from, to)| (to - from) as u32).collect();
        let shape = Self {
            blocks,
            order,
            starts,
        };
        (shape, matrix.map(|x| *x as f32).collect())
    }

    /// Whether a rotation of vectors of this dimension can have this shape. It comes from files.
    pub(super) fn is_sound(&self, dimension: usize) -> bool {
        let blocks = self.blocks.iter().map(|size| u64::from(*size));
        let mut seen = vec![false; dimension];
        let is_permutation = self.order.len() == dimension
            && self.order.iter().all(|component| {
                let seen = seen.get_mut(*component as usize);
                seen.is_some_and(|seen| !std::mem::replace(seen, true))
            });
        is_permutation
            && blocks.sum::<u64>() == dimension as u64
            && (1..=MAX_SUBSPACES).contains(&self.subspaces())
            && self.starts.first() == Some(&0)
            && self.starts.last() == Some(&(dimension as u32))
            && self.starts.is_sorted()
    }

    /// Number of components of all matrices. The shape is [sound](Self::is_sound).
    pub(super) fn matrix_len(&self) -> u64 {
        let sizes = self.blocks.iter().map(|size| u64::from(*size));
        sizes.map(|size| size * size).sum()
    }

    /// Number of subspaces.
    pub(super) fn subspaces(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The places of a subspace.
    pub(super) fn places(&self, subspace: usize) -> Range<usize> {
        self.starts[subspace] as usize..self.starts[subspace + 1] as usize
    }
}

impl Rotation<'_> {
    /// Rotates one vector. `buffer` is scratch space.
    pub(super) fn apply(self, level: Level, x: &[f32], buffer: &mut Vec<f32>, out: &mut Vec<f32>) {
        buffer.clear();
        buffer.resize(x.len(), 0.0);
        let (mut from, mut matrix) = (0, self.matrix);
        for size in &self.shape.blocks {
            let size = *size as usize;
            let (block, rest) = matrix.split_at(size * size);
            let range = from..from + size;
            let block = Weights::F32(block);
            level.multiply(&x[range.clone()], block, size, &mut buffer[range]);
            (from, matrix) = (from + size, rest);
        }
        out.clear();
        let places = self.shape.order.iter();
        out.extend(places.map(|component| buffer[*component as usize]));
    }

    /// Rotates all rows.
    pub(super) fn apply_all(self, rows: Rows<'_>) -> Vec<f32> {
        let (level, dimension) = (Level::best(), rows.dimension());
        let mut out = vec![0.0; rows.data().len()];
        out.par_chunks_exact_mut(dimension.max(1))
            .zip(rows.data().par_chunks_exact(dimension.max(1)))
            .for_each_init(
                || (Vec::new(), Vec::new()),
                |(buffer, rotated), (out, row)| {
                    self.apply(level, row, buffer, rotated);
                    out.copy_from_slice(rotated);
                },
            );
        out
    }
}

/// Second moments of the components from `from` to `to`.
fn covariance(rows: Rows<'_>, from: usize, to: usize) -> Vec<f64> {
    let size = to - from;
    let mut sums = vec![0.0f32; size * size];
    for row in rows.data().chunks_exact(rows.dimension()) {
        let row = &row[from..to];
        for (x, sums) in row.iter().zip(sums.chunks_exact_mut(size)) {
            sums.iter_mut().zip(row).for_each(|(sum, y)| *sum += x * y);
        }
    }
    let count = f64::from(rows.count().max(1));
    sums.iter().map(|sum| f64::from(*sum) / count).collect()
}

/// Deals components to subspaces of about equal products of variances, largest variance first: the
/// components at each place, and where each subspace starts.
fn deal(variances: &[f64], subspaces: usize) -> (Vec<u32>, Vec<u32>) {
    let floor = FLOOR * variances.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut order: Vec<u32> = (0..variances.len() as u32).collect();
    order.sort_by(|a, b| variances[*b as usize].total_cmp(&variances[*a as usize]));
    let mut hands: Vec<(f64, Vec<u32>)> = vec![(0.0, Vec::new()); subspaces];
    for component in order {
        let hand = hands.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((information, components)) = hand {
            // Even a component without variance fills up a subspace a little.
            *information += 0.05 + (variances[component as usize].max(floor) / floor).ln();
            components.push(component);
        }
    }
    let mut starts = vec![0];
    let mut places = Vec::with_capacity(variances.len());
    for (_, components) in hands {
        places.extend(components);
        starts.push(places.len() as u32);
    }
    (places, starts)
}

/// The number of subspaces for a dimension: one per `components`, a multiple of four, which fills registers.
pub(super) fn subspaces(dimension: usize, components: usize) -> usize {
    dimension
        .div_ceil(components.max(1))
        .next_multiple_of(4)
        .clamp(4, MAX_SUBSPACES)
}
