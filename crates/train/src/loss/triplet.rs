//! Triplet loss: the positive nearer than each negative, by a margin (Huang et al., KDD 2020, section
//! 3.1): Σ max(0, D(q, d⁺) − D(q, d⁻) + m) with D = 1 − cos.

use super::scores::{Loss, of_scores};
use ndarray::ArrayView2;

/// A batch besides its vectors.
pub(crate) struct Batch<'a> {
    /// Index of the positive item of each user.
    pub(crate) positives: &'a [usize],
    /// Indices of the negatives of each user; duplicates count twice.
    pub(crate) negatives: &'a [Vec<u32>],
    /// Weight of each example.
    pub(crate) weights: &'a [f32],
    /// How much farther than the positive a negative has to be.
    pub(crate) margin: f32,
    /// Number of positives of the batch, which are the first items.
    pub(crate) batch_positives: usize,
    /// In-batch hard negatives of each user: the nearest positives of others (online hard mining, section
    /// 6.1.1).
    pub(crate) nearest: usize,
}

/// The loss of vectors `[users, dimension]` and `[distinct items, dimension]`, all of length 1: summed over the
/// negatives of a user, averaged over users. `known` tells the known positives of a row, which are not
/// negatives.
pub(crate) fn triplets(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    batch: &Batch<'_>,
    known: impl Fn(usize, u32) -> bool + Sync,
) -> Loss {
    let total = batch.weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    of_scores(users, items, |at, row| {
        let (positive, share) = (batch.positives[at], batch.weights[at] / total);
        let own = row[positive];
        let met = &row[..batch.batch_positives.min(row.len())];
        let online = nearest(met, batch.nearest, |other| {
            other as usize == positive || known(at, other)
        });
        let negatives = batch.negatives[at].iter().copied().chain(online);
        // Negatives that violate the margin, and by how much.
        let violated: Vec<(u32, f32)> = negatives
            .map(|other| (other, row[other as usize] - own + batch.margin))
            // NaN is kept, so that divergence is noticed.
            .filter(|(_, by)| by.is_nan() || *by > 0.0)
            .collect();
        row.fill(0.0);
        let mut loss = 0.0;
        for (other, by) in violated {
            loss += by;
            row[other as usize] += share;
            row[positive] -= share;
        }
        f64::from(share * loss)
    })
}

/// Indices of the `count` best scores that are not hidden, best first; ties go to the lower index.
fn nearest(scores: &[f32], count: usize, hidden: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut best: Vec<u32> = Vec::with_capacity(count + 1);
    if count == 0 {
        return best;
    }
    for (at, score) in scores.iter().enumerate() {
        let place = best.partition_point(|other| scores[*other as usize] >= *score);
        if place < count && !hidden(at as u32) {
            best.insert(place, at as u32);
            best.truncate(count);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, vectors};
    use super::*;
    use ndarray::array;

    fn batch(negatives: &[Vec<u32>], nearest: usize) -> Batch<'_> {
        Batch {
            positives: &[0, 2, 1],
            negatives,
            weights: &[1.0, 3.0, 0.5],
            margin: 4.0,
            batch_positives: 3,
            nearest,
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (users, items) = (vectors(3, 4, 0.0), vectors(6, 4, 7.0));
        let negatives = [vec![3, 4], vec![0, 5, 5], vec![]];
        for nearest in 0..=2 {
            check(&users, &items, |users, items| {
                let batch = batch(&negatives, nearest);
                triplets(users, items, &batch, |row, item| (row, item) == (0, 1))
            });
        }
    }

    #[test]
    fn the_loss_agrees_with_a_calculation_by_hand() {
        let users = array![[1.0, 0.0]];
        let items = array![[0.6, 0.8], [0.8, 0.6], [0.0, 1.0]];
        let of = |negatives: Vec<u32>, nearest, known: u32| {
            let batch = Batch {
                positives: &[0],
                negatives: &[negatives],
                weights: &[2.0],
                margin: 0.1,
                batch_positives: 3,
                nearest,
            };
            triplets(users.view(), items.view(), &batch, |_, item| item == known)
        };
        // D(q, d⁺) = 0.4, D(q, d⁻) = 0.2 and 1.
        let near = of(vec![1], 0, 9);
        assert!((near.value - 0.3).abs() < 1e-6, "{}", near.value);
        assert!(
            (&near.users - &array![[0.2, -0.2]])
                .iter()
                .all(|x| x.abs() < 1e-6)
        );
        let far = of(vec![2], 0, 9);
        assert_eq!((far.value, far.users), (0.0, array![[0.0, 0.0]]));
        // The nearest in-batch negative is the same item. As a known positive it is excluded, and the next one
        // lies beyond the margin.
        assert_eq!(of(vec![], 1, 9).value, near.value);
        assert_eq!(of(vec![], 1, 1).value, 0.0);
        assert_eq!(of(vec![1], 2, 9).value, 2.0 * near.value);
    }

    #[test]
    fn the_nearest_are_the_best_scores_that_are_not_hidden() {
        let scores = [0.1, 0.9, 0.5, 0.9, -1.0, 0.7];
        assert_eq!(nearest(&scores, 2, |_| false), [1, 3]);
        assert_eq!(nearest(&scores, 2, |at| at == 1), [3, 5]);
        assert_eq!(nearest(&scores, 9, |at| at % 2 == 1), [2, 0, 4]);
        assert!(nearest(&scores, 0, |_| false).is_empty());
    }
}
