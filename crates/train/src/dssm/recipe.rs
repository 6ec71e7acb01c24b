//! Examples, negatives and loss of a batch.

use super::bm25;
use super::config::{Config, Pool};
use super::examples::{Example, Examples};
use super::negatives::{Negatives, of_batch, of_pool};
use crate::baselines::{BM25, Comparison};
use crate::evaluate::{ranks, reciprocal_ranks};
use crate::loss::sampled::{Batch, softmax};
use crate::nn::{Network, vectors};
use crate::popularity::{Decile, Popularity};
use crate::training_loop::Recipe;
use ndarray::Array2;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde_json::Value;
use twinspire_towers::internals::{Encoded, Model, Side};

/// The recipe at work.
pub(super) struct Dssm<'a> {
    texts: &'a Examples,
    held_out: Vec<Example>,
    /// Documents that negatives are drawn from.
    pool: Vec<u32>,
    config: Config,
    step: u64,
}

impl<'a> Dssm<'a> {
    pub(super) fn new(
        texts: &'a Examples,
        held_out: Vec<Example>,
        pool: Vec<u32>,
        config: Config,
    ) -> Self {
        Self {
            texts,
            held_out,
            pool,
            config,
            step: 0,
        }
    }

    /// The negatives of a batch, by the settings.
    fn negatives(&self, batch: &[Example], rng: &mut Pcg64Mcg) -> Negatives {
        match (self.config.pool, self.config.negatives) {
            (Pool::Batch, count) | (Pool::All, count @ 0) => {
                of_batch(self.texts, batch, count, rng)
            }
            (Pool::All, count) => of_pool(self.texts, &self.pool, batch, count, rng),
        }
    }

    /// Vectors of the queries of examples, and of all documents. With `own`, they are followed by vectors of
    /// the examples' documents without the sentence that is the query.
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

    /// Ranks of the documents of held-out examples among all documents.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let held_out = &self.held_out;
        // The document without the query stands in for the document itself, behind all others.
        let [queries, all] = self.vectors(model, held_out, true);
        let documents = self.texts.documents() as u32;
        let wanted = |row: usize| documents + row as u32;
        ranks(queries.view(), all.view(), wanted, |row, other| {
            match other < documents {
                true => self.texts.is_positive(held_out[row], other),
                false => other != wanted(row),
            }
        })
    }
}

impl Recipe for Dssm<'_> {
    type Example = Example;
    type Settings = ();

    const METRIC: &'static str = "mrr";

    fn learn(
        &mut self,
        network: &mut Network,
        batch: &[Example],
        (): &(),
        rng: &mut Pcg64Mcg,
    ) -> f32 {
        self.step += 1;
        let seed = self.config.training.seed ^ self.step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (texts, model, dropout) = (self.texts, &network.model, self.config.word_dropout);
        let negatives = self.negatives(batch, rng);
        // Each of its own, so that it does not matter which thread reads it.
        let own = |at: usize| Pcg64Mcg::seed_from_u64(seed.wrapping_add(at as u64));
        let each = batch.par_iter().enumerate().map(|(at, example)| {
            let mut rng = own(at);
            let query = texts.query(*example, dropout, &mut rng);
            let document = texts.document(*example, dropout, &mut rng);
            let query = encode(model, Side::User, &query);
            (query, encode(model, Side::Item, &document))
        });
        let (queries, mut documents): (Vec<_>, Vec<_>) = each.unzip();
        let drawn = negatives.drawn.par_iter().enumerate();
        documents.par_extend(drawn.map(|(at, document)| {
            let mut rng = own(batch.len() + at);
            let document = texts.whole(*document, dropout, &mut rng);
            encode(model, Side::Item, &document)
        }));
        let weights: Vec<_> = batch.iter().map(|example| example.weight).collect();
        let of_batch = Batch {
            negatives: &negatives.of_each,
            weights: &weights,
            gamma: self.config.gamma,
        };
        network.learn(&queries, &documents, |queries, documents| {
            softmax(queries, documents, &of_batch)
        })
    }

    fn validate(&self, model: &Model) -> Vec<f64> {
        match self.held_out.is_empty() {
            true => Vec::new(),
            false => reciprocal_ranks(&self.ranks(model)),
        }
    }

    fn state(&self) -> Vec<u8> {
        self.step.to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) -> bool {
        state.try_into().is_ok_and(|step| {
            self.step = u64::from_le_bytes(step);
            true
        })
    }

    fn compare(&self, model: &Model) -> Option<Comparison> {
        if self.held_out.is_empty() {
            return None;
        }
        let groups = self
            .held_out
            .iter()
            .map(|example| self.texts.group(*example));
        let groups: Vec<u32> = groups.collect();
        let baseline = bm25::ranks(self.texts, &self.held_out);
        let baselines = vec![(BM25, baseline)];
        Some(Comparison::new(&groups, &self.ranks(model), baselines))
    }

    /// Empty where documents alone are learnt from: none is more popular than another.
    fn deciles(&self, model: &Model, examples: &[Example]) -> Vec<Decile> {
        if !self.texts.has_queries() {
            return Vec::new();
        }
        let documents = self.texts.documents() as u32;
        let mut popularity = Popularity::new(documents as usize);
        examples
            .iter()
            .for_each(|click| popularity.count(click.document));
        let asked = popularity.sample_users(examples.len()).into_iter();
        let asked: Vec<_> = asked.map(|at| examples[at as usize]).collect();
        let [queries, all] = self.vectors(model, &asked, false);
        popularity.count_answers(queries.view(), all.view(), |row| {
            let known =
                (0..documents).filter(|document| self.texts.is_positive(asked[row], *document));
            known.collect()
        });
        let wanted = self.held_out.iter().map(|out| out.document);
        popularity.deciles(wanted.zip(self.ranks(model)))
    }
}

/// A text as input of a tower. Encoding cannot fail: every gram has a row.
fn encode(model: &Model, side: Side, record: &Value) -> Encoded {
    let encoded = model.tower(side).encode_alone(&model.tables, record);
    let mut encoded = encoded.unwrap_or_default();
    // A long text repeats many grams.
    encoded.merge_rows();
    encoded
}
