//! The whole state of a network, for a checkpoint: unlike the state that towers keep for a warm start, nothing is
//! rounded or left out.

use super::average::Average;
use super::network::{Checkpoint, Network};
use super::optimiser::{Moments, Optimiser};
use super::weights::{set_weights, weights};
use crate::checkpoint::NetworkState;
use twinspire_towers::internals::OptimiserState;

impl Network {
    /// A copy of the state.
    pub(crate) fn state(&self) -> NetworkState {
        NetworkState {
            weights: weights(&self.model),
            steps: self.optimiser.steps,
            moments: self.optimiser.all_moments().map(Moments::copy).collect(),
            average: self.average.as_ref().map(Average::state),
        }
    }

    /// Continues from a state of a network of the same shape. Returns whether it was one.
    pub(crate) fn restore(&mut self, state: NetworkState) -> bool {
        let average = match (&mut self.average, state.average) {
            (Some(average), Some(state)) => average.restore(state),
            (None, None) => true,
            _ => false,
        };
        average
            && set_weights(&mut self.model, &state.weights)
            && self.optimiser.restore(state.steps, state.moments)
    }

    /// The checkpoint of these weights and of this state for a warm start; `None` if they have other shapes.
    pub(crate) fn checkpoint_of(
        &self,
        weights: &[Vec<f32>],
        steps: u32,
        squares: Vec<f32>,
    ) -> Option<Checkpoint> {
        let mut model = self.model.clone();
        let fits =
            set_weights(&mut model, weights) && squares.len() == OptimiserState::count(&model);
        let method = self.optimiser.state(&model).method;
        let optimiser = OptimiserState {
            method,
            steps,
            squares,
        };
        fits.then_some(Checkpoint { model, optimiser })
    }
}

impl Optimiser {
    fn all_moments(&self) -> impl Iterator<Item = &Moments> {
        let layers = self.layers.iter().flatten().flatten();
        self.tables.iter().chain(layers)
    }

    fn restore(&mut self, steps: i32, state: Vec<[Vec<f32>; 2]>) -> bool {
        self.steps = steps;
        let layers = self.layers.iter_mut().flatten().flatten();
        let all: Vec<&mut Moments> = self.tables.iter_mut().chain(layers).collect();
        all.len() == state.len()
            && all
                .into_iter()
                .zip(state)
                .all(|(moments, state)| moments.restore(state))
    }
}
