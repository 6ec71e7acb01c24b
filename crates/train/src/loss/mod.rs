//! Losses: of the vectors of a batch, a number and its gradients.
//!
//! - [`in_batch`]: softmax over the items of the batch, corrected for sampling bias (YouTube).
//! - [`sampled`]: softmax over the clicked document and some that were not (DSSM).
//! - [`triplet`]: what was met nearer than what was not, by a margin (EBR).
//! - [`three_class`]: softmax over click, unclick and bad, for pairs and vectors in three parts (Mobius).
//!
//! All but the last see a row of inner products for each user, those with every item of the batch, and say
//! what the loss is and how it changes with each ([`of_scores`]); rows are dealt with on all cores and
//! summed in a fixed order. A further loss is a file of its own here.

pub(crate) mod in_batch;
pub(crate) mod sampled;
pub(crate) mod three_class;
pub(crate) mod triplet;

use super::parts::part_size;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use twinspire_towers::internals::exp;

/// Logits that are dealt with side by side.
const LANES: usize = 16;

/// The loss of a batch and its gradients.
pub(crate) struct Loss {
    /// The mean over the batch, each example weighted by its reward.
    pub(crate) value: f32,
    /// By the users' vectors.
    pub(crate) users: Array2<f32>,
    /// By the items' vectors.
    pub(crate) items: Array2<f32>,
}

/// The loss of vectors `[users, dimension]` and `[items, dimension]`. `row` gets the place of a user and
/// its inner products with all items; it puts the derivative of the loss by each of them in their place
/// and gives that user's share of the loss.
pub(crate) fn of_scores(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    row: impl Fn(usize, &mut [f32]) -> f64 + Sync,
) -> Loss {
    let mut scores = Array2::zeros((users.nrows(), items.nrows()));
    let mut loss = Loss {
        value: 0.0,
        users: Array2::zeros(users.raw_dim()),
        items: Array2::zeros(items.raw_dim()),
    };
    // Each part of the users for itself, then each part of the items: no sum is of several parts.
    let size = part_size(users.nrows());
    let chunks = scores.axis_chunks_iter_mut(Axis(0), size);
    let chunks = chunks.zip(users.axis_chunks_iter(Axis(0), size));
    let chunks: Vec<_> = chunks
        .zip(loss.users.axis_chunks_iter_mut(Axis(0), size))
        .collect();
    let chunks = chunks.into_par_iter().enumerate();
    let values = chunks.map(|(chunk, ((mut scores, users), mut by_users))| {
        general_mat_mul(1.0, &users, &items.t(), 0.0, &mut scores);
        let rows = scores.rows_mut().into_iter().enumerate();
        let values = rows.map(|(at, mut scores)| match scores.as_slice_mut() {
            Some(scores) => row(chunk * size + at, scores),
            // They lie row after row.
            None => f64::NAN,
        });
        let value: f64 = values.sum();
        general_mat_mul(1.0, &scores, &items, 0.0, &mut by_users);
        value
    });
    let values: Vec<f64> = values.collect();
    loss.value = values.into_iter().sum::<f64>() as f32;
    let size = part_size(items.nrows());
    let chunks = scores.axis_chunks_iter(Axis(1), size);
    let chunks: Vec<_> = chunks
        .zip(loss.items.axis_chunks_iter_mut(Axis(0), size))
        .collect();
    chunks.into_par_iter().for_each(|(scores, mut by_items)| {
        general_mat_mul(1.0, &scores.t(), &users, 0.0, &mut by_items);
    });
    loss
}

/// The cross entropy of a softmax over logits, of which one is right; each becomes the derivative by it.
/// A logit of minus infinity is none of the candidates.
fn cross_entropy(logits: &mut [f32], right: usize) -> f32 {
    let own = logits[right];
    let (most, sum) = softmax(logits);
    logits[right] -= 1.0;
    sum.ln() + most - own
}

