//! The trained student: towers of three parts, and the towers that are cut out of them for publishing.

use super::config::Config;
use super::describe::{Factors, Trunks, active_parts, with_parts};
use super::score::Score;
use crate::error::TrainError;
use crate::loss::three_class::{CLASSES, part, shares};
use crate::nn::random;
use crate::report::TrainingReport;
use crate::trained::Trained;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::Towers;
use twinspire_towers::TowersError;
use twinspire_towers::internals::{Layer, Model, Side, Step};

/// Trained towers of three parts, for clicks, unclicks and bad cases. The towers to publish are cut out of them
/// for a [`Score`].
#[derive(Clone, Debug)]
pub struct Student {
    pub(super) parts: Towers,
    pub(super) trunks: Trunks,
    pub(super) config: Config,
    /// How the training went.
    pub(super) report: TrainingReport,
}

/// Probabilities of the three outcomes of a user and an item, which sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The user clicks the item.
    pub click: f32,
    /// The user sees the item and does not click it.
    pub unclick: f32,
    /// The item is not relevant.
    pub bad: f32,
}

impl Student {
    /// How the training went.
    #[must_use]
    pub fn report(&self) -> &TrainingReport {
        &self.report
    }

    /// The towers of all three parts, for a later [warm start](super::train_from). They are not meant to be
    /// published.
    #[must_use]
    pub fn parts(&self) -> &Towers {
        &self.parts
    }

    /// The towers to publish, whose inner products are `score`. The width of their vectors grows with the number
    /// of parts in use.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a weight outside of its range.
    pub fn towers(&self, score: Score) -> Result<Towers, TrainError> {
        score.check()?;
        let cut = cut(
            self.parts.model(),
            &self.trunks,
            &self.config,
            score.factors(),
        )?;
        Ok(Towers::from_model(&cut)?)
    }

    /// The towers of the configured score, and the report.
    ///
    /// # Errors
    /// As [`towers`](Self::towers).
    pub fn trained(self) -> Result<Trained, TrainError> {
        let towers = self.towers(self.config.score)?;
        let report = TrainingReport {
            parameters: towers.parameters(),
            ..self.report
        };
        Ok(Trained { towers, report })
    }

    /// The student's outcome probabilities of a user and each of some items.
    ///
    /// # Errors
    /// [`TowersError::User`] and [`TowersError::Item`] name the feature that cannot be read.
    pub fn outcomes(&self, user: &Value, items: &[Value]) -> Result<Vec<Outcome>, TowersError> {
        let user = self.parts.embed_user(user)?;
        let each = items.iter().map(|item| {
            let item = self.parts.embed_item(item)?;
            let mut products = [0.0; CLASSES];
            for (class, product) in products.iter_mut().enumerate() {
                let part = part(class, user.len());
                let both = user[part.clone()].iter().zip(&item[part]);
                *product = both.map(|(a, b)| a * b).sum();
            }
            let [click, unclick, bad] = shares(products, self.config.gamma);
            Ok(Outcome {
                click,
                unclick,
                bad,
            })
        });
        each.collect()
    }
}

/// A model with some of the parts of another, the user's multiplied by the factors.
fn cut(
    whole: &Model,
    trunks: &Trunks,
    config: &Config,
    factors: Factors,
) -> Result<Model, TrainError> {
    let whole = whole.in_memory();
    let schema = with_parts(&whole.schema, trunks, config, factors)?;
    // Every weight is replaced below.
    let mut model = random(schema, &mut Pcg64Mcg::seed_from_u64(0))?;
    model.tables = whole.tables;
    let sides = [(Side::User, &whole.user), (Side::Item, &whole.item)];
    for ((side, from), trunk) in sides.into_iter().zip(&trunks.0) {
        let tower = model.tower_mut(side);
        for (to, from) in tower.features.iter_mut().zip(&from.features) {
            to.sequence.clone_from(&from.sequence);
        }
        let layers = &mut tower.layers;
        let (before, parts) = from.layers.split_at(trunk.len());
        layers[..before.len()].clone_from_slice(before);
        let all: Vec<&Layer> = parts.iter().filter(|layer| is_dense(layer)).collect();
        let mut dense = layers[before.len()..]
            .iter_mut()
            .filter(|layer| is_dense(layer));
        for (part, factor) in active_parts(factors) {
            if let (Some(to), Some(from)) = (dense.next(), all.get(part)) {
                to.step = from.step.clone();
                if side == Side::User && factor < 0.0 {
                    negate(&mut to.step);
                }
            }
        }
    }
    Ok(model)
}

fn is_dense(layer: &Layer) -> bool {
    matches!(layer.step, Step::Dense { .. })
}

/// Negates the outputs of a linear layer.
fn negate(step: &mut Step) {
    if let Step::Dense { weight, bias, .. } = step {
        if let Some(weight) = weight.owned_mut() {
            weight.mapv_inplace(|weight| -weight);
        }
        bias.iter_mut().flatten().for_each(|bias| *bias = -*bias);
    }
}
