//! Building partitions.

use super::codebooks::{self, Entries};
use super::encoder::{Encoder, EncoderScratch};
use super::index::{
    OwnedPartitions, PartitionArrays, PartitionBook, Partitions, blocks, first_blocks,
};
use super::kmeans;
use super::rotation::{Rotation, RotationShape, subspaces};
use super::router::CentroidTiles;
use crate::graph::Rows;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire_core::kernel::{FAST_SCAN_BLOCK, FAST_SCAN_STEP, Level, Metric};

/// Leaves per root of the number of rows.
const LEAVES: f64 = 2.3;
/// Components per subspace that are tried.
const COMPONENTS: [usize; 2] = [4, 2];
/// Codes that lose more than this share of the variance of residuals are too coarse: candidates would be too many.
/// Of residuals without a preferred direction, one bit a component loses 0.3 and two bits 0.1.
const MOST_LOST: f32 = 0.2;
/// A leaf whose residuals are shorter than this share of its rows has no spread: rounding would decide the codes.
const LEAST_SPREAD: f32 = 1e-4;
/// Rows whose residuals the rotation is fitted to.
const ROTATION_SAMPLE: usize = 32_768;
/// Rows whose residuals the codebooks are trained on.
const CODEBOOK_SAMPLE: usize = 8_192;
/// The anisotropic loss counts on answers whose inner product with the query is at least this share of
/// the product of lengths.
const PARALLEL_THRESHOLD: f32 = 0.2;

/// How partitions are built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionParams {
    /// Number of leaves.
    pub(crate) leaves: usize,
    /// Components per subspace: the first of these with which codes keep enough of the residuals, or the last.
    pub(crate) components: &'static [usize],
}

impl PartitionParams {
    /// The defaults for this many rows.
    pub(crate) fn for_rows(rows: u32) -> Self {
        Self {
            leaves: ((f64::from(rows).sqrt() * LEAVES) as usize).max(1),
            components: &COMPONENTS,
        }
    }
}

