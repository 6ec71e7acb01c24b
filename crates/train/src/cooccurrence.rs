//! Items placed by the users that they share: the leading singular vectors of the matrix of users and items.
//!
//! The vectors come from a randomised subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011): a few products
//! with the sparse matrix, and small dense algebra. They make a linear model of all pairs of items: EASE (Steck, WWW
//! 2019) restricted to the leading components. With G = XᵀX, its eigenvalues s and eigenvectors V, the inverse
//! (G + λ)⁻¹ is (1 − V F Vᵀ) / λ with F = s / (s + λ). So the weight from item i to item j is V_i F V_jᵀ, divided by
//! 1 − V_j F V_jᵀ.

use crate::sampler::Logs;
use ndarray::{Array1, Array2, Axis};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeMap;

/// λ, as that of the baseline.
const REGULARISATION: f64 = 250.0;
/// Products with the matrix. The spectrum of a log falls quickly, so a few separate the leading components.
const ITERATIONS: usize = 6;
/// Components that are computed in addition, so that the last ones are accurate too.
const OVERSAMPLING: usize = 8;
/// Sweeps of the Jacobi method; it converges quadratically, in about six.
const SWEEPS: usize = 12;

/// The linear model of a log.
pub(crate) struct Cooccurrence {
    /// V: a row for each item, scaled by what its weights are divided by.
    pub(crate) items: Array2<f64>,
    /// F: the share of each component that is kept.
    pub(crate) filter: Array1<f64>,
    /// What the row of each item was divided by.
    pub(crate) own: Array1<f64>,
}

impl Cooccurrence {
    /// The model of at most `width` components. `weights` are those of the interactions of each user; an item that a
    /// user took several times counts once, by its largest weight.
    pub(crate) fn new(logs: &Logs, weights: &[Vec<f32>], width: usize, seed: u64) -> Self {
        let rows = rows(logs, weights);
        let width = width.min(logs.items.len());
        let all = (width + OVERSAMPLING).min(logs.items.len());
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let uniform = || rng.random_range(-1.0..1.0);
        let mut basis = Array2::from_shape_simple_fn((logs.items.len(), all), uniform);
        orthonormalise(&mut basis);
        for _ in 0..ITERATIONS {
            basis = gram(&rows, &basis);
            orthonormalise(&mut basis);
        }
        let (values, vectors) = eigen(basis.t().dot(&gram(&rows, &basis)));
        let mut order: Vec<usize> = (0..all).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        order.truncate(width);
        let filter = order.iter().map(|at| values[*at].max(0.0));
        let filter: Array1<f64> = filter.map(|s| s / (s + REGULARISATION)).collect();
        let mut items = basis.dot(&vectors.select(Axis(1), &order));
        let own = items.rows().into_iter().map(|item| {
            let kept: f64 = item.iter().zip(&filter).map(|(x, f)| x * x * f).sum();
            1.0 - kept.min(0.99)
        });
        let own: Array1<f64> = own.collect();
        for (mut item, own) in items.rows_mut().into_iter().zip(&own) {
            item /= *own;
        }
        Self { items, filter, own }
    }
}

/// The distinct items of each user with their weights.
fn rows(logs: &Logs, weights: &[Vec<f32>]) -> Vec<Vec<(u32, f64)>> {
    let users = logs.seen.iter().zip(weights);
    let each = users.map(|(met, weights)| {
        let mut items: BTreeMap<u32, f64> = BTreeMap::new();
        for ((item, _), weight) in met.iter().zip(weights) {
            let most = items.entry(*item).or_default();
            *most = most.max(f64::from(weight.min(1.0)));
        }
        items.into_iter().collect()
    });
    each.collect()
}

/// The product XᵀX · basis.
fn gram(rows: &[Vec<(u32, f64)>], basis: &Array2<f64>) -> Array2<f64> {
    let mut product = Array2::zeros(basis.raw_dim());
    for row in rows {
        let mut sum = Array1::<f64>::zeros(basis.ncols());
        for (item, weight) in row {
            sum.scaled_add(*weight, &basis.row(*item as usize));
        }
        for (item, weight) in row {
            product.row_mut(*item as usize).scaled_add(*weight, &sum);
        }
    }
    product
}

