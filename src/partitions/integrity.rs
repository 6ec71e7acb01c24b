//! The check of stored partitions.

use super::builder::{half_squares, parallel_weight, per_spread, spread};
use super::encoder::Encoder;
use super::index::{Partitions, blocks, first_blocks};
use super::router::tiles;
use crate::graph::{NodeVectors, Rows};
use rayon::prelude::*;
use twinspire_core::kernel::{FAST_SCAN_BLOCK, Level};

/// Examples that a report gives of broken leaves.
const EXAMPLES: usize = 4;
/// Relative difference that another order of sums may make.
const TOLERANCE: f32 = 1e-3;

impl Partitions<'_> {
    /// A few examples of damage: leaves that do not hold each node once, in order; numbers and codes that
    /// contradict the vectors.
    pub(crate) fn check(&self, vectors: &NodeVectors<'_>) -> Vec<String> {
        let mut problems = self.check_tables(vectors.rows.count());
        if problems.is_empty() {
            problems = self.check_numbers();
        }
        if problems.is_empty() {
            let leaves = 0..self.leaves();
            let found = leaves.into_par_iter();
            let found = found.filter_map(|leaf| self.check_leaf(leaf, vectors));
            problems = found.collect();
        }
        problems.truncate(EXAMPLES);
        problems
    }

    fn check_tables(&self, nodes: u32) -> Vec<String> {
        let first = self.arrays.first_nodes;
        let mut problems = Vec::new();
        if !first.is_sorted() || first.first() != Some(&0) || first.last() != Some(&nodes) {
            problems.push("the leaves do not hold each node once, in order".to_owned());
        } else if first_blocks(first) != self.arrays.first_blocks
            || self.arrays.first_blocks.last() != Some(&self.book.blocks)
        {
            problems.push("the blocks of the leaves do not follow from their nodes".to_owned());
        }
        problems
    }

    fn check_numbers(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (arrays, book) = (&self.arrays, self.book);
        let numbers = [
            arrays.matrix,
            arrays.words,
            arrays.centroids,
            arrays.halves,
            arrays.radii,
            arrays.spreads,
        ];
        if numbers.iter().any(|all| all.iter().any(|x| !x.is_finite())) {
            problems.push("a number is not finite".to_owned());
            return problems;
        }
        let halves = half_squares(arrays.centroids, self.dimension());
        let mut halves = halves.iter().zip(arrays.halves).enumerate();
        if let Some((leaf, _)) = halves.find(|(_, (right, found))| differ(**right, **found)) {
            problems.push(format!(
                "the length of the centroid of leaf {leaf} is another"
            ));
        }
        let centroids = Rows::new(arrays.centroids, self.dimension());
        if tiles(centroids, &book.tile_mean, book.tile_scale) != arrays.tiles {
            problems.push("the codes of the centroids differ from them".to_owned());
        }
        if !self.is_orthogonal() {
            problems.push("the rotation changes lengths".to_owned());
        }
        problems
    }

    /// Whether the rows of each matrix of the rotation are orthonormal.
    fn is_orthogonal(&self) -> bool {
        let mut matrix = self.arrays.matrix;
        let level = Level::best();
        self.book.rotation.blocks.iter().all(|size| {
            let size = *size as usize;
            let (block, rest) = matrix.split_at(size * size);
            matrix = rest;
            let rows = || block.chunks_exact(size.max(1)).enumerate();
            rows().all(|(at, row)| {
                rows().take(at + 1).all(|(of, other)| {
                    let unit = f32::from(u8::from(at == of));
                    (level.dot(row, other) - unit).abs() < TOLERANCE
                })
            })
        })
    }

    /// What is wrong with a leaf: a node outside its radius, a spread of other nodes, a code that is worse than the
    /// nearest words, or a code of no node.
    fn check_leaf(&self, leaf: usize, vectors: &NodeVectors<'_>) -> Option<String> {
        let (level, nodes) = (Level::best(), self.nodes(leaf));
        let encoder = Encoder {
            rotation: self.rotation(),
            words: self.words(),
            parallel: parallel_weight(vectors.metric, self.dimension()),
        };
        let (mut row, mut buffer, mut vector) = (Vec::new(), Vec::new(), Vec::new());
        let mut nearest = Vec::new();
        let (mut squares, mut lengths) = (0.0, 0.0);
        let stored = self.arrays.spreads[leaf];
        let factor = per_spread(stored);
        for (place, node) in nodes.clone().enumerate() {
            row.clear();
            vectors.rows.row(node)?.append_to(&mut row);
            self.rotation().apply(level, &row, &mut buffer, &mut vector);
            let centroid = self.centroid(leaf).iter();
            let mut residual: Vec<f32> = vector.iter().zip(centroid).map(|(x, c)| x - c).collect();
            let square = level.dot(&residual, &residual);
            let squared_length = level.dot(&vector, &vector);
            (squares, lengths) = (squares + square, lengths + squared_length);
            let (distance, length) = (square.sqrt(), squared_length.sqrt());
            if distance > self.arrays.radii[leaf] * (1.0 + TOLERANCE) + TOLERANCE * length {
                return Some(format!("node {node} is outside of its leaf {leaf}"));
            }
            residual.iter_mut().for_each(|x| *x *= factor);
            let codes: Vec<u8> = self.codes_at(leaf, place)?.collect();
            let most = encoder.nearest_loss(&residual, &vector, &mut nearest);
            let loss = encoder.loss(&residual, &vector, &codes);
            if loss > most * (1.0 + TOLERANCE) + TOLERANCE * square * factor * factor {
                return Some(format!(
                    "the codes of node {node} in leaf {leaf} differ from its vector"
                ));
            }
        }
        // By another order of sums the least spread may be none.
        let right = spread(squares, lengths, nodes.len());
        let length = (lengths / nodes.len().max(1) as f32).sqrt();
        if (right - stored).abs() > TOLERANCE * (right + length) {
            return Some(format!("the spread of leaf {leaf} is another"));
        }
        let padding = nodes.len()..blocks(nodes.len() as u32) * FAST_SCAN_BLOCK;
        let mut padding = padding.filter_map(|place| self.codes_at(leaf, place));
        let is_zero = padding.all(|mut codes| codes.all(|code| code == 0));
        (!is_zero).then(|| format!("leaf {leaf} has codes of no node"))
    }
}

fn differ(right: f32, found: f32) -> bool {
    (right - found).abs() > TOLERANCE * right.abs()
}