/// Partitions of these rows, and for each node, in leaf order, the row that it is. `None` once `cancelled` is
/// set.
///
/// `progress` receives the number of rows done and of all rows.
pub(crate) fn build(
    metric: Metric,
    rows: Rows<'_>,
    params: PartitionParams,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Option<(OwnedPartitions, Vec<u32>)> {
    let total = u64::from(rows.count());
    let goes_on = || !cancelled.load(Ordering::Relaxed);
    // k-means takes about half of the time.
    let mut report = |round: usize, rounds: usize| {
        progress(total * round as u64 / (2 * rounds as u64), total);
        goes_on()
    };
    let centroids = kmeans::centroids(rows, params.leaves.max(1), &mut report);
    if !goes_on() {
        return None;
    }
    let quantiser = Quantiser::train(rows, centroids, params);
    let built = quantiser.partition(metric, rows, cancelled)?;
    progress(total, total);
    Some(built)
}

/// What decides the leaf and the codes of a row.
pub(super) struct Quantiser {
    /// The leaf of each row.
    leaf_of: Vec<u32>,
    shape: RotationShape,
    matrix: Vec<f32>,
    words: Vec<Entries>,
    /// The rotated centroids.
    centroids: Vec<f32>,
}

impl Quantiser {
    /// Assigns the rows to their nearest centroids, and fits rotation and codebooks to the residuals.
    fn train(rows: Rows<'_>, centroids: Vec<f32>, params: PartitionParams) -> Self {
        let dimension = rows.dimension();
        let leaf_of = kmeans::assign(rows, &centroids);
        let residuals = Residuals::new(rows, &centroids, &leaf_of);
        let of_rotation = residuals.sample(ROTATION_SAMPLE);
        let of_words = residuals.sample(CODEBOOK_SAMPLE);
        let fit = |components| {
            let count = subspaces(dimension, components);
            let (shape, matrix) = RotationShape::fit(Rows::new(&of_rotation, dimension), count);
            let rotation = Rotation {
                shape: &shape,
                matrix: &matrix,
            };
            let rotated = rotation.apply_all(Rows::new(&of_words, dimension));
            let (words, lost) = codebooks::train(&shape, Rows::new(&rotated, dimension));
            (shape, matrix, words, lost)
        };
        let mut fitted = fit(params.components.first().copied().unwrap_or(1));
        for components in params.components.iter().skip(1) {
            if fitted.3 > MOST_LOST {
                fitted = fit(*components);
            }
        }
        let (shape, matrix, words, _) = fitted;
        let rotation = Rotation {
            shape: &shape,
            matrix: &matrix,
        };
        let centroids = rotation.apply_all(Rows::new(&centroids, dimension));
        Self {
            leaf_of,
            shape,
            matrix,
            words,
            centroids,
        }
    }

    /// What decides in other partitions, with the leaf of each row of a new set.
    pub(super) fn of(partitions: &Partitions<'_>, leaf_of: Vec<u32>) -> Self {
        Self {
            leaf_of,
            shape: partitions.book.rotation.clone(),
            matrix: partitions.arrays.matrix.to_vec(),
            words: partitions.words().to_vec(),
            centroids: partitions.arrays.centroids.to_vec(),
        }
    }

    /// Encodes the rows, in leaf order. `None` once `cancelled` is set, or for a leaf out of range.
    pub(super) fn partition(
        self,
        metric: Metric,
        rows: Rows<'_>,
        cancelled: &AtomicBool,
    ) -> Option<(OwnedPartitions, Vec<u32>)> {
        let dimension = rows.dimension();
        let count = self.centroids.len() / dimension.max(1);
        let mut order: Vec<u32> = (0..rows.count()).collect();
        order.sort_by_key(|row| self.leaf_of[*row as usize]);
        let mut first_nodes = vec![0; count + 1];
        for leaf in &self.leaf_of {
            *first_nodes.get_mut(*leaf as usize + 1)? += 1;
        }
        for leaf in 0..count {
            first_nodes[leaf + 1] += first_nodes[leaf];
        }
        let encoder = Encoder {
            rotation: Rotation {
                shape: &self.shape,
                matrix: &self.matrix,
            },
            words: &self.words,
            parallel: parallel_weight(metric, dimension),
        };
        let leaves = (0..count).into_par_iter().map_init(
            || LeafEncoder::new(dimension),
            |buffers, leaf| {
                let members = first_nodes[leaf] as usize..first_nodes[leaf + 1] as usize;
                let centroid = &self.centroids[leaf * dimension..][..dimension];
                let goes_on = !cancelled.load(Ordering::Relaxed);
                goes_on.then(|| buffers.encode(&encoder, rows, &order[members], centroid))
            },
        );
        let leaves: Vec<EncodedLeaf> = leaves.collect::<Option<_>>()?;
        let tiles = CentroidTiles::quantise(Rows::new(&self.centroids, dimension));
        let first_blocks = first_blocks(&first_nodes);
        let partitions = OwnedPartitions {
            book: PartitionBook {
                leaves: count as u32,
                blocks: first_blocks.last().copied().unwrap_or_default(),
                rotation: self.shape,
                tile_mean: tiles.mean,
                tile_scale: tiles.scale,
            },
            arrays: PartitionArrays {
                matrix: self.matrix,
                words: self.words.into_flattened(),
                halves: half_squares(&self.centroids, dimension),
                centroids: self.centroids,
                radii: leaves.iter().map(|leaf| leaf.radius).collect(),
                spreads: leaves.iter().map(|leaf| leaf.spread).collect(),
                first_nodes,
                first_blocks,
                tiles: tiles.tiles,
                codes: leaves.into_iter().flat_map(|leaf| leaf.codes).collect(),
            },
        };
        Some((partitions, order))
    }
}

/// Half the squared length of each centroid.
pub(super) fn half_squares(centroids: &[f32], dimension: usize) -> Vec<f32> {
    let centroids = centroids.chunks_exact(dimension.max(1));
    let squares = centroids.map(|centroid| Level::best().dot(centroid, centroid));
    squares.map(|square| square / 2.0).collect()
}

/// Weight of the error along a vector (Guo et al., 2020, theorem 3.4).
pub(super) fn parallel_weight(metric: Metric, dimension: usize) -> f32 {
    let squared = PARALLEL_THRESHOLD * PARALLEL_THRESHOLD;
    match metric {
        Metric::Cosine | Metric::InnerProduct => {
            (squared / (1.0 - squared) * (dimension as f32 - 1.0)).max(1.0)
        }
        Metric::L2 => 1.0,
    }
}

/// The spread of a leaf, from the sums of the squared lengths of its residuals and of its rows: the root of the mean of
/// the former, or 0 where the residuals are hardly more than rounding errors.
pub(super) fn spread(residuals: f32, rows: f32, count: usize) -> f32 {
    match residuals > LEAST_SPREAD * LEAST_SPREAD * rows {
        true => (residuals / count.max(1) as f32).sqrt(),
        false => 0.0,
    }
}

/// What residuals are multiplied by before they are encoded: one over the spread of their leaf, 0 for no spread.
pub(super) fn per_spread(spread: f32) -> f32 {
    if spread.is_normal() {
        1.0 / spread
    } else {
        0.0
    }
}

/// The differences of rows from their centroids, in multiples of the spread of their leaf. So rows that differ little
/// from each other have codes that tell them apart.
struct Residuals<'a> {
    rows: Rows<'a>,
    centroids: &'a [f32],
    leaf_of: &'a [u32],
    /// One over the spread of each leaf.
    factors: Vec<f32>,
}

