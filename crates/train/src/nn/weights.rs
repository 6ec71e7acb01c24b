//! All weights of a model as lists.

use twinspire_core::kernel::Weights;
use twinspire_towers::internals::{Model, Side, Tower};

/// The weights of each table and each tensor of the layers.
pub(crate) fn weights(model: &Model) -> Vec<Vec<f32>> {
    let tables = model.tables.iter().map(|table| table.weights.weights());
    let layers = [Side::User, Side::Item].map(|side| model.tower(side).weights());
    let layers = layers.into_iter().flatten().flatten();
    tables
        .chain(layers.map(|(_, weights)| weights))
        .map(Weights::to_vec)
        .collect()
}

/// Replaces the weights of a model. Returns whether they had its shape.
pub(super) fn set_weights(model: &mut Model, state: &[Vec<f32>]) -> bool {
    let Model {
        tables, user, item, ..
    } = model;
    let tables = tables.iter_mut().map(|table| {
        let owned = table.weights.owned_mut();
        owned.and_then(|all| all.as_slice_mut()).unwrap_or_default()
    });
    let layers = [user, item].map(Tower::weights_mut);
    let all: Vec<&mut [f32]> = tables
        .chain(layers.into_iter().flatten().flatten())
        .collect();
    let fits = all.len() == state.len()
        && all
            .iter()
            .zip(state)
            .all(|(weights, state)| weights.len() == state.len());
    if fits {
        let each = all.into_iter().zip(state);
        each.for_each(|(weights, state)| weights.copy_from_slice(state));
    }
    fits
}
