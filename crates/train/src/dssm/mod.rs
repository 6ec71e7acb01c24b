//! DSSM: text to text, from clicks or from the documents alone (Huang et al., CIKM 2013,
//! <https://doi.org/10.1145/2505515.2505665>).
//!
//! Both towers read a text as its letter trigrams ("word hashing", section 3.2), and if wanted whole
//! words beside them. The sum of their embeddings is the first layer, of which only the rows are read
//! that a text has: the 30,000 numbers of the paper are never there. Behind it come dense layers of
//! hyperbolic tangents, and the cosine. The loss is a softmax with a factor γ over the clicked document
//! and some others, drawn from all documents or from those of the batch ([`Pool`]).
//!
//! A text may stand in several fields, a title here and a body there; which ones is named or told by the
//! data ([`Config::document`], [`Config::query`]).
//!
//! [`train`] learns from a log of queries and clicked documents: users are queries with a text, or
//! queries whose id is their text. Without events it learns from the documents alone: each sentence is a
//! query for the rest of its document. That, the omission of words at random and the running mean of
//! the weights are not of the paper.
//!
//! `examples` makes pairs of texts, `negatives` draws what does not belong to them.

mod config;
mod examples;
mod negatives;

pub use config::{Activation, Config, Pool};

use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::{mean_reciprocal_rank, ranks};
use super::loss::sampled::{Batch, softmax};
use super::network::{Network, checked, random, vectors};
use super::optimiser::Rule;
use super::popularity::{Decile, Popularity};
use super::sampler::shuffle;
use super::schema::hashed;
use super::{Trained, TrainingProgress};
use examples::{Example, Examples};
use ndarray::Array2;
use negatives::{Negatives, of_batch, of_pool};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use twinspire_core::kernel::Metric;
use twinspire_towers::Towers;
use twinspire_towers::internals::schema::{
    FORMAT, FeatureKind, FeatureSchema, Grams, LayerKind, LayerSchema, Missing, OtherFields,
    Pooling, Schema, TableSchema, TowerSchema,
};
use twinspire_towers::internals::{Encoded, Model, Side};

/// Held-out examples that are looked at after each pass, at most.
const MAX_HELD_OUT: usize = 2000;

/// Learns both towers from the data. `progress` is told after every batch.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::{Value, json};
/// use twinspire::train::{Dataset, dssm};
///
/// let documents = Dataset {
///     items: vec![
///         json!({"id": "1", "text": "Heat of thin wings. The heat in a thin wing grows with its speed."}),
///         json!({"id": "2", "text": "Shocks at blunt bodies. A shock stands before a blunt body."}),
///     ],
///     ..Dataset::default()
/// };
/// let config = dssm::Config { dimension: 8, hidden: vec![], epochs: 3, ..dssm::Config::default() };
/// let towers = dssm::train(&documents, &config, |_| {})?.towers;
/// let query = towers.embed_user(&json!({"query": "how hot is a thin wing?"}))?;
/// assert_eq!(query.len(), 8);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    train_from(None, data, config, progress)
}

/// As [`train`], but with weights that begin where those of earlier towers with the same settings ended.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    config.check()?;
    let config = &config.with_fields(data, earlier)?;
    let mut course = Course::new(config.epochs, progress);
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let texts = Examples::new(data, config)?;
    let share = if config.patience > 0 {
        config.held_out
    } else {
        0.0
    };
    let (mut examples, mut held_out) = texts.split(share, &mut rng);
    if examples.is_empty() {
        let what = "examples: no document of two sentences, no click on a document with a text";
        return Err(TrainError::Empty { what });
    }
    let pool = texts.pool(&held_out);
    held_out.truncate(MAX_HELD_OUT);
    let mut model = random(describe(config)?, &mut rng)?;
    scatter(&mut model, &mut rng);
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: 0.0,
        fresh: config.fresh_steps,
    };
    let network = Network::going_on(model, earlier, rule, config.shared)?.averaged(config.average);
    let mut learner = Learner {
        network,
        texts: &texts,
        pool: &pool,
        config,
        step: 0,
    };
    course.expect(examples.len(), config.batch);
    let mut stopping = Stopping::new(config.patience);
    for _ in 1..=config.epochs {
        shuffle(&mut examples, &mut rng);
        for batch in examples.chunks(config.batch) {
            let loss = learner.learn(batch, &mut rng);
            course.batch(loss, batch.len())?;
        }
        course.end_pass();
        if config.patience > 0 && !held_out.is_empty() {
            let ranks = learner.ranks(learner.network.learnt(), &held_out);
            let mrr = mean_reciprocal_rank(&ranks);
            course.validate("mrr", mrr);
            if !stopping.goes_on(mrr, &learner.network) {
                break;
            }
        }
    }
    let (learnt, best) = stopping.best(&learner.network);
    let mut trained = course.finish(&learnt, best)?;
    if texts.are_asked() {
        trained.report.deciles = learner.deciles(&learnt.model, &examples, &held_out);
    }
    Ok(trained)
}