/// Makes the columns orthonormal by the Cholesky factor of their Gram matrix. A second round removes the rounding
/// errors of the first (Yamamoto et al., ETNA 2015). Columns that depend on those before become 0.
pub(crate) fn orthonormalise(basis: &mut Array2<f64>) {
    for _ in 0..2 {
        let mut factor = basis.t().dot(basis);
        let size = factor.nrows();
        let least = factor.diag().sum().max(f64::MIN_POSITIVE) * 1e-14;
        let mut depends = vec![false; size];
        // The upper factor R with RᵀR = BᵀB, row by row.
        for at in 0..size {
            let above: f64 = (0..at).map(|k| factor[[k, at]].powi(2)).sum();
            let left = factor[[at, at]] - above;
            // What is left is rounding errors, which later columns would multiply.
            depends[at] = left <= least || left.is_nan();
            factor[[at, at]] = left.max(least).sqrt();
            for column in at + 1..size {
                let dot: f64 = (0..at).map(|k| factor[[k, at]] * factor[[k, column]]).sum();
                factor[[at, column]] = match depends[at] {
                    true => 0.0,
                    false => (factor[[at, column]] - dot) / factor[[at, at]],
                };
            }
        }
        // B R⁻¹, column by column.
        for mut row in basis.rows_mut() {
            for column in 0..size {
                let dot: f64 = (0..column).map(|k| row[k] * factor[[k, column]]).sum();
                row[column] = match depends[column] {
                    true => 0.0,
                    false => (row[column] - dot) / factor[[column, column]],
                };
            }
        }
    }
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by the cyclic Jacobi method.
pub(crate) fn eigen(mut matrix: Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let size = matrix.nrows();
    let mut vectors = Array2::eye(size);
    let rotate = |of: &mut Array2<f64>, [p, q]: [[usize; 2]; 2], (sin, cos): (f64, f64)| {
        let (a, b) = (of[p], of[q]);
        of[p] = cos * a - sin * b;
        of[q] = sin * a + cos * b;
    };
    for _ in 0..SWEEPS {
        for p in 0..size {
            for q in p + 1..size {
                let off = matrix[[p, q]];
                if off.abs() <= 1e-14 * (matrix[[p, p]] * matrix[[q, q]]).abs().sqrt() {
                    continue;
                }
                let theta = (matrix[[q, q]] - matrix[[p, p]]) / (2.0 * off);
                let tan = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cos = 1.0 / (tan * tan + 1.0).sqrt();
                let turn = (tan * cos, cos);
                (0..size).for_each(|k| rotate(&mut matrix, [[k, p], [k, q]], turn));
                (0..size).for_each(|k| rotate(&mut matrix, [[p, k], [q, k]], turn));
                (0..size).for_each(|k| rotate(&mut vectors, [[k, p], [k, q]], turn));
            }
        }
    }
    (matrix.diag().to_owned(), vectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use serde_json::json;
    use twinspire_towers::Event;

    /// The product with a matrix of rank 3 has 3 independent columns; 37 would be rounding errors of rounding errors.
    #[test]
    fn columns_that_depend_on_others_become_zero() {
        let left = Array2::from_shape_fn((60, 3), |(a, b)| ((a * 7 + b * 13) % 11) as f64 - 5.0);
        let right = Array2::from_shape_fn((3, 40), |(a, b)| ((a * 5 + b * 3) % 7) as f64 - 3.0);
        let mut basis = left.dot(&right);
        orthonormalise(&mut basis);
        let found = basis.t().dot(&basis);
        let lengths: Vec<f64> = found.diag().to_vec();
        assert!(
            lengths
                .iter()
                .all(|x| x.abs() < 1e-9 || (x - 1.0).abs() < 1e-9),
            "{lengths:?}"
        );
        assert_eq!(lengths.iter().filter(|x| **x > 0.5).count(), 3);
        let others = &found - &Array2::from_diag(&found.diag());
        assert!(others.iter().all(|x| x.abs() < 1e-9));
    }

    #[test]
    fn with_all_components_the_model_is_ease() {
        let event = |user: usize, step: usize| Event {
            user: format!("u{user}"),
            item: format!("i{}", (user % 3 * 4 + step * step * (user + 1)) % 12),
            at: step as i64,
            weight: 1.0,
        };
        let events = (0..60).flat_map(|user| (0..6).map(move |step| event(user, step)));
        let logs = Logs::new(&Dataset {
            items: (0..12).map(|n| json!({"id": format!("i{n}")})).collect(),
            users: Vec::new(),
            events: events.collect(),
        })
        .unwrap();
        let weights: Vec<Vec<f32>> = logs.seen.iter().map(|met| vec![1.0; met.len()]).collect();
        let model = Cooccurrence::new(&logs, &weights, 12, 1);
        let mut gram = Array2::<f64>::eye(12) * REGULARISATION;
        for row in rows(&logs, &weights) {
            for (a, _) in &row {
                row.iter()
                    .for_each(|(b, _)| gram[[*a as usize, *b as usize]] += 1.0);
            }
        }
        let (values, vectors) = eigen(gram);
        let inverse = (&vectors / &values).dot(&vectors.t());
        for i in 0..12 {
            // The items' own scale is on both sides of our product, EASE's on one.
            let own = |at: usize| REGULARISATION * inverse[[at, at]];
            for j in (0..12).filter(|j| *j != i) {
                let ours: f64 = model
                    .items
                    .row(i)
                    .iter()
                    .zip(model.items.row(j))
                    .zip(&model.filter)
                    .map(|((x, y), f)| x * y * f)
                    .sum();
                let ease = -inverse[[i, j]] / inverse[[j, j]];
                assert!(
                    (ours * own(i) - ease).abs() < 1e-9,
                    "{i} {j}: {ours} {ease}"
                );
            }
        }
    }
}
