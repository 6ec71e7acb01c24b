//! A running mean of the weights: steadier than the weights themselves, which each batch pulls to and
//! fro, and as a rule better on what was not learnt from.

use rayon::prelude::*;
use twinspire_core::kernel::Weights;
use twinspire_towers::internals::{Matrix, Model, Side};

/// Weights that one thread changes at a time.
const CHUNK: usize = 1 << 16;

/// The mean, and how it follows.
pub(super) struct Average {
    kept: f32,
    steps: u32,
    pub(super) model: Model,
}

impl Average {
    /// A mean that begins at these weights.
    pub(super) fn new(kept: f32, model: &Model) -> Self {
        Self {
            kept,
            steps: 0,
            model: model.clone(),
        }
    }

    /// Takes a step towards these weights: a long one at first, for the weights of the beginning are
    /// none to keep.
    pub(super) fn follow(&mut self, model: &Model) {
        self.steps = self.steps.saturating_add(1);
        let early = self.steps as f32 / (9 + self.steps) as f32;
        let share = 1.0 - self.kept.min(early);
        for (mean, table) in self.model.tables.iter_mut().zip(&model.tables) {
            if let Matrix::Owned(mean) = &mut mean.weights
                && let Some(mean) = mean.as_slice_mut()
            {
                approach(mean, table.weights.weights(), share);
            }
        }
        for side in [Side::User, Side::Item] {
            let layers = self.model.tower_mut(side).layers.iter_mut();
            for (mean, layer) in layers.zip(&model.tower(side).layers) {
                for (mean, (_, weights)) in mean.weights_mut().into_iter().zip(layer.weights()) {
                    approach(mean, weights, share);
                }
            }
        }
    }
}

/// Moves each number so much of the way.
fn approach(mean: &mut [f32], weights: Weights<'_>, share: f32) {
    // Those that are learnt are in memory, in 32 bits.
    let Weights::F32(weights) = weights else {
        return;
    };
    let chunks = mean.par_chunks_mut(CHUNK).zip(weights.par_chunks(CHUNK));
    chunks.for_each(|(mean, weights)| {
        let each = mean.iter_mut().zip(weights);
        each.for_each(|(mean, weight)| *mean += share * (weight - *mean));
    });
}
