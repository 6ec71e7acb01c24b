//! The start by co-occurrence: before the first step, the towers are a linear model of which items go together.
//!
//! An item's embedding holds its factors and one more component that brings all embeddings to the same length. So the
//! cosine of the towers orders items as the inner product does, and popular items keep their lead (the reduction of
//! Bachrach et al., RecSys 2014). The user tower averages the factors of the longest history. All other inputs start
//! with weights of 0 and are learnt.

use crate::cooccurrence::Cooccurrence;
use crate::sampler::Logs;
use crate::schema::ITEMS;
use ndarray::{Array2, s};
use twinspire_towers::internals::{Matrix, Model, Step, Tower};

/// Length of the embeddings. Adagrad's first steps have a fixed size, so this sets how fast training leaves the start.
const LENGTH: f64 = 4.0;

/// Sets the weights of a model without hidden layers. `longest` is the index of the longest history.
pub(super) fn start(
    model: &mut Model,
    logs: &Logs,
    weights: &[Vec<f32>],
    longest: usize,
    seed: u64,
) {
    let Some(table) = model.tables.iter_mut().find(|table| table.name == ITEMS) else {
        return;
    };
    let Matrix::Owned(embeddings) = &mut table.weights else {
        return;
    };
    let width = embeddings.ncols();
    let Some(factors) = width.checked_sub(1).filter(|factors| *factors > 0) else {
        return;
    };
    let found = Cooccurrence::new(logs, weights, factors, seed);
    let factors = found.filter.len();
    let lengths = found.items.rows().into_iter().map(|item| item.dot(&item));
    let squares: Vec<f64> = lengths.collect();
    let most = squares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let scale = LENGTH / most.sqrt();
    embeddings.fill(0.0);
    embeddings.column_mut(width - 1).fill(LENGTH as f32);
    for (((id, _), item), square) in logs.items.iter().zip(found.items.rows()).zip(&squares) {
        let mut row = None;
        if table.lookup.find(id, |at| row = Some(at as usize)).is_err() {
            continue;
        }
        let Some(mut row) = row.map(|row| embeddings.row_mut(row)) else {
            continue;
        };
        for (to, from) in row.iter_mut().zip(item) {
            *to = (scale * from) as f32;
        }
        let rest = (1.0 - square / most).max(0.0).sqrt();
        row[width - 1] = (LENGTH * rest) as f32;
    }
    let identity = Array2::from_diag_elem(width, 1.0);
    set_first(&mut model.item, 0, &identity);
    let mut filter = Array2::zeros((width, width));
    for (at, kept) in found.filter.iter().enumerate().take(factors) {
        filter[[at, at]] = *kept as f32;
    }
    set_first(&mut model.user, longest * width, &filter);
}

/// Sets the weights of the first layer, for the inputs from `from` on; those of all other inputs become 0.
fn set_first(tower: &mut Tower, from: usize, block: &Array2<f32>) {
    let Some(Step::Dense {
        weight: Matrix::Owned(weight),
        ..
    }) = tower.layers.first_mut().map(|layer| &mut layer.step)
    else {
        return;
    };
    let to = from + block.ncols();
    if weight.nrows() == block.nrows() && weight.ncols() >= to {
        weight.fill(0.0);
        weight.slice_mut(s![.., from..to]).assign(block);
    }
}
