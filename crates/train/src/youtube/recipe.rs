//! Examples, negatives and loss of a batch.

use super::config::Config;
use crate::evaluate::hit_rate;
use crate::frequency::Frequency;
use crate::hold_out::HeldOut;
use crate::loss::in_batch::{Batch, softmax};
use crate::nn::Network;
use crate::popularity::Decile;
use crate::reader::{Reader, Scratch};
use crate::sampler::{Example, Logs};
use crate::training_loop::Recipe;
use rand_pcg::Pcg64Mcg;
use twinspire_towers::internals::{FrequencyState, Model};

/// The recipe at work.
pub(super) struct Youtube<'a> {
    reader: Reader<'a>,
    logs: &'a Logs,
    held_out: Vec<HeldOut>,
    config: &'a Config,
    /// The key of each item in the frequency estimator.
    keys: Vec<u64>,
    frequency: Frequency,
    /// The estimate at the end of the best epoch.
    checkpoint: Option<FrequencyState>,
    scratch: Scratch,
}

impl<'a> Youtube<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        logs: &'a Logs,
        held_out: Vec<HeldOut>,
        config: &'a Config,
        frequency: Frequency,
    ) -> Self {
        let ids = logs.items.iter();
        Self {
            keys: ids.map(|(id, _)| Frequency::key(id)).collect(),
            frequency,
            checkpoint: None,
            scratch: Scratch::default(),
            reader,
            logs,
            held_out,
            config,
        }
    }

    /// The frequency estimate that belongs to the trained weights.
    pub(super) fn into_frequency(self) -> FrequencyState {
        self.checkpoint.unwrap_or_else(|| self.frequency.state())
    }

    /// Ranks of held-out items among the items that their user has not seen.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let seen = |user| self.logs.seen_by(user);
        self.reader.ranks(model, &self.held_out, seen, |_| {})
    }
}

impl Recipe for Youtube<'_> {
    type Example = Example;
    /// Interactions after this time are not known yet, so their items may be negatives.
    type Settings = Option<i64>;

    const METRIC: &'static str = "hit@10";

    fn learn(
        &mut self,
        network: &mut Network,
        examples: &[Example],
        until: &Option<i64>,
        rng: &mut Pcg64Mcg,
    ) -> f32 {
        let Scratch {
            users,
            items,
            columns,
        } = &mut self.scratch;
        columns.clear(self.reader.items());
        let mut positives = Vec::with_capacity(examples.len());
        let mut rewards = Vec::with_capacity(examples.len());
        for example in examples {
            let (item, reward) = self.logs.seen[example.user as usize][example.at as usize];
            positives.push(columns.insert(item) as usize);
            rewards.push(reward);
        }
        let each = examples.iter().copied().map(Some);
        self.reader.encode_users(each, rng, users);
        self.reader.encode_items(&columns.items, rng, items);
        let keys = columns.items.iter().map(|item| self.keys[*item as usize]);
        let keys: Vec<_> = keys.collect();
        self.frequency.see(&keys);
        let correct = self.config.frequency_rate > 0.0;
        let ln = |item: &u64| match correct {
            true => self.frequency.ln_probability(*item),
            false => 0.0,
        };
        let ln_probability: Vec<_> = keys.iter().map(ln).collect();

        let batch = Batch {
            positives: &positives,
            rewards: &rewards,
            ln_probability: &ln_probability,
            temperature: self.config.temperature,
        };
        let known = |row: usize, hide: &mut dyn FnMut(usize)| {
            let user = examples[row].user as usize;
            let seen = self.logs.seen[user].iter().zip(&self.logs.times[user]);
            let seen = seen.take_while(|(_, at)| until.is_none_or(|until| **at <= until));
            for column in seen.filter_map(|((item, _), _)| columns.get(*item)) {
                hide(column as usize);
            }
        };
        network.learn(users, items, |users, items| {
            softmax(users, items, &batch, known)
        })
    }

    fn validate(&self, model: &Model) -> Option<f64> {
        hit_rate(&self.ranks(model))
    }

    fn checkpoint(&mut self) {
        self.checkpoint = Some(self.frequency.state());
    }

    fn deciles(&self, model: &Model, _: &[Example]) -> Vec<Decile> {
        let ranks = self.ranks(model);
        self.reader.deciles(model, &self.held_out, &ranks, |_| {})
    }
}
