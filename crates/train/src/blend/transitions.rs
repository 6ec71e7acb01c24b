//! Transitions between items as factors: the leading singular vectors of the baseline's matrix.

use crate::baselines::transition_shares;
use crate::cooccurrence::{eigen, orthonormalise};
use crate::sampler::Logs;
use ndarray::{Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// Products with the matrix and its transpose.
const ITERATIONS: usize = 8;
/// Components that are computed in addition, so that the last ones are accurate too.
const OVERSAMPLING: usize = 8;

/// Factors of the matrix of transitions: the share of item j after item i is about `from[i] · to[j]`.
pub(super) struct Transitions {
    pub(super) from: Array2<f64>,
    pub(super) to: Array2<f64>,
}

/// A sparse matrix by rows.
type Sparse = Vec<BTreeMap<u32, f32>>;

impl Transitions {
    /// Number of most recent items of a user that are looked up, as by the baseline.
    pub(super) const RECENT: usize = crate::baselines::TRANSITIONS_RECENT;
    /// Weight of an item relative to the next newer one, as by the baseline.
    pub(super) const DECAY: f32 = crate::baselines::TRANSITIONS_DECAY;

    /// At most `width` factors. Rows count by how often their items occur, as they are read that often.
    pub(super) fn new(logs: &Logs, width: usize, seed: u64) -> Self {
        let (shares, counts) = transition_shares(logs);
        let roots: Vec<f64> = counts.iter().map(|count| count.sqrt()).collect();
        let items = shares.len();
        let width = width.min(items);
        let all = (width + OVERSAMPLING).min(items);
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let uniform = || rng.random_range(-1.0..1.0);
        let mut basis = Array2::from_shape_simple_fn((items, all), uniform);
        orthonormalise(&mut basis);
        for _ in 0..ITERATIONS {
            basis = back(&shares, &roots, &forth(&shares, &roots, &basis));
            orthonormalise(&mut basis);
        }
        let left = forth(&shares, &roots, &basis);
        let (values, vectors) = eigen(left.t().dot(&left));
        let mut order: Vec<usize> = (0..all).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        order.truncate(width);
        let to = basis.dot(&vectors.select(Axis(1), &order));
        let ones = vec![1.0; items];
        Self {
            from: forth(&shares, &ones, &to),
            to,
        }
    }
}

/// The rows of the matrix times their weights, times a basis.
fn forth(shares: &Sparse, weights: &[f64], basis: &Array2<f64>) -> Array2<f64> {
    let mut product = Array2::zeros(basis.raw_dim());
    for ((mut to, row), weight) in product.rows_mut().into_iter().zip(shares).zip(weights) {
        for (item, share) in row {
            to.scaled_add(weight * f64::from(*share), &basis.row(*item as usize));
        }
    }
    product
}

/// The transpose of that, times `left`.
fn back(shares: &Sparse, weights: &[f64], left: &Array2<f64>) -> Array2<f64> {
    let mut product = Array2::<f64>::zeros(left.raw_dim());
    for ((from, row), weight) in left.rows().into_iter().zip(shares).zip(weights) {
        for (item, share) in row {
            let mut to = product.row_mut(*item as usize);
            to.scaled_add(weight * f64::from(*share), &from);
        }
    }
    product
}
