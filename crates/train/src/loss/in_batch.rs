//! Softmax over the items of the batch, corrected for the sampling probability of each (Yi et al., RecSys
//! 2019, section 3).

use super::cross_entropy::cross_entropy;
use super::scores::{Loss, of_scores};
use ndarray::ArrayView2;

/// A batch besides its vectors.
pub(crate) struct Batch<'a> {
    /// Index of the positive item of each user.
    pub(crate) positives: &'a [usize],
    /// Weight of each example.
    pub(crate) rewards: &'a [f32],
    /// Log sampling probability of each item: that it is in a batch.
    pub(crate) ln_probability: &'a [f32],
    /// Scores are divided by it.
    pub(crate) temperature: f32,
}

/// The loss of vectors `[users, dimension]` and `[distinct items, dimension]`.
///
/// Items of a batch are distinct, so the positive of a row is never among its negatives. `known` reports the
/// other known positives of a row, which are not negatives either.
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
    use super::super::testing::{check, vectors};
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (users, items) = (vectors(3, 4, 0.0), vectors(5, 4, 7.0));
        check(&users, &items, |users, items| {
            let batch = Batch {
                positives: &[0, 4, 1],
                rewards: &[1.0, 3.0, 0.5],
                ln_probability: &[-1.0, -0.2, -3.0, -2.0, -0.5],
                temperature: 0.5,
            };
            // The second item is another known positive of the first user.
            softmax(users, items, &batch, |row, hide| {
                if row == 0 {
                    hide(1);
                }
            })
        });
    }
}
