//! Examples, negatives and loss of a batch.

use super::config::Config;
use crate::baselines::{Comparison, compare};
use crate::evaluate::ndcg_of_ranking;
use crate::frequency::Frequency;
use crate::history_encoder::HistoryEncoder;
use crate::hold_out::HeldOut;
use crate::loss::in_batch::{Batch, softmax};
use crate::nn::Network;
use crate::popularity::Decile;
use crate::reader::{Columns, Reader, Scratch};
use crate::sampler::{Example, Logs};
use crate::shuffle::{shuffle, shuffle_runs};
use crate::training_loop::Recipe;
use rand::seq::index::sample;
use rand_pcg::Pcg64Mcg;
use std::collections::{HashMap, HashSet};
use twinspire_towers::internals::{FrequencyState, Model};

/// Consecutive examples of a user in a batch, if histories are read in order.
const RUN: usize = 16;

/// The recipe at work.
pub(super) struct Youtube<'a> {
    reader: Reader<'a>,
    logs: &'a Logs,
    /// The distinct items of each user with the time of the first interaction, by item: no negatives. Empty where repeats
    /// are to be found, which compete with everything else that their user had.
    first_times: Vec<Vec<(u32, i64)>>,
    /// The weight of each example.
    weights: Vec<Vec<f32>>,
    held_out: Vec<HeldOut>,
    /// The items that each user of the holdout has seen.
    seen: HashMap<u32, HashSet<u32>>,
    config: Config,
    /// The key of each item in the frequency estimator.
    keys: Vec<u64>,
    frequency: Frequency,
    /// The estimate at the end of the best epoch.
    best_frequency: Option<FrequencyState>,
    scratch: Scratch,
}

impl<'a> Youtube<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        logs: &'a Logs,
        held_out: Vec<HeldOut>,
        config: Config,
        frequency: Frequency,
        weights: Vec<Vec<f32>>,
    ) -> Self {
        let ids = logs.items.iter();
        let users = 0..logs.users.len() as u32;
        let asked = held_out.iter().map(|out| out.user);
        let asked: HashSet<u32> = asked.collect();
        let seen = asked.into_iter().map(|user| (user, logs.seen_by(user)));
        Self {
            first_times: users
                .map(|user| match logs.repeats() {
                    true => Vec::new(),
                    false => logs.first_times(user),
                })
                .collect(),
            weights,
            seen: seen.collect(),
            keys: ids.map(|(id, _)| Frequency::key(id)).collect(),
            frequency,
            best_frequency: None,
            scratch: Scratch::default(),
            reader,
            logs,
            held_out,
            config,
        }
    }

    /// The frequency estimate that belongs to the trained weights.
    pub(super) fn into_frequency(self) -> FrequencyState {
        self.best_frequency
            .unwrap_or_else(|| self.frequency.state())
    }

    /// Ranks of held-out items among those that are to be found for their user.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let seen = |user| &self.seen[&user];
        self.reader.ranks(model, &self.held_out, seen, |_| {})
    }
}

impl Recipe for Youtube<'_> {
    type Example = Example;
    /// Interactions after this time are not known yet, so their items may be negatives.
    type Settings = Option<i64>;

    const METRIC: &'static str = "ndcg";

    /// With an encoder of histories, examples of a user stay together: each continues the history of the one before.
    fn shuffle(&self, examples: &mut [Example], rng: &mut Pcg64Mcg) {
        match self.config.log.history_encoder {
            HistoryEncoder::Mean => shuffle(examples, rng),
            HistoryEncoder::Attention(_) | HistoryEncoder::Gru(_) => {
                shuffle_runs(examples, RUN, rng);
            }
        }
    }

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
            let (user, at) = (example.user as usize, example.at as usize);
            positives.push(columns.insert(self.logs.seen[user][at].0) as usize);
            rewards.push(self.weights[user][at]);
        }
        let each = examples.iter().copied().map(Some);
        self.reader.encode_users(each, rng, users);
        let positive_keys = columns.items.iter().map(|item| self.keys[*item as usize]);
        let positive_keys: Vec<u64> = positive_keys.collect();
        self.frequency.see(&positive_keys);
        let catalogue = self.reader.items();
        let uniform = self.config.uniform_negatives.min(catalogue);
        for item in uniform_negatives(rng, catalogue, uniform) {
            columns.insert(item);
        }
        self.reader.encode_items(&columns.items, rng, items);
        let drawn = uniform as f64 / catalogue as f64;
        let ln = |item: &u32| match self.config.frequency_rate > 0.0 {
            true => {
                let key = self.keys[*item as usize];
                ln_probability(self.frequency.probability_if_seen(key), drawn)
            }
            false => 0.0,
        };
        let ln_probability: Vec<f32> = columns.items.iter().map(ln).collect();

        let batch = Batch {
            positives: &positives,
            rewards: &rewards,
            ln_probability: &ln_probability,
            temperature: self.config.temperature,
        };
        let known: HashMap<u32, Vec<u32>> = examples
            .iter()
            .map(|example| example.user)
            .collect::<HashSet<u32>>()
            .into_iter()
            .map(|user| {
                (
                    user,
                    known(&self.first_times[user as usize], columns, *until),
                )
            })
            .collect();
        let known = |row: usize, hide: &mut dyn FnMut(usize)| {
            let columns = known[&examples[row].user].iter();
            columns.for_each(|column| hide(*column as usize));
        };
        network.learn(users, items, |users, items| {
            softmax(users, items, &batch, known)
        })
    }

    fn validate(&self, model: &Model) -> Vec<f64> {
        ndcg_of_ranking(&self.ranks(model))
    }

    fn keep_best(&mut self) {
        self.best_frequency = Some(self.frequency.state());
    }

    /// The estimate, and that of the best epoch: the length of the first, then both.
    fn state(&self) -> Vec<u8> {
        let now = self.frequency.state().to_bytes();
        let best = self.best_frequency.as_ref();
        let mut bytes = (now.len() as u64).to_le_bytes().to_vec();
        bytes.extend(now);
        bytes.extend(best.map(FrequencyState::to_bytes).unwrap_or_default());
        bytes
    }

    fn restore(&mut self, state: &[u8]) -> bool {
        let Some((length, rest)) = state.split_first_chunk() else {
            return false;
        };
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((now, best)) = rest.split_at_checked(length) else {
            return false;
        };
        let best = (!best.is_empty()).then(|| FrequencyState::read(best));
        let (Ok(now), Ok(best)) = (FrequencyState::read(now), best.transpose()) else {
            return false;
        };
        self.best_frequency = best;
        self.frequency.resume(&now).is_ok()
    }

    fn compare(&self, model: &Model) -> Option<Comparison> {
        compare(self.logs, &self.held_out, &self.ranks(model))
    }

    fn deciles(&self, model: &Model, _: &[Example]) -> Vec<Decile> {
        let ranks = self.ranks(model);
        self.reader.deciles(model, &self.held_out, &ranks, |_| {})
    }
}

