//! A running mean of the weights. It varies less from batch to batch than the weights and usually
//! generalises better.

use super::weights::{set_weights, weights};
use rayon::prelude::*;
use twinspire_core::kernel::Weights;
use twinspire_towers::internals::{Matrix, Model, Side};

/// Weights that one task updates.
const CHUNK: usize = 1 << 16;

/// A running mean of the weights of a model.
pub(super) struct Average {
    decay: f32,
    steps: u32,
    pub(super) model: Model,
}

impl Average {
    /// A mean that starts at these weights.
    pub(super) fn new(decay: f32, model: &Model) -> Self {
        Self {
            decay,
            steps: 0,
            model: model.clone(),
        }
    }

    /// Steps and weights, for a checkpoint.
    pub(super) fn state(&self) -> (u32, Vec<Vec<f32>>) {
        (self.steps, weights(&self.model))
    }

    /// Continues from a state. Returns whether it had the shape of the model.
    pub(super) fn restore(&mut self, (steps, state): (u32, Vec<Vec<f32>>)) -> bool {
        self.steps = steps;
        set_weights(&mut self.model, &state)
    }

    /// Updates the mean with the current weights. Early steps are longer, so that the initial weights are soon
    /// forgotten.
    pub(super) fn update(&mut self, model: &Model) {
        self.steps = self.steps.saturating_add(1);
        let early = self.steps as f32 / (9 + self.steps) as f32;
        let share = 1.0 - self.decay.min(early);
        for (mean, table) in self.model.tables.iter_mut().zip(&model.tables) {
            if let Matrix::Owned(mean) = &mut mean.weights
                && let Some(mean) = mean.as_slice_mut()
            {
                approach(mean, table.weights.weights(), share);
            }
        }
        for side in [Side::User, Side::Item] {
            let means = self.model.tower_mut(side).weights_mut().into_iter();
            let weights = model.tower(side).weights().into_iter();
            for (mean, (_, weights)) in means.flatten().zip(weights.flatten()) {
                approach(mean, weights, share);
            }
        }
    }
}

/// Moves the mean by a share of the distance to the weights.
fn approach(mean: &mut [f32], weights: Weights<'_>, share: f32) {
    // Weights under training are in memory, in single precision.
    let Weights::F32(weights) = weights else {
        return;
    };
    let chunks = mean.par_chunks_mut(CHUNK).zip(weights.par_chunks(CHUNK));
    chunks.for_each(|(mean, weights)| {
        let each = mean.iter_mut().zip(weights);
        each.for_each(|(mean, weight)| *mean += share * (weight - *mean));
    });
}
