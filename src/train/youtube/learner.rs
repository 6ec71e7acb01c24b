//! The steps of a training.

use super::super::error::TrainError;
use super::super::evaluate::{metrics, ranks};
use super::super::frequency::Frequency;
use super::super::loss::in_batch::{Batch, softmax};
use super::super::network::Network;
use super::super::sampler::{Example, HeldOut, Logs, encode_all};
use super::{Config, ITEMS, USER_ID};
use crate::tower::{Encoded, Model, Side};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Everything a step needs.
pub(super) struct Learner<'a> {
    pub(super) network: Network,
    logs: &'a Logs,
    config: &'a Config,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    /// Of each item, the row of the table that histories are read from, the row that it has where it is
    /// unknown, and the key that it is counted by.
    rows: Vec<(u32, u32)>,
    keys: Vec<u64>,
    pub(super) frequency: Frequency,
    /// The feature of the user's id, if there is one, and the row of each user who is unknown.
    user_id: Option<(usize, Vec<u32>)>,
    /// Meetings after this moment are not known of yet.
    pub(super) until: Option<i64>,
}

/// The row of each id in a table, and that of the same id if it were not known.
fn rows(model: &Model, table: &str, records: &[(String, Value)]) -> Vec<(u32, u32)> {
    let table = model.tables.iter().find(|of| of.name == table);
    let each = records.iter().filter_map(|(id, _)| {
        let lookup = &table?.lookup;
        let mut known = None;
        lookup.find(id, |row| known = Some(row)).ok()?;
        Some((known?, lookup.row_of_unknown(id)?))
    });
    each.collect()
}

impl<'a> Learner<'a> {
    pub(super) fn new(
        network: Network,
        logs: &'a Logs,
        config: &'a Config,
        frequency: Frequency,
    ) -> Result<Self, TrainError> {
        let model = &network.model;
        let features = model.user.features.iter();
        let user_id = features
            .map(|f| f.schema.field())
            .position(|f| f == USER_ID);
        let unknown = rows(model, USER_ID, &logs.users);
        let unknown = unknown.into_iter().map(|(_, unknown)| unknown).collect();
        Ok(Self {
            users: encode_all(model, Side::User, &logs.users)?,
            items: encode_all(model, Side::Item, &logs.items)?,
            rows: rows(model, ITEMS, &logs.items),
            keys: logs
                .items
                .iter()
                .map(|(id, _)| Frequency::key(id))
                .collect(),
            frequency,
            user_id: user_id.map(|at| (at, unknown)),
            until: None,
            network,
            logs,
            config,
        })
    }

    /// A user at the moment of an example.
    fn user(&self, example: Example, history: &mut Vec<u32>) -> Encoded {
        let longest = self.config.history.iter().copied().max().unwrap_or(0);
        self.logs.history(example, longest, history);
        for item in &mut *history {
            *item = self.rows[*item as usize].0;
        }
        let mut user = self.users[example.user as usize].clone();
        for (at, limit) in self.config.history.iter().enumerate() {
            let from = history.len().saturating_sub(*limit);
            user.set_rows(at, &history[from..]);
        }
        user
    }

    /// One step; gives the mean loss of the batch.
    pub(super) fn learn(&mut self, examples: &[Example], rng: &mut Pcg64Mcg) -> f32 {
        let mut hide =
            || self.config.id_dropout > 0.0 && rng.random_bool(f64::from(self.config.id_dropout));
        let mut items: Vec<u32> = Vec::new();
        let mut columns = HashMap::new();
        let mut positives = Vec::with_capacity(examples.len());
        let mut rewards = Vec::with_capacity(examples.len());
        let mut users = Vec::with_capacity(examples.len());
        let mut history = Vec::new();
        for example in examples {
            let (item, reward) = self.logs.met[example.user as usize][example.at as usize];
            positives.push(*columns.entry(item).or_insert_with(|| {
                items.push(item);
                items.len() - 1
            }));
            rewards.push(reward);
            let mut user = self.user(*example, &mut history);
            if let Some((at, unknown)) = self.user_id.as_ref().filter(|_| hide()) {
                user.set_rows(*at, &[unknown[example.user as usize]]);
            }
            users.push(user);
        }
        let encoded = items.iter().map(|item| {
            let mut encoded = self.items[*item as usize].clone();
            if hide() {
                encoded.set_rows(0, &[self.rows[*item as usize].1]);
            }
            encoded
        });
        let encoded: Vec<_> = encoded.collect();
        let keys: Vec<_> = items.iter().map(|item| self.keys[*item as usize]).collect();
        self.frequency.see(&keys);
        let correct = self.config.frequency_rate > 0.0;
        let ln = |item: &u64| match correct {
            true => self.frequency.ln_probability(*item),
            false => 0.0,
        };
        let ln_probability: Vec<_> = keys.iter().map(ln).collect();

        let network = &mut self.network;
        let user_vectors = network.forward(Side::User, &users);
        let item_vectors = network.forward(Side::Item, &encoded);
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
            for column in met.filter_map(|((item, _), _)| columns.get(item)) {
                hide(*column);
            }
        };
        let loss = softmax(user_vectors.view(), item_vectors.view(), &batch, known);
        network.backward(Side::User, &users, loss.users.view());
        network.backward(Side::Item, &encoded, loss.items.view());
        network.step(1.0);
        loss.value
    }

    /// The share of held-out items that are among the first ten of their user, of the items that the
    /// user had not met before.
    pub(super) fn hits(&mut self, held_out: &[HeldOut]) -> f64 {
        let mut history = Vec::new();
        let users = held_out.iter().map(|out| {
            // One place behind the last: all that was met before.
            let met = self.logs.met[out.user as usize].len();
            let example = Example {
                user: out.user,
                at: met as u32,
            };
            self.user(example, &mut history)
        });
        let users: Vec<_> = users.collect();
        let users = self.network.forward(Side::User, &users);
        let items = self.network.forward(Side::Item, &self.items);
        let found = ranks(users.view(), items.view(), |row| {
            let met = &self.logs.met[held_out[row].user as usize];
            let met: HashSet<u32> = met.iter().map(|(item, _)| *item).collect();
            (held_out[row].item, met)
        });
        metrics(&found).hit_10
    }
}