/// Some queries to ask trained towers with: those of the log, or first sentences of documents. Towers that
/// went on from others read the fields that [`Config::with_fields`] names.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let config = config.resolved(data, None);
    let texts = config.and_then(|config| Examples::new(data, &config));
    let mut queries = texts.map_or_else(|_| Vec::new(), |texts| texts.queries());
    queries.truncate(count);
    queries
}

/// The schema of the two towers.
fn describe(config: &Config) -> Result<Schema, TrainError> {
    let first = config.hidden.first().copied();
    let table = |_| TableSchema {
        dimension: Some(first.unwrap_or(config.dimension) as u32),
        lookup: hashed(config.buckets),
    };
    let names = if config.shared {
        ["grams", "grams"]
    } else {
        ["query", "document"]
    };
    let tables: BTreeMap<String, _> = names.map(|name| (name.to_owned(), table(name))).into();
    let grams = match config.words {
        0 => Grams::Letters(config.letters),
        words => Grams::Both {
            letters: config.letters,
            words: [1, words as u32],
        },
    };
    let activation = config.activation.of_layers();
    let mut layers = Vec::new();
    let mut layer = |kind| layers.push(LayerSchema::of(kind));
    if first.is_some() {
        layer(LayerKind::Bias {});
    }
    layer(LayerKind::Activation { activation });
    let after = config.hidden.iter().skip(1).copied();
    let last = first.map(|_| config.dimension);
    for units in after.chain(last) {
        layer(LayerKind::Dense {
            units: units as u32,
            activation,
            bias: true,
        });
    }
    layer(LayerKind::L2Normalise {});
    let tower = |fields: &[String], table: &str, other_fields| TowerSchema {
        features: vec![FeatureSchema {
            missing: Missing::Error,
            kind: FeatureKind::Text {
                field: fields.first().cloned().unwrap_or_default(),
                also: fields.iter().skip(1).cloned().collect(),
                table: table.to_owned(),
                pooling: Pooling::Sqrtn,
                grams,
                limit: None,
            },
        }],
        layers: layers.clone(),
        other_fields,
    };
    let known = OtherFields::Allow(vec!["user_id".to_owned()]);
    checked(Schema {
        format: FORMAT,
        name: "dssm".to_owned(),
        dimension: config.dimension as u32,
        metric: Metric::Cosine,
        user: Some(tower(&config.query, names[0], Some(known))),
        item: Some(tower(&config.document, names[1], None)),
        tables,
    })
}

/// The first weights of the tables, which are the first layer: ±√(6 / (inputs + units)), as in section
/// 3.4. Grams that are never met stay so small that they hardly count.
fn scatter(model: &mut Model, rng: &mut Pcg64Mcg) {
    for table in &mut model.tables {
        if let Some(weights) = table.weights.owned_mut() {
            let bound = (6.0 / (weights.nrows() + weights.ncols()) as f32).sqrt();
            weights.mapv_inplace(|_| rng.random_range(-bound..=bound));
        }
    }
}

/// Everything a step needs.
struct Learner<'a> {
    network: Network,
    texts: &'a Examples,
    /// Documents that negatives are drawn from.
    pool: &'a [u32],
    config: &'a Config,
    step: u64,
}

