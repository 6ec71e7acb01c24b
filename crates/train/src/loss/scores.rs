//! Losses of inner products, and their gradients by the vectors.

use crate::chunks::chunk_size;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// The loss of a batch and its gradients.
pub(crate) struct Loss {
    /// Weighted mean over the batch.
    pub(crate) value: f32,
    /// Gradient by the users' vectors.
    pub(crate) users: Array2<f32>,
    /// Gradient by the items' vectors.
    pub(crate) items: Array2<f32>,
}

/// A loss that depends on inner products, for vectors `[users, dimension]` and `[items, dimension]`. `row` gets
/// the number of a user and its inner products with all items. It replaces each of them by the derivative of
/// the loss, and returns the user's share of the loss.
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
    // First by chunks of users, then by chunks of items: no sum crosses a chunk.
    let size = chunk_size(users.nrows());
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
            // Rows are contiguous.
            None => f64::NAN,
        });
        let value: f64 = values.sum();
        general_mat_mul(1.0, &scores, &items, 0.0, &mut by_users);
        value
    });
    let values: Vec<f64> = values.collect();
    loss.value = values.into_iter().sum::<f64>() as f32;
    let size = chunk_size(items.nrows());
    let chunks = scores.axis_chunks_iter(Axis(1), size);
    let chunks: Vec<_> = chunks
        .zip(loss.items.axis_chunks_iter_mut(Axis(0), size))
        .collect();
    chunks.into_par_iter().for_each(|(scores, mut by_items)| {
        general_mat_mul(1.0, &scores.t(), &users, 0.0, &mut by_items);
    });
    loss
}
