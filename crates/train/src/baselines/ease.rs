//! EASE (Steck, WWW 2019): a linear model from the items of a user to all items, in closed form.
//!
//! With G = XᵀX + λI of the user-item matrix X and P = G⁻¹, the weights are B = −P / diag(P), with a diagonal of zero.

use super::scorer::Scorer;
use crate::sampler::Logs;
use ndarray::Array2;
use rayon::prelude::*;

/// Largest catalogue. The inverse takes time as the cube of the number of items, about ten seconds for this many, and
/// the matrices 12 bytes for each pair of items: 48 MB.
const MAX_ITEMS: usize = 2000;
/// λ.
const REGULARISATION: f64 = 250.0;

/// The weights of all pairs of items.
pub(super) struct Ease {
    weights: Array2<f32>,
}

impl Ease {
    /// Fits the weights; `None` for large catalogues.
    pub(super) fn new(logs: &Logs) -> Option<Self> {
        let items = logs.items.len();
        if items > MAX_ITEMS {
            return None;
        }
        let mut gram = Array2::<f64>::zeros((items, items));
        for user in 0..logs.users.len() as u32 {
            let seen = liked(logs, user);
            for a in &seen {
                for b in &seen {
                    gram[[*a as usize, *b as usize]] += 1.0;
                }
            }
        }
        gram.diag_mut().mapv_inplace(|count| count + REGULARISATION);
        invert(&mut gram);
        let diagonal = gram.diag().to_owned();
        let weights = Array2::from_shape_fn((items, items), |(a, b)| match a == b {
            true => 0.0,
            false => (-gram[[a, b]] / diagonal[b]) as f32,
        });
        Some(Self { weights })
    }
}

impl Scorer for Ease {
    fn score(&self, logs: &Logs, user: u32, into: &mut [f32]) {
        into.fill(0.0);
        for item in liked(logs, user) {
            let row = self.weights.row(item as usize);
            into.iter_mut()
                .zip(row)
                .for_each(|(score, weight)| *score += weight);
        }
    }
}

/// The distinct items of a user with the minimum reward.
fn liked(logs: &Logs, user: u32) -> Vec<u32> {
    let met = logs.seen[user as usize].iter();
    let met = met.filter(|(_, reward)| *reward >= logs.min_reward());
    let mut items: Vec<u32> = met.map(|(item, _)| *item).collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// Inverts a symmetric positive definite matrix in place, by Gauss-Jordan elimination: pivots need no search.
fn invert(matrix: &mut Array2<f64>) {
    let size = matrix.nrows();
    let Some(all) = matrix.as_slice_mut() else {
        return;
    };
    for pivot in 0..size {
        let row = &mut all[pivot * size..(pivot + 1) * size];
        let inverse = 1.0 / row[pivot];
        row[pivot] = 1.0;
        row.iter_mut().for_each(|x| *x *= inverse);
        let row = row.to_vec();
        all.par_chunks_exact_mut(size)
            .enumerate()
            .for_each(|(at, other)| {
                let factor = other[pivot];
                if at != pivot && factor != 0.0 {
                    other[pivot] = 0.0;
                    other
                        .iter_mut()
                        .zip(&row)
                        .for_each(|(x, y)| *x -= factor * y);
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let root = Array2::from_shape_fn((40, 40), |(a, b)| ((a * 7 + b * 13) % 11) as f64);
        let matrix = root.t().dot(&root) + Array2::<f64>::eye(40) * 3.0;
        let mut inverse = matrix.clone();
        invert(&mut inverse);
        let off = (matrix.dot(&inverse) - Array2::<f64>::eye(40)).mapv(f64::abs);
        assert!(off.iter().all(|x| *x < 1e-8));
    }
}
