//! The forward pass: from encoded records to vectors.

use super::operations::view;
use crate::chunks::chunks;
use ndarray::{Array2, s};
use rayon::prelude::*;
use std::borrow::Borrow;
use twinspire_towers::internals::{Encoded, Model, Pass, Side};

/// The vectors of records, one row each: the forward pass of one tower. `passes` receives the activations of
/// each chunk, for the backward pass.
pub(crate) fn vectors<E: Borrow<Encoded> + Sync>(
    model: &Model,
    side: Side,
    batch: &[E],
    passes: &mut Vec<Pass>,
) -> Array2<f32> {
    let chunks = chunks(batch.len());
    passes.resize_with(chunks.len().max(passes.len()), Pass::default);
    let (tower, tables) = (model.tower(side), &model.tables);
    let each = passes.par_iter_mut().zip(&chunks);
    each.for_each(|(pass, chunk)| {
        let records = batch[chunk.clone()].iter().map(Borrow::borrow);
        // Layers that can be trained do not fail.
        let _ = tower.forward(tables, records, pass);
    });
    let width = model.schema.dimension as usize;
    let mut vectors = Array2::zeros((batch.len(), width));
    for (pass, chunk) in passes.iter().zip(&chunks) {
        let rows = view(pass.last(), chunk.len());
        vectors.slice_mut(s![chunk.clone(), ..]).assign(&rows);
    }
    vectors
}
