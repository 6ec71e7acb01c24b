//! A network under training: the two towers, forward and back, and the optimiser. It knows of no recipe.
//!
//! A recipe gives the records of a batch and a loss to [`Network::learn`]; [`vectors`] tells what the towers
//! make of records otherwise.
//!
//! - `initial`: where weights begin.
//! - `trainable`: what can be differentiated.
//! - `backward`, `slope`: how.
//! - `gradients`: sums over the records of a batch.
//! - `average`: a running mean of the weights.
//!
//! A batch is cut into parts by its size alone, each with a pass and gradients of its own, and these
//! are added in a fixed order: the same seed gives the same weights, to the bit, on any number of cores
//! of one kind. Cost: dense layers are three matrix products, an embedding that is read costs its row
//! twice. Memory is that of the weights times two (Adagrad) or three (Adam), once more for a running
//! mean, four bytes a row of a table, and for each of the parts that of the dense layers.

mod average;
mod backward;
mod gradients;
mod initial;
mod slope;
mod trainable;

pub(crate) use backward::view;
pub(crate) use gradients::{Gradients, side_index};
use initial::warm;
pub(crate) use initial::{random, same_rows};
pub(crate) use trainable::checked;

use super::error::TrainError;
use super::loss::Loss;
use super::optimiser::{Optimiser, Rule};
use super::parts::parts;
use average::Average;
use backward::backward;
use gradients::Part;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;
use std::borrow::Borrow;
use twinspire_towers::Towers;
use twinspire_towers::internals::{Encoded, Model, OptimiserState, Pass, Side};

/// The vectors of records by the tower of a side, a row for each; `passes` is what became of each part
/// on its way.
pub(crate) fn vectors<E: Borrow<Encoded> + Sync>(
    model: &Model,
    side: Side,
    batch: &[E],
    passes: &mut Vec<Pass>,
) -> Array2<f32> {
    let parts = parts(batch.len());
    passes.resize_with(parts.len().max(passes.len()), Pass::default);
    let (tower, tables) = (model.tower(side), &model.tables);
    let each = passes.par_iter_mut().zip(&parts);
    each.for_each(|(pass, part)| {
        let records = batch[part.clone()].iter().map(Borrow::borrow);
        // Of the layers that can be trained, none can fail.
        let _ = tower.forward(tables, records, pass);
    });
    let width = model.schema.dimension as usize;
    let mut vectors = Array2::zeros((batch.len(), width));
    for (pass, part) in passes.iter().zip(&parts) {
        let rows = view(pass.last(), part.len());
        vectors.slice_mut(s![part.clone(), ..]).assign(&rows);
    }
    vectors
}

/// What was learnt: the weights, and what a later training goes on with.
pub(crate) struct Checkpoint {
    pub(crate) model: Model,
    pub(crate) optimiser: OptimiserState,
}

/// Two towers that learn.
pub(crate) struct Network {
    /// What has been learnt so far.
    pub(crate) model: Model,
    optimiser: Optimiser,
    /// Of each part of a batch, and of all together.
    parts: Vec<Part>,
    gradients: Gradients,
    /// What became of the parts of the users and of the items that went through last.
    passes: [Vec<Pass>; 2],
    /// Whether both towers have the same layers, learnt by both.
    tied: bool,
    average: Option<Average>,
}

impl Network {
    /// A network of a model whose description was [checked] and whose weights are in memory. Where
    /// towers are `tied`, the layers of the item tower become those of the user tower and stay so;
    /// their shapes have to be the same.
    pub(crate) fn new(mut model: Model, rule: Rule, tied: bool) -> Self {
        if tied {
            model.item.layers = model.user.layers.clone();
        }
        Self {
            optimiser: Optimiser::new(&model, rule),
            parts: Vec::new(),
            gradients: Gradients::new(&model),
            passes: Default::default(),
            tied,
            average: None,
            model,
        }
    }

    /// The same, going on from earlier towers, if there are any: with their weights and, unless the rule says
    /// otherwise, with the steps of their training.
    ///
    /// # Errors
    /// [`TrainError::WarmStart`] when they read or compute something else.
    pub(crate) fn warm_start(
        mut model: Model,
        earlier: Option<&Towers>,
        rule: Rule,
        tied: bool,
    ) -> Result<Self, TrainError> {
        let Some(earlier) = earlier else {
            return Ok(Self::new(model, rule, tied));
        };
        warm(&mut model, earlier.model())?;
        let mut network = Self::new(model, rule, tied);
        if let Some(state) = earlier.optimiser()?.filter(|_| !rule.fresh) {
            let before = earlier.model();
            network.optimiser.resume(&state, &network.model, before);
        }
        Ok(network)
    }

    /// What has been learnt so far, to be kept.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            model: self.trained_model().clone(),
            optimiser: self.optimiser.state(&self.model),
        }
    }

    /// Keeps a running mean of the weights from here on: at each step this share of it is kept (Polyak
    /// and Juditsky, 1992, with old weights forgotten). With 0 nothing is kept.
    pub(crate) fn with_average(mut self, kept: f32) -> Self {
        self.average = (kept > 0.0).then(|| Average::new(kept, &self.model));
        self
    }

    /// What has been learnt: the running mean of the weights if it is kept, or else the weights.
    pub(crate) fn trained_model(&self) -> &Model {
        match &self.average {
            Some(average) => &average.model,
            None => &self.model,
        }
    }

    /// One step: the vectors of the users and of the items of a batch, a row for each, what a loss says of
    /// them, and the weights changed by that. Gives the loss.
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

    fn forward(&mut self, side: Side, batch: &[Encoded]) -> Array2<f32> {
        vectors(&self.model, side, batch, &mut self.passes[side_index(side)])
    }

    /// Adds to the gradients of all weights what the gradient of the vectors of a side comes to. The
    /// batch is the one that went [`forward`](Self::forward) last.
    fn backward(&mut self, side: Side, batch: &[Encoded], gradient: ArrayView2<'_, f32>) {
        let parts = parts(batch.len());
        while self.parts.len() < parts.len() {
            self.parts.push(Part::new(&self.model));
        }
        let model = &self.model;
        let passes = &self.passes[side_index(side)];
        let each = self.parts.par_iter_mut().zip(passes).zip(&parts);
        each.for_each(|((into, pass), part)| {
            let gradient = gradient.slice(s![part.clone(), ..]).to_owned();
            backward(model, side, &batch[part.clone()], pass, gradient, into);
        });
    }

    /// One step down the gradients.
    fn step(&mut self) {
        self.sum();
        if self.tied {
            self.gradients.tie();
        }
        self.optimiser.step(&mut self.model, &self.gradients);
        if let Some(average) = &mut self.average {
            average.follow(&self.model);
        }
    }

    /// Adds the gradients of the whole batch up, and begins anew with the parts.
    fn sum(&mut self) {
        self.gradients.sum(&self.parts);
        self.parts.par_iter_mut().for_each(Part::clear);
    }
}

#[cfg(test)]
mod tests;
