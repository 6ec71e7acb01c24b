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

use super::network::parts;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

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
    let parts = parts(users.nrows());
    let each = parts.par_iter().map(|part| {
        let of_part = users.slice(s![part.clone(), ..]);
        let mut scores = of_part.dot(&items.t());
        let rows = part.clone().zip(scores.rows_mut());
        let values = rows.map(|(at, mut scores)| match scores.as_slice_mut() {
            Some(scores) => row(at, scores),
            // A product of matrices lies row after row.
            None => f64::NAN,
        });
        let value: f64 = values.sum();
        (value, scores.dot(&items), scores.t().dot(&of_part))
    });
    let each: Vec<_> = each.collect();
    let mut loss = Loss {
        value: 0.0,
        users: Array2::zeros(users.raw_dim()),
        items: Array2::zeros(items.raw_dim()),
    };
    let mut value = 0.0;
    for (part, (share, by_users, by_items)) in parts.into_iter().zip(each) {
        value += share;
        loss.users.slice_mut(s![part, ..]).assign(&by_users);
        loss.items += &by_items;
    }
    loss.value = value as f32;
    loss
}

/// The cross entropy of a softmax over logits, of which one is right; each becomes the derivative by it.
/// A logit of minus infinity is none of the candidates.
fn cross_entropy(logits: &mut [f32], right: usize) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let own = logits[right];
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - most).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|power| *power /= sum);
    logits[right] -= 1.0;
    sum.ln() + most - own
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
