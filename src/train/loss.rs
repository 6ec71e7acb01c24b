//! Softmax over the items of the batch, corrected for how often each is in a batch (Yi et al.,
//! RecSys 2019, section 3).

use ndarray::{Array2, ArrayView2};

/// The loss of a batch and its gradients.
pub(crate) struct Loss {
    /// The mean over the batch, each example weighted by its reward.
    pub(crate) value: f32,
    /// By the users' vectors.
    pub(crate) users: Array2<f32>,
    /// By the items' vectors.
    pub(crate) items: Array2<f32>,
}

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
    known: impl Fn(usize, &mut dyn FnMut(usize)),
) -> Loss {
    let mut scores = users.dot(&items.t());
    let total = batch.rewards.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut value = 0.0f64;
    for (at, mut row) in scores.rows_mut().into_iter().enumerate() {
        let (positive, reward) = (batch.positives[at], batch.rewards[at]);
        for (score, correction) in row.iter_mut().zip(batch.ln_probability) {
            *score = *score / batch.temperature - correction;
        }
        known(at, &mut |item| {
            if item != positive {
                row[item] = f32::NEG_INFINITY;
            }
        });
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let own = row[positive];
        let mut sum = 0.0;
        row.mapv_inplace(|score| {
            let power = (score - most).exp();
            sum += power;
            power
        });
        value += f64::from(reward * (sum.ln() + most - own));
        // From here on the gradient by the score.
        row /= sum;
        row[positive] -= 1.0;
        row *= reward / (total * batch.temperature);
    }
    Loss {
        value: (value / f64::from(total)) as f32,
        users: scores.dot(&items),
        items: scores.t().dot(&users),
    }
}
