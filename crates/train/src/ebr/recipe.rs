//! Examples, negatives and loss of a batch.

use super::config::Config;
use super::examples::{Example, Examples, Who};
use super::negatives::{self, Mix};
use crate::baselines::{Comparison, compare};
use crate::error::TrainError;
use crate::error_reason::MinedFault;
use crate::evaluate::ndcg_of_ranking;
use crate::loss::triplet::{Batch, triplets};
use crate::nn::Network;
use crate::popularity::Decile;
use crate::reader::{Reader, Scratch};
use crate::training_loop::Recipe;
use rand_pcg::Pcg64Mcg;
use twinspire_towers::internals::{Encoded, Model};

/// The recipe at work.
pub(super) struct Ebr<'a> {
    reader: Reader<'a>,
    examples: &'a Examples,
    config: Config,
    /// Users of mined pairs that the log does not have.
    given: Vec<Encoded>,
    scratch: Scratch,
}

impl<'a> Ebr<'a> {
    pub(super) fn new(
        model: &Model,
        examples: &'a Examples,
        config: &Config,
    ) -> Result<Self, TrainError> {
        Ok(Self {
            reader: Reader::new(model, &examples.logs, &config.log)?,
            given: encode_given(model, examples)?,
            scratch: Scratch::default(),
            examples,
            config: config.clone(),
        })
    }

    /// Ranks of held-out items among those that are to be found for their user.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let examples = self.examples;
        let seen = |user| examples.seen_by(user);
        self.reader.ranks(model, &examples.held_out, seen, |_| {})
    }
}

impl Recipe for Ebr<'_> {
    type Example = Example;
    type Settings = Mix;

    const METRIC: &'static str = "ndcg";

    fn learn(
        &mut self,
        network: &mut Network,
        batch: &[Example],
        mix: &Mix,
        rng: &mut Pcg64Mcg,
    ) -> f32 {
        let examples = self.examples;
        let Scratch {
            users,
            items,
            columns,
        } = &mut self.scratch;
        columns.clear(self.reader.items());
        let positives = batch
            .iter()
            .map(|example| columns.insert(example.item) as usize);
        let positives: Vec<usize> = positives.collect();
        let batch_positives = columns.items.len();
        let random = negatives::random(self.reader.items(), mix.easy_count(0), rng).into_iter();
        let random: Vec<(u32, u32)> = random.map(|item| (item, columns.insert(item))).collect();
        let negatives = batch.iter().map(|example| {
            let mined = examples.mined(*example);
            let hard = mix.hard_count(mined.len(), rng);
            let mined = negatives::sample(mined, hard, rng).into_iter();
            let mut all: Vec<u32> = mined.map(|item| columns.insert(item)).collect();
            let unseen = random.iter().take(mix.easy_count(hard));
            let unseen = unseen.filter(|(item, _)| !examples.known(*example, *item));
            all.extend(unseen.map(|(_, column)| column));
            all
        });
        let negatives: Vec<Vec<u32>> = negatives.collect();
        let weights: Vec<f32> = batch.iter().map(|example| example.weight).collect();

        let of_log = batch.iter().map(|example| match example.who {
            Who::Logged(at) => Some(at),
            Who::Given(_) => None,
        });
        self.reader.encode_users(of_log, rng, users);
        for (user, example) in users.iter_mut().zip(batch) {
            if let Who::Given(given) = example.who {
                user.copy_from(&self.given[given as usize]);
            }
        }
        self.reader.encode_items(&columns.items, rng, items);

        let of_batch = Batch {
            positives: &positives,
            negatives: &negatives,
            weights: &weights,
            margin: self.config.margin,
            batch_positives,
            nearest: self.config.nearest,
        };
        let known =
            |row: usize, column: u32| examples.known(batch[row], columns.items[column as usize]);
        network.learn(users, items, |users, items| {
            triplets(users, items, &of_batch, known)
        })
    }

    fn validate(&self, model: &Model) -> Vec<f64> {
        ndcg_of_ranking(&self.ranks(model))
    }

    fn compare(&self, model: &Model) -> Option<Comparison> {
        let (logs, held_out) = (&self.examples.logs, &self.examples.held_out);
        compare(logs, held_out, &self.ranks(model))
    }

    fn deciles(&self, model: &Model, _: &[Example]) -> Vec<Decile> {
        let (ranks, held_out) = (self.ranks(model), &self.examples.held_out);
        self.reader.deciles(model, held_out, &ranks, |_| {})
    }
}

/// Encodes the users of mined pairs that the log does not have.
fn encode_given(model: &Model, examples: &Examples) -> Result<Vec<Encoded>, TrainError> {
    let each = examples.given.iter().map(|given| {
        let encoded = model.user.encode_alone(&model.tables, &given.record);
        encoded.map_err(|source| TrainError::Mined {
            at: given.at,
            fault: MinedFault::User(source),
        })
    });
    each.collect()
}
