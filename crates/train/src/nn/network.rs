//! A pair of towers under training.

use super::average::Average;
use super::backward::backward;
use super::gradients::{Gradients, Part, side_index};
use super::initial::copy_weights;
use super::optimiser::{Optimiser, OptimiserParams};
use super::vectors::vectors;
use crate::chunks::chunks;
use crate::error::TrainError;
use crate::loss::Loss;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;
use twinspire_towers::Towers;
use twinspire_towers::internals::{Encoded, Model, OptimiserState, Pass, Side};

/// The state of a training: the weights, and the optimiser state for a warm start.
pub(crate) struct Checkpoint {
    pub(crate) model: Model,
    pub(crate) optimiser: OptimiserState,
}

/// Two towers under training.
pub(crate) struct Network {
    /// The current weights.
    pub(crate) model: Model,
    pub(super) optimiser: Optimiser,
    /// Gradients of each chunk of a batch.
    parts: Vec<Part>,
    /// Gradients of the whole batch.
    pub(super) gradients: Gradients,
    /// Activations of the last forward pass: for users and for items, of each chunk.
    passes: [Vec<Pass>; 2],
    /// Whether the towers share their layers.
    tied: bool,
    pub(super) average: Option<Average>,
}

impl Network {
    /// A network of a model whose schema was [checked](super::checked) and whose weights are in memory. If
    /// `tied`, both towers share the layers of the user tower; their shapes have to be the same.
    pub(crate) fn new(mut model: Model, optimiser: OptimiserParams, tied: bool) -> Self {
        if tied {
            model.item.layers = model.user.layers.clone();
        }
        Self {
            optimiser: Optimiser::new(&model, optimiser),
            parts: Vec::new(),
            gradients: Gradients::new(&model),
            passes: Default::default(),
            tied,
            average: None,
            model,
        }
    }

    /// As [`new`](Self::new), with the weights of earlier towers, if there are any, and with their optimiser
    /// state, unless the optimiser is to start fresh.
    ///
    /// # Errors
    /// [`TrainError::WarmStart`] if they have other features, layers or tables.
    pub(crate) fn warm_start(
        mut model: Model,
        earlier: Option<&Towers>,
        optimiser: OptimiserParams,
        tied: bool,
    ) -> Result<Self, TrainError> {
        let Some(earlier) = earlier else {
            return Ok(Self::new(model, optimiser, tied));
        };
        copy_weights(&mut model, earlier.model())?;
        let mut network = Self::new(model, optimiser, tied);
        if let Some(state) = earlier.optimiser()?.filter(|_| !optimiser.fresh) {
            let before = earlier.model();
            network.optimiser.resume(&state, &network.model, before);
        }
        Ok(network)
    }

    /// A copy of the trained weights and the optimiser state.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            model: self.trained_model().clone(),
            optimiser: self.optimiser.state(&self.model),
        }
    }

    /// Maintains a running mean of the weights with the given decay per step (Polyak and Juditsky, 1992,
    /// with exponential forgetting); a decay of 0 turns it off.
    pub(crate) fn with_average(mut self, decay: f32) -> Self {
        self.average = (decay > 0.0).then(|| Average::new(decay, &self.model));
        self
    }

    /// The trained weights: their running mean, if there is one.
    pub(crate) fn trained_model(&self) -> &Model {
        match &self.average {
            Some(average) => &average.model,
            None => &self.model,
        }
    }

    /// One optimiser step on a batch: forward pass, loss of the vectors, backward pass, update. Returns the
    /// loss.
    pub(crate) fn learn(
        &mut self,
        users: &[Encoded],
        items: &[Encoded],
        loss: impl FnOnce(ArrayView2<'_, f32>, ArrayView2<'_, f32>) -> Loss,
    ) -> f32 {
        let of_users = self.forward(Side::User, users);
        let of_items = self.forward(Side::Item, items);
        let loss = loss(of_users.view(), of_items.view());
        self.backward(Side::User, users, loss.users.view());
        self.backward(Side::Item, items, loss.items.view());
        self.step();
        loss.value
    }

    pub(super) fn forward(&mut self, side: Side, batch: &[Encoded]) -> Array2<f32> {
        vectors(&self.model, side, batch, &mut self.passes[side_index(side)])
    }

    /// Adds the gradients of all weights, given the gradient of the vectors of a side. The batch is that of the
    /// last [`forward`](Self::forward) pass.
    pub(super) fn backward(
        &mut self,
        side: Side,
        batch: &[Encoded],
        gradient: ArrayView2<'_, f32>,
    ) {
        let chunks = chunks(batch.len());
        while self.parts.len() < chunks.len() {
            self.parts.push(Part::new(&self.model));
        }
        let model = &self.model;
        let passes = &self.passes[side_index(side)];
        let each = self.parts.par_iter_mut().zip(passes).zip(&chunks);
        each.for_each(|((into, pass), chunk)| {
            let gradient = gradient.slice(s![chunk.clone(), ..]).to_owned();
            backward(model, side, &batch[chunk.clone()], pass, gradient, into);
        });
    }

    /// Updates the weights by the gradients of the batch.
    pub(super) fn step(&mut self) {
        self.sum_gradients();
        if self.tied {
            self.gradients.tie();
        }
        self.optimiser.step(&mut self.model, &self.gradients);
        if let Some(average) = &mut self.average {
            average.update(&self.model);
        }
    }

    /// Sums the gradients of all chunks and resets them.
    pub(super) fn sum_gradients(&mut self) {
        self.gradients.sum(&self.parts);
        self.parts.par_iter_mut().for_each(Part::clear);
    }
}