impl<'a> Residuals<'a> {
    fn new(rows: Rows<'a>, centroids: &'a [f32], leaf_of: &'a [u32]) -> Self {
        let leaves = centroids.len() / rows.dimension().max(1);
        let mut all = Self {
            rows,
            centroids,
            leaf_of,
            factors: Vec::new(),
        };
        let level = Level::best();
        let mut sums = vec![(0.0, 0.0, 0); leaves];
        let mut residual = Vec::new();
        for (row, leaf) in (0..rows.count()).zip(leaf_of) {
            residual.clear();
            residual.extend(all.of(row));
            let row = rows.row(row).unwrap_or_default();
            let (residuals, lengths, count) = &mut sums[*leaf as usize];
            *residuals += level.dot(&residual, &residual);
            *lengths += level.dot(row, row);
            *count += 1;
        }
        let spreads = sums
            .into_iter()
            .map(|(residuals, rows, count)| spread(residuals, rows, count));
        all.factors = spreads.map(per_spread).collect();
        all
    }

    /// The difference of a row from its centroid.
    fn of(&self, row: u32) -> impl Iterator<Item = f32> {
        let (dimension, leaf) = (self.rows.dimension(), self.leaf_of[row as usize] as usize);
        let centroid = &self.centroids[leaf * dimension..][..dimension];
        let row = self.rows.row(row).unwrap_or_default();
        row.iter().zip(centroid).map(|(x, c)| x - c)
    }

    /// Those of at most `most` rows evenly spread.
    fn sample(&self, most: usize) -> Vec<f32> {
        let step = (self.rows.count() as usize).div_ceil(most).max(1);
        let picked = (0..self.rows.count()).step_by(step);
        let residuals = picked.flat_map(|row| {
            let factor = self.factors[self.leaf_of[row as usize] as usize];
            self.of(row).map(move |x| x * factor)
        });
        residuals.collect()
    }
}

/// What is stored of a leaf.
struct EncodedLeaf {
    codes: Vec<u8>,
    radius: f32,
    spread: f32,
}

/// Buffers to encode the nodes of one leaf after another.
struct LeafEncoder {
    level: Level,
    dimension: usize,
    /// The rotated vectors of the leaf.
    vectors: Vec<f32>,
    /// Their differences from the centroid, in multiples of the spread of the leaf.
    residuals: Vec<f32>,
    vector: Vec<f32>,
    buffer: Vec<f32>,
    codes: Vec<u8>,
    scratch: EncoderScratch,
}

impl LeafEncoder {
    fn new(dimension: usize) -> Self {
        Self {
            level: Level::best(),
            dimension,
            vectors: Vec::new(),
            residuals: Vec::new(),
            vector: Vec::with_capacity(dimension),
            buffer: Vec::with_capacity(dimension),
            codes: Vec::new(),
            scratch: EncoderScratch::default(),
        }
    }

    /// Encodes the rows of a leaf.
    fn encode(
        &mut self,
        encoder: &Encoder<'_>,
        rows: Rows<'_>,
        members: &[u32],
        centroid: &[f32],
    ) -> EncodedLeaf {
        let rotation = encoder.rotation;
        self.vectors.clear();
        self.residuals.clear();
        let (mut squares, mut lengths, mut farthest) = (0.0, 0.0, 0.0f32);
        for row in members {
            let row = rows.row(*row).unwrap_or_default();
            rotation.apply(self.level, row, &mut self.buffer, &mut self.vector);
            let from = self.residuals.len();
            let differences = self.vector.iter().zip(centroid).map(|(x, c)| x - c);
            self.residuals.extend(differences);
            self.vectors.extend_from_slice(&self.vector);
            let residual = &self.residuals[from..];
            let square = self.level.dot(residual, residual);
            squares += square;
            lengths += self.level.dot(&self.vector, &self.vector);
            farthest = farthest.max(square);
        }
        let spread = spread(squares, lengths, members.len());
        let factor = per_spread(spread);
        self.residuals.iter_mut().for_each(|x| *x *= factor);
        let block = rotation.shape.subspaces() * FAST_SCAN_STEP;
        let mut blocks = vec![0; blocks(members.len() as u32) * block];
        self.codes.resize(rotation.shape.subspaces(), 0);
        let residuals = self.residuals.chunks_exact(self.dimension.max(1));
        let each = residuals.zip(self.vectors.chunks_exact(self.dimension.max(1)));
        for (place, (residual, vector)) in each.enumerate() {
            encoder.encode(residual, vector, &mut self.scratch, &mut self.codes);
            let lane = place % FAST_SCAN_BLOCK;
            let shift = if lane < FAST_SCAN_STEP { 0 } else { 4 };
            let steps = blocks[place / FAST_SCAN_BLOCK * block..].chunks_exact_mut(FAST_SCAN_STEP);
            for (step, code) in steps.zip(&self.codes) {
                step[lane % FAST_SCAN_STEP] |= code << shift;
            }
        }
        EncodedLeaf {
            codes: blocks,
            radius: farthest.sqrt(),
            spread,
        }
    }
}
