//! Softmax over click, unclick and bad (Fan et al., MOBIUS, KDD 2019, section 3). Vectors consist of three
//! parts; the logit of a class is the inner product of its parts.

use super::cross_entropy::cross_entropy;
use super::scores::Loss;
use crate::chunks::chunk_size;
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// Number of classes.
pub(crate) const CLASSES: usize = 3;

/// The outcome of a user and an item; the discriminant is the index of the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The user clicked it.
    Click = 0,
    /// It was shown and not clicked.
    Unclick = 1,
    /// It is not relevant.
    Bad = 2,
}

/// A user and an item of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The row of the user's vector.
    pub(crate) user: usize,
    /// The row of the item's vector.
    pub(crate) item: usize,
    /// The outcome.
    pub(crate) class: Class,
    /// Weight of the pair.
    pub(crate) weight: f32,
}

/// The loss of vectors `[users, 3 · part]` and `[items, 3 · part]` over the pairs. Inner products are
/// multiplied by `gamma`.
pub(crate) fn softmax(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    pairs: &[Pair],
    gamma: f32,
) -> Loss {
    let total: f32 = pairs.iter().map(|pair| pair.weight).sum();
    let total = total.max(f32::MIN_POSITIVE);
    let mut loss = Loss {
        value: 0.0,
        users: Array2::zeros(users.raw_dim()),
        items: Array2::zeros(items.raw_dim()),
    };
    let mut value = 0.0;
    for pair in pairs {
        let (user, item) = (users.row(pair.user), items.row(pair.item));
        let mut logits = [0.0; CLASSES];
        for (class, logit) in logits.iter_mut().enumerate() {
            let part = part(class, users.ncols());
            *logit = gamma * user.slice(s![part.clone()]).dot(&item.slice(s![part]));
        }
        let share = pair.weight / total;
        value += f64::from(share * cross_entropy(&mut logits, pair.class as usize));
        for (class, gradient) in logits.into_iter().enumerate() {
            let part = part(class, users.ncols());
            let factor = share * gamma * gradient;
            let mut by_user = loss.users.slice_mut(s![pair.user, part.clone()]);
            by_user.scaled_add(factor, &item.slice(s![part.clone()]));
            let mut by_item = loss.items.slice_mut(s![pair.item, part.clone()]);
            by_item.scaled_add(factor, &user.slice(s![part]));
        }
    }
    loss.value = value as f32;
    loss
}

/// Click probabilities, `[users, items]`.
pub(crate) fn click_probabilities(
    users: ArrayView2<'_, f32>,
    items: ArrayView2<'_, f32>,
    gamma: f32,
) -> Array2<f32> {
    let mut probabilities = Array2::zeros((users.nrows(), items.nrows()));
    let size = chunk_size(users.nrows());
    let chunks = probabilities.axis_chunks_iter_mut(Axis(0), size);
    let rows = users.axis_chunks_iter(Axis(0), size);
    let each = chunks.into_iter().zip(rows).collect::<Vec<_>>();
    each.into_par_iter().for_each(|(mut chunk, rows)| {
        let product = |class: usize| {
            let part = part(class, users.ncols());
            rows.slice(s![.., part.clone()])
                .dot(&items.slice(s![.., part]).t())
        };
        let [click, unclick, bad] = [0, 1, 2].map(product);
        let others = click.iter().zip(&unclick).zip(&bad);
        for (probability, ((click, unclick), bad)) in chunk.iter_mut().zip(others) {
            *probability = shares([*click, *unclick, *bad], gamma)[Class::Click as usize];
        }
    });
    probabilities
}

/// Probability of each class, given the inner products of the parts.
pub(crate) fn shares(products: [f32; CLASSES], gamma: f32) -> [f32; CLASSES] {
    let most = products.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = products.map(|product| (gamma * (product - most)).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// Range of the part of a class in vectors of `components` components.
pub(crate) fn part(class: usize, components: usize) -> Range<usize> {
    let width = components / CLASSES;
    class * width..(class + 1) * width
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, vectors};
    use super::*;

    fn pair(user: usize, item: usize, class: Class, weight: f32) -> Pair {
        Pair {
            user,
            item,
            class,
            weight,
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let (users, items) = (vectors(3, 6, 0.0), vectors(4, 6, 7.0));
        // A pair drawn twice counts twice; an item of no pair has no gradient.
        let pairs = [
            pair(0, 0, Class::Click, 1.0),
            pair(0, 1, Class::Unclick, 0.5),
            pair(1, 0, Class::Bad, 2.0),
            pair(1, 0, Class::Bad, 2.0),
            pair(2, 3, Class::Click, 1.0),
        ];
        check(&users, &items, |users, items| {
            softmax(users, items, &pairs, 1.5)
        });
        let loss = softmax(users.view(), items.view(), &pairs, 1.5);
        assert!(loss.items.row(2).iter().all(|gradient| *gradient == 0.0));
    }

    #[test]
    fn an_untrained_loss_is_the_log_of_the_number_of_classes() {
        let (users, items) = (vectors(1, 6, 0.0), Array2::zeros((1, 6)));
        let loss = softmax(
            users.view(),
            items.view(),
            &[pair(0, 0, Class::Bad, 3.0)],
            9.0,
        );
        assert!((loss.value - 3.0f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn click_probabilities_agree_with_the_softmax() {
        let (users, items) = (vectors(21, 6, 0.0), vectors(5, 6, 7.0));
        let all = click_probabilities(users.view(), items.view(), 2.0);
        for ((user, item), found) in all.indexed_iter() {
            let only = [pair(user, item, Class::Click, 1.0)];
            let loss = softmax(users.view(), items.view(), &only, 2.0);
            let expected = (-loss.value).exp();
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
