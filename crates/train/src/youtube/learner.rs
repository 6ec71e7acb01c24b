//! The steps of a training.

use super::super::frequency::Frequency;
use super::super::hold_out::HeldOut;
use super::super::loss::in_batch::{Batch, softmax};
use super::super::network::Network;
use super::super::reader::{Memory, Reader};
use super::super::sampler::{Example, Logs};
use super::Config;
use rand_pcg::Pcg64Mcg;
use twinspire_towers::internals::Model;

/// Everything a step needs.
pub(super) struct Learner<'a> {
    pub(super) network: Network,
    pub(super) reader: Reader<'a>,
    logs: &'a Logs,
    config: &'a Config,
    /// What each item is counted by.
    keys: Vec<u64>,
    pub(super) frequency: Frequency,
    /// Meetings after this moment are not known of yet.
    pub(super) until: Option<i64>,
    memory: Memory,
}

impl<'a> Learner<'a> {
    pub(super) fn new(
        network: Network,
        reader: Reader<'a>,
        logs: &'a Logs,
        config: &'a Config,
        frequency: Frequency,
    ) -> Self {
        let ids = logs.items.iter();
        Self {
            keys: ids.map(|(id, _)| Frequency::key(id)).collect(),
            frequency,
            until: None,
            memory: Memory::default(),
            network,
            reader,
            logs,
            config,
        }
    }

    /// One step; gives the mean loss of the batch.
    pub(super) fn learn(&mut self, examples: &[Example], rng: &mut Pcg64Mcg) -> f32 {
        let Memory {
            users,
            items,
            columns,
        } = &mut self.memory;
        columns.clear(self.reader.items());
        let mut positives = Vec::with_capacity(examples.len());
        let mut rewards = Vec::with_capacity(examples.len());
        for example in examples {
            let (item, reward) = self.logs.met[example.user as usize][example.at as usize];
            positives.push(columns.of(item) as usize);
            rewards.push(reward);
        }
        let each = examples.iter().copied().map(Some);
        self.reader.learnt_users(each, rng, users);
        self.reader.learnt_items(&columns.items, rng, items);
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
            let met = self.logs.met[user].iter().zip(&self.logs.times[user]);
            let met = met.take_while(|(_, at)| self.until.is_none_or(|until| **at <= until));
            for column in met.filter_map(|((item, _), _)| columns.find(*item)) {
                hide(column as usize);
            }
        };
        self.network.learn(users, items, |users, items| {
            softmax(users, items, &batch, known)
        })
    }

    /// The ranks of held-out items for their users, among the items that the user had not met before.
    pub(super) fn ranks(&self, model: &Model, held_out: &[HeldOut]) -> Vec<Option<usize>> {
        let met = |user| self.logs.met_by(user);
        self.reader.ranks(model, held_out, met, |_| {})
    }
}