impl Learner<'_> {
    /// One step; gives the mean loss of the batch.
    fn learn(&mut self, batch: &[Example], rng: &mut Pcg64Mcg) -> f32 {
        self.step += 1;
        let seed = self.config.seed ^ self.step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (texts, model, omitted) = (self.texts, &self.network.model, self.config.word_dropout);
        let negatives = self.negatives(batch, rng);
        // Each of its own, so that it does not matter which thread reads it.
        let own = |at: usize| Pcg64Mcg::seed_from_u64(seed.wrapping_add(at as u64));
        let each = batch.par_iter().enumerate().map(|(at, example)| {
            let mut rng = own(at);
            let query = texts.query(*example, omitted, &mut rng);
            let document = texts.document(*example, omitted, &mut rng);
            let query = encode(model, Side::User, &query);
            (query, encode(model, Side::Item, &document))
        });
        let (queries, mut documents): (Vec<_>, Vec<_>) = each.unzip();
        let drawn = negatives.drawn.par_iter().enumerate();
        documents.par_extend(drawn.map(|(at, document)| {
            let mut rng = own(batch.len() + at);
            let document = texts.whole(*document, omitted, &mut rng);
            encode(model, Side::Item, &document)
        }));
        let weights: Vec<_> = batch.iter().map(|example| example.weight).collect();
        let of_batch = Batch {
            negatives: &negatives.of_each,
            weights: &weights,
            gamma: self.config.gamma,
        };
        self.network
            .learn(&queries, &documents, |queries, documents| {
                softmax(queries, documents, &of_batch)
            })
    }

    /// The negatives of a batch, as the settings want them.
    fn negatives(&self, batch: &[Example], rng: &mut Pcg64Mcg) -> Negatives {
        match (self.config.pool, self.config.negatives) {
            (Pool::Batch, count) | (Pool::All, count @ 0) => {
                of_batch(self.texts, batch, count, rng)
            }
            (Pool::All, count) => of_pool(self.texts, self.pool, batch, count, rng),
        }
    }

    /// The vectors of the queries of examples and of all documents, and behind these of what is left of the
    /// examples' own documents.
    fn vectors(&self, model: &Model, examples: &[Example], own: bool) -> [Array2<f32>; 2] {
        let (texts, rng) = (self.texts, &mut Pcg64Mcg::seed_from_u64(0));
        let embed = |side, records: Vec<Value>| {
            let each = records.par_iter();
            let encoded: Vec<_> = each.map(|record| encode(model, side, record)).collect();
            vectors(model, side, &encoded, &mut Vec::new())
        };
        let queries = examples
            .iter()
            .map(|example| texts.query(*example, 0.0, rng));
        let queries = embed(Side::User, queries.collect());
        let whole = (0..texts.documents() as u32).map(|document| texts.whole(document, 0.0, rng));
        let mut documents: Vec<Value> = whole.collect();
        let each = examples.iter().filter(|_| own);
        documents.extend(each.map(|example| texts.document(*example, 0.0, rng)));
        [queries, embed(Side::Item, documents)]
    }

    /// The ranks of the documents of held-out examples among all documents.
    fn ranks(&self, model: &Model, held_out: &[Example]) -> Vec<Option<usize>> {
        // What is left of the own document stands in for it behind all others.
        let [queries, all] = self.vectors(model, held_out, true);
        let documents = self.texts.documents() as u32;
        ranks(queries.view(), all.view(), |row| {
            let others = (0..held_out.len() as u32).filter(|other| *other != row as u32);
            let hidden = others.map(|other| documents + other);
            let known = (0..documents).filter(|other| self.texts.belong(held_out[row], *other));
            let hidden: HashSet<u32> = hidden.chain(known).collect();
            (documents + row as u32, hidden)
        })
    }

    /// How documents fare by how often they were clicked in what was learnt from.
    fn deciles(&self, model: &Model, learnt: &[Example], held_out: &[Example]) -> Vec<Decile> {
        let documents = self.texts.documents() as u32;
        let mut popularity = Popularity::new(documents as usize);
        learnt
            .iter()
            .for_each(|click| popularity.met(click.document));
        let asked = popularity.asked(learnt.len()).into_iter();
        let asked: Vec<_> = asked.map(|at| learnt[at as usize]).collect();
        let [queries, all] = self.vectors(model, &asked, false);
        popularity.answers(queries.view(), all.view(), |row| {
            let known = (0..documents).filter(|document| self.texts.belong(asked[row], *document));
            known.collect()
        });
        let wanted = held_out.iter().map(|out| out.document);
        popularity.deciles(wanted.zip(self.ranks(model, held_out)))
    }
}

/// A text as a tower reads it, which it always can: any gram has a row.
fn encode(model: &Model, side: Side, record: &Value) -> Encoded {
    let encoded = model.tower(side).encode_alone(&model.tables, record);
    let mut encoded = encoded.unwrap_or_default();
    // A long text has many grams twice.
    encoded.merge_rows();
    encoded
}

#[cfg(test)]
mod tests;