/// Draws some distinct items of the catalogue, each with the same probability.
fn uniform_negatives(
    rng: &mut Pcg64Mcg,
    catalogue: usize,
    count: usize,
) -> impl Iterator<Item = u32> {
    let drawn = sample(rng, catalogue, count).into_iter();
    drawn.map(|item| item as u32)
}

/// Log probability that an item is among the positives of a batch, by this probability, or among its uniform negatives.
fn ln_probability(positive: f64, uniform: f64) -> f32 {
    (1.0 - (1.0 - positive) * (1.0 - uniform)).ln() as f32
}

/// The columns of a batch whose items a user has seen up to a time. The shorter of the two lists is walked: a
/// user with a long history is in every batch.
fn known(first_times: &[(u32, i64)], columns: &Columns, until: Option<i64>) -> Vec<u32> {
    let is_known = |first: i64| until.is_none_or(|until| first <= until);
    if first_times.len() <= columns.items.len() {
        let seen = first_times.iter().filter(|(_, first)| is_known(*first));
        return seen.filter_map(|(item, _)| columns.get(*item)).collect();
    }
    let each = columns.items.iter().zip(0..);
    let seen = each.filter(|(item, _)| {
        let place = first_times.binary_search_by_key(*item, |(other, _)| *other);
        place.is_ok_and(|at| is_known(first_times[at].1))
    });
    seen.map(|(_, column)| column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    /// χ² of the counts. Draws without replacement vary less than independent ones: by 1 − p, and their sum is fixed.
    #[test]
    fn uniform_negatives_are_distinct_and_each_item_is_drawn_alike() {
        const ITEMS: usize = 50;
        let rng = &mut Pcg64Mcg::seed_from_u64(7);
        for (count, rounds) in [(1, 20_000), (10, 5000), (40, 5000)] {
            let mut counts = [0u32; ITEMS];
            for _ in 0..rounds {
                let drawn: Vec<u32> = uniform_negatives(rng, ITEMS, count).collect();
                let distinct: HashSet<u32> = drawn.iter().copied().collect();
                assert_eq!((drawn.len(), distinct.len()), (count, count));
                drawn.iter().for_each(|item| counts[*item as usize] += 1);
            }
            let share = count as f64 / ITEMS as f64;
            let expected = f64::from(rounds) * share;
            let squares = counts.map(|found| (f64::from(found) - expected).powi(2));
            let variance = expected * (1.0 - share);
            let degrees = (ITEMS - 1) as f64;
            let statistic = squares.iter().sum::<f64>() / variance * degrees / ITEMS as f64;
            // Five standard deviations of χ² with 49 degrees of freedom.
            assert!(
                (statistic - degrees).abs() < 5.0 * (2.0 * degrees).sqrt(),
                "{statistic}"
            );
        }
        assert_eq!(uniform_negatives(rng, ITEMS, ITEMS).count(), ITEMS);
    }

    proptest! {
        #[test]
        fn known_columns_are_those_of_items_seen_up_to_a_time(
            seen in prop::collection::vec((0u32..20, 0i64..9), 0..30),
            batch in prop::collection::vec(0u32..20, 0..15), until in prop::option::of(0i64..9),
        ) {
            let mut columns = Columns::default();
            columns.clear(20);
            for item in &batch {
                columns.insert(*item);
            }
            let mut first = seen.clone();
            first.sort_unstable();
            first.dedup_by_key(|(item, _)| *item);
            let mut found = known(&first, &columns, until);
            found.sort_unstable();
            let of_time = seen.iter().filter(|(_, at)| until.is_none_or(|until| *at <= until));
            let expected = of_time.filter_map(|(item, _)| columns.get(*item));
            let expected: std::collections::BTreeSet<u32> = expected.collect();
            prop_assert!(expected.into_iter().eq(found));
        }
    }
}
