//! What was learnt: towers of three parts, and what is published of them.

use super::config::Config;
use super::describe::{Factors, Trunks, kept, with_parts};
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

/// Towers of three parts, for clicks, unclicks and bad cases. What is published is cut out of them, by
/// what recalls should score by.
#[derive(Clone, Debug)]
pub struct Student {
    pub(super) parts: Towers,
    pub(super) trunks: Trunks,
    pub(super) config: Config,
    /// How it learnt.
    pub(super) report: TrainingReport,
}

/// What becomes of a user and an item, in probabilities that are 1 together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The user takes it.
    pub click: f32,
    /// The user sees it and does not take it.
    pub unclick: f32,
    /// It does not fit.
    pub bad: f32,
}

impl Student {
    /// How it learnt.
    #[must_use]
    pub fn report(&self) -> &TrainingReport {
        &self.report
    }

    /// The towers of all three parts, side by side: to be kept for a
    /// [training that begins with them](super::train_from), not to be published.
    #[must_use]
    pub fn parts(&self) -> &Towers {
        &self.parts
    }

    /// The towers to be published, whose vectors score by `score`. Those of the click parts alone are a
    /// third as wide as all three.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a weight out of its range.
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

    /// The towers that score as the settings say, and how the student learnt.
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

    /// What becomes of a user and each of some items, as the student sees it.
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

/// A model of some of the parts of another, the user's multiplied by these factors.
fn cut(
    whole: &Model,
    trunks: &Trunks,
    config: &Config,
    factors: Factors,
) -> Result<Model, TrainError> {
    let whole = whole.in_memory();
    let schema = with_parts(&whole.schema, trunks, config, factors)?;
    // Every weight of it is replaced.
    let mut model = random(schema, &mut Pcg64Mcg::seed_from_u64(0))?;
    model.tables = whole.tables;
    let sides = [(Side::User, &whole.user), (Side::Item, &whole.item)];
    for ((side, from), trunk) in sides.into_iter().zip(&trunks.0) {
        let layers = &mut model.tower_mut(side).layers;
        let (before, parts) = from.layers.split_at(trunk.len());
        layers[..before.len()].clone_from_slice(before);
        let all: Vec<&Layer> = parts.iter().filter(|layer| is_dense(layer)).collect();
        let mut dense = layers[before.len()..]
            .iter_mut()
            .filter(|layer| is_dense(layer));
        for (part, factor) in kept(factors) {
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

/// Turns the outputs of a linear layer round.
fn negate(step: &mut Step) {
    if let Step::Dense { weight, bias, .. } = step {
        if let Some(weight) = weight.owned_mut() {
            weight.mapv_inplace(|weight| -weight);
        }
        bias.iter_mut().flatten().for_each(|bias| *bias = -*bias);
    }
}
