//! Softmax over the items of the batch, corrected for how often each is in a batch (Yi et al.,
//! RecSys 2019, section 3).

use super::{Loss, cross_entropy, of_scores};
use ndarray::ArrayView2;

/// What a batch is besides its vectors.
pub(crate) struct Batch<'a> {
    /// For each user, the place of the item that was met among the items.
    pub(crate) positives: &'a [usize],
    /// How much each example counts.
    pub(crate) rewards: &'a [f32],
    /// For each item, the logarithm of the probability that it is in a batch.
    pub(crate) ln_probability: &'a [f32],
    /// What the scores are divided by.
    pub(crate) temperature: f32,
}

/// The loss of vectors `[users, dimension]` and `[different items, dimension]`.
///
/// Items are in a batch once however many examples they are of, so a user's own item is never
/// another's negative of the same user's row. `known` names further items that are no negatives of
/// a row: what its user met elsewhere.
pub(crate) fn softmax(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    batch: &Batch<'_>,
    known: impl Fn(usize, &mut dyn FnMut(usize)) + Sync,
) -> Loss {
    let total = batch.rewards.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let sharpness = 1.0 / batch.temperature;
    of_scores(users, items, |at, row| {
        let (positive, share) = (batch.positives[at], batch.rewards[at] / total);
        for (score, correction) in row.iter_mut().zip(batch.ln_probability) {
            *score = *score * sharpness - correction;
        }
        known(at, &mut |item| {
            if item != positive {
                row[item] = f32::NEG_INFINITY;
            }
        });
        let loss = cross_entropy(row, positive);
        let factor = share * sharpness;
        row.iter_mut().for_each(|gradient| *gradient *= factor);
        f64::from(share * loss)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, vectors};
    use super::*;

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let (users, items) = (vectors(3, 4, 0.0), vectors(5, 4, 7.0));
        check(&users, &items, |users, items| {
            let batch = Batch {
                positives: &[0, 4, 1],
                rewards: &[1.0, 3.0, 0.5],
                ln_probability: &[-1.0, -0.2, -3.0, -2.0, -0.5],
                temperature: 0.5,
            };
            // The first user met the second item elsewhere.
            softmax(users, items, &batch, |row, hide| {
                if row == 0 {
                    hide(1);
                }
            })
        });
    }
}
