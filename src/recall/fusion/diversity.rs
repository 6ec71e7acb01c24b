//! Diversity: the best items of a fusion, reordered so that they are not all alike.

use super::ranking::Ranking;
use crate::ensemble::Diversity;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Metric;

/// Chooses the first `k` items from the best of a ranking; the rest follows in its order. `vector_of` gives the vector
/// of an item in the space whose vectors are compared.
pub(crate) fn choose(
    diversity: &Diversity,
    mut ranking: Ranking,
    k: usize,
    vector_of: impl Fn(ItemNo) -> Option<Vec<f32>>,
) -> Ranking {
    let rest = ranking.split_off(ranking.len().min(diversity.pool()));
    let vector = |item| {
        let vector = vector_of(item)?;
        let length = dot(&vector, &vector).sqrt();
        (length > 0.0 && length.is_finite()).then_some((vector, length))
    };
    let vectors: Vec<_> = ranking.iter().map(|(_, item)| vector(*item)).collect();
    let cosine = |a: usize, b: usize| match (vectors.get(a), vectors.get(b)) {
        (Some(Some((a, a_length))), Some(Some((b, b_length)))) => dot(a, b) / (a_length * b_length),
        _ => 0.0,
    };
    let scores: Vec<f32> = ranking.iter().map(|(score, _)| *score).collect();
    let chosen = diversity.pick(&scores, k, cosine).into_iter();
    let chosen = chosen.filter_map(|at| ranking.get(at).copied());
    chosen.chain(rest).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    Metric::InnerProduct.score(a, b)
}