/// Brings logits to the shares of a softmax; gives the largest, and the sum of all powers by their
/// distance from it. Several run side by side, as no order is kept that a compiler would have to keep.
fn softmax(logits: &mut [f32]) -> (f32, f32) {
    /// Below this the power is beyond what a float holds in full.
    const LEAST: f32 = -87.0;
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (most, x) in most.iter_mut().zip(chunk) {
            *most = if *x > *most { *x } else { *most };
        }
    }
    let most = most.iter().chain(rest).copied();
    let most = most.fold(f32::NEG_INFINITY, f32::max);
    let power = |x: f32| {
        let x = x - most;
        let power = exp(x);
        if x < LEAST { 0.0 } else { power }
    };
    let mut sums = [0.0; LANES];
    let (chunks, rest) = logits.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *x = power(*x);
            *sum += *x;
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *x = power(*x);
        *sum += *x;
    }
    let sum: f32 = sums.iter().sum();
    let factor = 1.0 / sum;
    logits.iter_mut().for_each(|power| *power *= factor);
    (most, sum)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Vectors whose components are small different numbers.
    pub(crate) fn vectors(rows: usize, columns: usize, seed: f32) -> Array2<f32> {
        Array2::from_shape_fn((rows, columns), |(row, column)| {
            ((row * columns + column) as f32 * 1.3 + seed).sin()
        })
    }

    /// Holds the gradients of a loss against finite differences.
    pub(crate) fn check(
        users: &Array2<f32>,
        items: &Array2<f32>,
        loss: impl Fn(ArrayView2<'_, f32>, ArrayView2<'_, f32>) -> Loss,
    ) {
        let found = loss(users.view(), items.view());
        let step = 1e-2;
        let mut large = 0;
        for side in 0..2 {
            let gradients = [&found.users, &found.items][side];
            for (place, gradient) in gradients.indexed_iter() {
                let at = |delta: f32| {
                    let mut changed = [users.clone(), items.clone()];
                    changed[side][place] += delta;
                    f64::from(loss(changed[0].view(), changed[1].view()).value)
                };
                let expected = (at(step) - at(-step)) / f64::from(2.0 * step);
                let error = (f64::from(*gradient) - expected).abs();
                assert!(
                    error < 2e-3 + 0.02 * expected.abs(),
                    "{side} {place:?}: {gradient}, should be {expected}"
                );
                large += usize::from(expected.abs() > 1e-2);
            }
        }
        assert!(large > 10, "few gradients are large enough: {large}");
    }

    #[test]
    fn a_softmax_of_any_length_is_that_of_its_definition() {
        for count in 1..70 {
            let logits = vectors(1, count, 5.0)
                .mapv(|x| 40.0 * x)
                .into_raw_vec_and_offset();
            let mut found = logits.0.clone();
            let (most, sum) = softmax(&mut found);
            let exact = |x: &f32| f64::from(*x - most).exp();
            let total: f64 = logits.0.iter().map(exact).sum();
            assert!((f64::from(sum) - total).abs() < 1e-6 * total);
            for (found, x) in found.iter().zip(&logits.0) {
                let error = f64::from(*found) - exact(x) / total;
                assert!(error.abs() < 1e-6, "{count}: {found} of {x}");
            }
            // What is no number is seen.
            found[count / 2] = f32::NAN;
            assert!(softmax(&mut found).1.is_nan(), "{count}");
        }
    }

    #[test]
    fn the_cross_entropy_is_that_worked_out_by_hand() {
        let mut logits = [0.0, 2.0f32.ln(), f32::NEG_INFINITY];
        let loss = cross_entropy(&mut logits, 0);
        assert!((loss - 3.0f32.ln()).abs() < 1e-6);
        let expected = [1.0 / 3.0 - 1.0, 2.0 / 3.0, 0.0];
        for (found, expected) in logits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{logits:?}");
        }
    }
}
