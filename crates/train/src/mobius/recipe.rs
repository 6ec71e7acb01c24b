//! Examples, bad cases and loss of a batch.

use super::augment::{Candidate, draw};
use super::config::Config;
use super::teacher::Teacher;
use crate::baselines::{Comparison, compare};
use crate::evaluate::ndcg_of_ranking;
use crate::hold_out::HeldOut;
use crate::loss::three_class::{Class, Pair, click_probabilities, softmax};
use crate::nn::Network;
use crate::popularity::Decile;
use crate::reader::{Reader, Scratch};
use crate::sampler::{Example, Logs};
use crate::training_loop::Recipe;
use ndarray::{Array2, ArrayView2};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::collections::HashSet;
use twinspire_towers::internals::Model;

/// The recipe at work.
pub(super) struct Mobius<'a> {
    pub(super) reader: Reader<'a>,
    held_out: Vec<HeldOut>,
    pub(super) pairing: Pairing<'a>,
    scratch: Scratch,
}

/// Which users and items of a batch can be bad cases.
pub(super) struct Pairing<'a> {
    logs: &'a Logs,
    /// Items that each user has seen, clicked or not.
    pub(super) seen: Vec<HashSet<u32>>,
    pub(super) teacher: &'a dyn Teacher,
    config: Config,
}

impl<'a> Mobius<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        logs: &'a Logs,
        held_out: Vec<HeldOut>,
        teacher: &'a dyn Teacher,
        config: &Config,
    ) -> Self {
        let seen = (0..logs.users.len() as u32).map(|user| logs.seen_by(user));
        Self {
            reader,
            held_out,
            pairing: Pairing {
                seen: seen.collect(),
                logs,
                teacher,
                config: config.clone(),
            },
            scratch: Scratch::default(),
        }
    }

    /// Ranks of held-out clicks by the configured score, among the items to be found for their user.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let seen = |user: u32| &self.pairing.seen[user as usize];
        let score = |users: &mut Array2<f32>| self.pairing.config.score.apply(users);
        self.reader.ranks(model, &self.held_out, seen, score)
    }
}

impl Recipe for Mobius<'_> {
    type Example = Example;
    type Settings = ();

    const METRIC: &'static str = "ndcg";

    fn learn(
        &mut self,
        network: &mut Network,
        examples: &[Example],
        (): &(),
        rng: &mut Pcg64Mcg,
    ) -> f32 {
        let Scratch {
            users,
            items,
            columns,
        } = &mut self.scratch;
        let Pairing { logs, config, .. } = &self.pairing;
        columns.clear(self.reader.items());
        let mut pairs = Vec::with_capacity(examples.len() * 2);
        for (row, example) in examples.iter().enumerate() {
            let (item, weight) = logs.seen[example.user as usize][example.at as usize];
            let class = match weight >= config.click {
                true => Class::Click,
                false => Class::Unclick,
            };
            pairs.push(pair(row, columns.insert(item) as usize, class));
        }
        let each = examples.iter().copied().map(Some);
        self.reader.encode_users(each, rng, users);
        self.reader.encode_items(&columns.items, rng, items);
        let count = (config.bad * examples.len() as f32).round() as usize;
        network.learn(users, items, |users, items| {
            if count > 0 {
                let pairing = &self.pairing;
                let candidates = pairing.candidates(examples, &columns.items, users, items);
                let bad = draw(&candidates, count, config.draw, rng).into_iter();
                pairs.extend(bad.map(|bad| pair(bad.user as usize, bad.item as usize, Class::Bad)));
            }
            softmax(users, items, &pairs, config.gamma)
        })
    }

    fn validate(&self, model: &Model) -> Vec<f64> {
        ndcg_of_ranking(&self.ranks(model))
    }

    fn compare(&self, model: &Model) -> Option<Comparison> {
        compare(self.pairing.logs, &self.held_out, &self.ranks(model))
    }

    fn deciles(&self, model: &Model, _: &[Example]) -> Vec<Decile> {
        let score = |users: &mut Array2<f32>| self.pairing.config.score.apply(users);
        let ranks = self.ranks(model);
        self.reader.deciles(model, &self.held_out, &ranks, score)
    }
}

impl Pairing<'_> {
    /// All pairs of a user and an item of the batch with low relevance and without an interaction.
    pub(super) fn candidates(
        &self,
        examples: &[Example],
        items: &[u32],
        user_vectors: ArrayView2<'_, f32>,
        item_vectors: ArrayView2<'_, f32>,
    ) -> Vec<Candidate> {
        let clicks = click_probabilities(user_vectors, item_vectors, self.config.gamma);
        let ids = items.iter().map(|item| &*self.logs.items[*item as usize].0);
        let ids: Vec<&str> = ids.collect();
        let rows = examples.par_iter().enumerate();
        let each = rows.flat_map_iter(|(row, example)| {
            let user = example.user as usize;
            let relevance = self.teacher.relevance(&self.logs.users[user].0, &ids);
            let columns = relevance.into_iter().zip(items).enumerate();
            let low = columns.filter(|(_, (relevance, item))| {
                *relevance < self.config.relevance && !self.seen[user].contains(item)
            });
            let low = low.map(|(column, _)| Candidate {
                user: row as u32,
                item: column as u32,
                click: clicks[[row, column]],
            });
            low.collect::<Vec<_>>()
        });
        each.collect()
    }
}

/// A pair of weight 1.
fn pair(user: usize, item: usize, class: Class) -> Pair {
    Pair {
        user,
        item,
        class,
        weight: 1.0,
    }
}
