//! Softmax over a clicked document and sampled negatives (Huang et al., CIKM 2013, section
//! 3.3): P(D⁺|Q) = exp(γ · cos(Q, D⁺)) / Σ exp(γ · cos(Q, D)) over D⁺ and the negatives.

use super::cross_entropy::cross_entropy;
use super::scores::{Loss, of_scores};
use ndarray::ArrayView2;

/// A batch besides its vectors.
pub(crate) struct Batch<'a> {
    /// Indices of the negatives of each query.
    pub(crate) negatives: &'a [Vec<u32>],
    /// Weight of each example.
    pub(crate) weights: &'a [f32],
    /// Cosines are multiplied by it: the sharpness of the softmax.
    pub(crate) gamma: f32,
}

/// The loss of vectors `[queries, dimension]` and `[documents, dimension]`, all of length 1. The positive of a
/// query is the document with the same index; further documents are negatives.
pub(crate) fn softmax(
    queries: ArrayView2<'_, f32>,
    documents: ArrayView2<'_, f32>,
    batch: &Batch<'_>,
) -> Loss {
    let total = batch.weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    of_scores(queries, documents, |at, row| {
        let share = batch.weights[at] / total;
        let mut logits = vec![batch.gamma * row[at]];
        let negatives = batch.negatives[at].iter().map(|other| *other as usize);
        logits.extend(negatives.clone().map(|other| batch.gamma * row[other]));
        let loss = cross_entropy(&mut logits, 0);
        row.fill(0.0);
        for (other, gradient) in std::iter::once(at).chain(negatives).zip(logits) {
            row[other] += share * batch.gamma * gradient;
        }
        f64::from(share * loss)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, vectors};
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (queries, documents) = (vectors(3, 4, 0.0), vectors(5, 4, 7.0));
        // A document drawn twice counts twice.
        let negatives = [vec![1, 2], vec![0, 4, 4], vec![3]];
        check(&queries, &documents, |queries, documents| {
            let batch = Batch {
                negatives: &negatives,
                weights: &[1.0, 0.5, 2.0],
                gamma: 3.0,
            };
            softmax(queries, documents, &batch)
        });
    }

    #[test]
    fn an_untrained_loss_is_the_log_of_the_number_of_candidates() {
        let (queries, documents) = (vectors(1, 4, 0.0), ndarray::Array2::zeros((5, 4)));
        let batch = Batch {
            negatives: &[vec![1, 2, 3, 4]],
            weights: &[1.0],
            gamma: 10.0,
        };
        let loss = softmax(queries.view(), documents.view(), &batch);
        assert!((loss.value - 5.0f32.ln()).abs() < 1e-6);
    }
}
