//! Training examples: the events of a log, and mined pairs.

use super::config::Config;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MinedFault;
use crate::hold_out::HeldOut;
use crate::sampler::{self, Logs};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use twinspire_towers::{MinedPair, TrainingPair};

/// All training examples.
pub(super) struct Examples {
    /// The log without the holdout.
    pub(super) logs: Logs,
    pub(super) held_out: Vec<HeldOut>,
    /// Users of mined pairs that the log does not have.
    pub(super) given: Vec<Given>,
    pub(super) all: Vec<Example>,
    /// Known positives of each user of the log.
    seen: Vec<HashSet<u32>>,
    /// Lists of mined negatives.
    lists: Vec<Vec<u32>>,
}

/// A user with a positive item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) who: Who,
    pub(super) item: u32,
    pub(super) weight: f32,
    /// Index of its list of mined negatives.
    list: Option<u32>,
}

/// The user of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A user of the log, as of an event.
    Logged(sampler::Example),
    /// The user of a mined pair that is not in the log.
    Given(u32),
}

/// The user of a mined pair that is not in the log.
pub(super) struct Given {
    /// Index of the mined pair.
    pub(super) at: usize,
    pub(super) record: Value,
    /// Its number, if the log has the user: what the log knows of it is known too.
    user: Option<u32>,
    positive: u32,
    /// The known positives of the pair.
    known: Arc<HashSet<u32>>,
}

/// What was mined for a user and an item of the log.
#[derive(Default)]
struct Found {
    negatives: Vec<u32>,
    hard_positive: bool,
}

impl Examples {
    /// The events of the log with their mined negatives, and mined pairs that are not in the log as examples of
    /// their own. If a user has several events with an item, all get its mined negatives. Known positives of a
    /// user are removed from its negatives.
    ///
    /// # Errors
    /// As [`Logs::new`], and [`TrainError::Mined`] for an item that the data does not have.
    pub(super) fn new(
        data: &Dataset,
        mined: impl IntoIterator<Item = MinedPair>,
        config: &Config,
    ) -> Result<Self, TrainError> {
        Self::sampled(data, mined, config, 1)
    }

    /// The same of every `step`-th user of the log.
    pub(super) fn sampled(
        data: &Dataset,
        mined: impl IntoIterator<Item = MinedPair>,
        config: &Config,
        step: usize,
    ) -> Result<Self, TrainError> {
        let mut logs = config.log.logs_of(data)?;
        logs.keep_every(step);
        let held_out = config.log.take_holdout(&mut logs, &config.training, None);
        let seen = (0..logs.users.len() as u32).map(|user| logs.seen_by(user));
        let mut examples = Self {
            seen: seen.collect(),
            held_out,
            given: Vec::new(),
            all: Vec::new(),
            lists: Vec::new(),
            logs,
        };
        let found = examples.add_mined(mined, config)?;
        let of_given = std::mem::take(&mut examples.all);
        let mut lists: HashMap<(u32, u32), u32> = HashMap::new();
        for example in examples.logs.examples() {
            let (item, reward) = examples.logs.seen[example.user as usize][example.at as usize];
            let mined = found.get(&(example.user, item));
            let hard_positive = mined.is_some_and(|mined| mined.hard_positive);
            let list = mined.map(|mined| {
                *lists.entry((example.user, item)).or_insert_with(|| {
                    examples.lists.push(mined.negatives.clone());
                    examples.lists.len() as u32 - 1
                })
            });
            examples.all.push(Example {
                who: Who::Logged(example),
                item,
                weight: reward * weight(hard_positive, config),
                list,
            });
        }
        examples.all.extend(of_given);
        examples.all.retain(|example| example.weight > 0.0);
        Ok(examples)
    }

    /// Adds the mined pairs that are not in the log, and returns what was mined for the others.
    fn add_mined(
        &mut self,
        mined: impl IntoIterator<Item = MinedPair>,
        config: &Config,
    ) -> Result<HashMap<(u32, u32), Found>, TrainError> {
        let numbers = |named: &[(String, Value)]| -> HashMap<String, u32> {
            let ids = named.iter().map(|(id, _)| id.clone());
            ids.zip(0..).collect()
        };
        let (items, users) = (numbers(&self.logs.items), numbers(&self.logs.users));
        let held_out = self.held_out.iter().map(|out| (out.user, out.item));
        let held_out: HashSet<(u32, u32)> = held_out.collect();
        let mut found: HashMap<(u32, u32), Found> = HashMap::new();
        let mut known = Known::default();
        for (at, mined) in mined.into_iter().enumerate() {
            let number = |id: &String, fault: fn(String) -> MinedFault| {
                items.get(id).copied().ok_or_else(|| TrainError::Mined {
                    at,
                    fault: fault(id.clone()),
                })
            };
            let positive = number(&mined.pair.positive, MinedFault::UnknownPositive)?;
            let user = mined.pair.user.get("user_id");
            let user = user.and_then(Value::as_str);
            let user = user.and_then(|id| users.get(id)).copied();
            let of_log = user.map(|user| (user, positive));
            if of_log.is_some_and(|pair| held_out.contains(&pair)) {
                continue;
            }
            let known = known.of(&mined.pair.known, &items);
            let mut negatives = Vec::with_capacity(mined.negatives.len());
            for negative in &mined.negatives {
                negatives.push(number(&negative.id, MinedFault::UnknownNegative)?);
            }
            negatives.retain(|item| *item != positive && !known.contains(item));
            if let Some(met) = user.and_then(|user| self.seen.get_mut(user as usize)) {
                negatives.retain(|item| !met.contains(item));
                if met.contains(&positive)
                    && let Some(pair) = of_log
                {
                    let found = found.entry(pair).or_default();
                    found.negatives.extend(negatives);
                    found.hard_positive |= mined.hard_positive;
                    continue;
                }
                met.insert(positive);
            }
            self.all.push(Example {
                who: Who::Given(self.given.len() as u32),
                item: positive,
                weight: weight(mined.hard_positive, config),
                list: Some(self.lists.len() as u32),
            });
            self.lists.push(negatives);
            self.given.push(Given {
                at,
                record: mined.pair.user,
                user,
                positive,
                known,
            });
        }
        Ok(found)
    }

    /// The mined negatives of every example.
    pub(super) fn all_mined(&self) -> Vec<&[u32]> {
        self.all
            .iter()
            .map(|example| self.mined(*example))
            .collect()
    }

    /// The mined negatives of an example.
    pub(super) fn mined(&self, example: Example) -> &[u32] {
        let list = example.list.and_then(|list| self.lists.get(list as usize));
        list.map_or(&[], Vec::as_slice)
    }

    /// Whether an item is a known positive of the user of an example.
    pub(super) fn known(&self, example: Example, item: u32) -> bool {
        match example.who {
            Who::Logged(met) => self.seen[met.user as usize].contains(&item),
            Who::Given(given) => {
                let given = &self.given[given as usize];
                let logged = given.user.map(|user| &self.seen[user as usize]);
                item == given.positive
                    || given.known.contains(&item)
                    || logged.is_some_and(|seen| seen.contains(&item))
            }
        }
    }

    /// Known positives of a user of the log, without the holdout.
    pub(super) fn seen_by(&self, user: u32) -> &HashSet<u32> {
        &self.seen[user as usize]
    }
}

/// The known positives of pairs as numbers. Pairs of one user share a list, which is read once.
#[derive(Default)]
struct Known {
    ids: Option<Arc<[String]>>,
    numbers: Arc<HashSet<u32>>,
}

impl Known {
    fn of(&mut self, ids: &Arc<[String]>, items: &HashMap<String, u32>) -> Arc<HashSet<u32>> {
        if !self.ids.as_ref().is_some_and(|same| Arc::ptr_eq(same, ids)) {
            let numbers = ids.iter().filter_map(|id| items.get(id)).copied();
            self.numbers = Arc::new(numbers.collect());
            self.ids = Some(Arc::clone(ids));
        }
        Arc::clone(&self.numbers)
    }
}

fn weight(hard_positive: bool, config: &Config) -> f32 {
    match hard_positive {
        true => config.hard_positive_weight,
        false => 1.0,
    }
}

/// The events of a log as pairs for mining (`Database::mine`): the user as of the event, the positive item, and
/// all known positives of the user, which are never negatives. The pairs of a user share that list. The holdout of a training with these settings
/// is left out. Pairs are made one at a time.
///
/// # Errors
/// As [`train`](super::train), for invalid data.
pub fn pairs(
    data: &Dataset,
    config: &Config,
) -> Result<impl Iterator<Item = TrainingPair> + use<>, TrainError> {
    let mut logs = config.log.logs_of(data)?;
    config.log.take_holdout(&mut logs, &config.training, None);
    let longest = config.longest_history();
    let examples = logs.examples().into_iter();
    let mut known: (Option<u32>, Arc<[String]>) = (None, Arc::from([]));
    Ok(examples.map(move |example| {
        let id = |item: u32| logs.items[item as usize].0.clone();
        if known.0 != Some(example.user) {
            let seen = logs.first_times(example.user).into_iter();
            known = (Some(example.user), seen.map(|(item, _)| id(item)).collect());
        }
        let (positive, _) = logs.seen[example.user as usize][example.at as usize];
        let pair = TrainingPair::new(logs.record(example, longest), id(positive));
        pair.known(Arc::clone(&known.1))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::config::TRAINING;
    use super::*;
    use crate::train_params::TrainParams;
    use serde_json::json;
    use twinspire_towers::Event;

    fn data() -> Dataset {
        let event = |(at, (user, item, weight)): (usize, &(&str, &str, f32))| Event {
            user: (*user).to_owned(),
            item: (*item).to_owned(),
            at: at as i64,
            weight: *weight,
        };
        let events = [
            ("u", "a", 1.0),
            ("u", "b", 2.0),
            ("v", "c", 1.0),
            ("u", "a", 1.0),
            ("v", "d", 0.0),
            ("u", "c", 1.0),
        ];
        Dataset {
            items: ["a", "b", "c", "d", "e"].map(|id| json!({"id": id})).into(),
            users: vec![json!({"user_id": "u", "age": 7})],
            events: events.iter().enumerate().map(event).collect(),
        }
    }

    fn mined(line: Value) -> MinedPair {
        serde_json::from_value(line).unwrap()
    }

    fn of(mined: Vec<Value>, config: &Config) -> Examples {
        Examples::new(&data(), mined.into_iter().map(self::mined), config).unwrap()
    }

    /// User, item, weight and mined negatives of each example.
    fn listed(examples: &Examples) -> Vec<(String, &str, f32, Vec<&str>)> {
        let id = |item: u32| &*examples.logs.items[item as usize].0;
        let each = examples.all.iter().map(|example| {
            let who = match example.who {
                Who::Logged(met) => examples.logs.users[met.user as usize].0.clone(),
                Who::Given(given) => examples.given[given as usize].record.to_string(),
            };
            let mined = examples.mined(*example).iter().map(|item| id(*item));
            (who, id(example.item), example.weight, mined.collect())
        });
        each.collect()
    }

    #[test]
    fn mined_pairs_match_events_by_user_and_item_and_others_are_examples_of_their_own() {
        let config = Config {
            hard_positive_weight: 3.0,
            ..Config::default()
        };
        let stranger = json!({"age": 9});
        let examples = of(
            vec![
                json!({"user": {"user_id": "u"}, "positive": "a", "negatives": [{"id": "d"}, {"id": "b"}]}),
                json!({"user": {"user_id": "u"}, "positive": "a", "negatives": [{"id": "e"}]}),
                json!({"user": {"user_id": "u"}, "positive": "b", "hard_positive": true}),
                json!({"user": stranger, "positive": "a", "known": ["c"], "hard_positive": true,
                       "negatives": [{"id": "c"}, {"id": "a"}, {"id": "e"}]}),
            ],
            &config,
        );
        let u = || "u".to_owned();
        let expected = [
            // Known positives are not negatives; an item with two events makes two examples.
            (u(), "a", 1.0, vec!["d", "e"]),
            (u(), "b", 6.0, vec![]),
            (u(), "a", 1.0, vec!["d", "e"]),
            (u(), "c", 1.0, vec![]),
            ("v".to_owned(), "c", 1.0, vec![]),
            (stranger.to_string(), "a", 3.0, vec!["e"]),
        ];
        assert_eq!(listed(&examples), expected);
        let known = |at: usize| -> Vec<u32> {
            let example = examples.all[at];
            (0..5)
                .filter(|item| examples.known(example, *item))
                .collect()
        };
        assert_eq!(
            (known(0), known(4), known(5)),
            (vec![0, 1, 2], vec![2, 3], vec![0, 2])
        );
    }

    #[test]
    fn held_out_events_do_not_return_as_mined_pairs() {
        let config = Config {
            training: TrainParams {
                patience: 1,
                ..TRAINING
            },
            ..Config::default()
        };
        let data = Dataset {
            events: data()
                .events
                .into_iter()
                .filter(|event| event.at != 3)
                .collect(),
            ..data()
        };
        let pair = || mined(json!({"user": {"user_id": "u"}, "positive": "c"}));
        let with = |config: &Config| Examples::new(&data, [pair()], config).unwrap();
        let held_out = with(&config);
        assert_eq!(held_out.held_out.len(), 1);
        assert_eq!(listed(&held_out).len(), 3);
        assert!(held_out.given.is_empty());
        assert_eq!(listed(&with(&Config::default())).len(), 4);
        let positives = pairs(&data, &config).unwrap().map(|pair| pair.positive);
        assert_eq!(positives.collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn pairs_have_users_as_of_the_event() {
        let pairs: Vec<_> = pairs(&data(), &Config::default()).unwrap().collect();
        let u = |history: &[&str]| json!({"user_id": "u", "age": 7, "history": history});
        let expected = [
            TrainingPair::new(u(&[]), "a").known(["a", "b", "c"]),
            TrainingPair::new(u(&["a"]), "b").known(["a", "b", "c"]),
            TrainingPair::new(u(&["b"]), "a").known(["a", "b", "c"]),
            TrainingPair::new(u(&["a", "b", "a"]), "c").known(["a", "b", "c"]),
            TrainingPair::new(json!({"user_id": "v", "history": []}), "c").known(["c", "d"]),
        ];
        assert_eq!(pairs, expected);
        let bare = Config {
            item_dimension: 0,
            ..Config::default()
        };
        let first = super::pairs(&data(), &bare).unwrap().next().unwrap();
        assert_eq!(first.user, json!({"user_id": "u", "age": 7}));
    }

    #[test]
    fn unknown_items_are_named() {
        let says = |line: Value| {
            let lines = [json!({"user": {}, "positive": "a"}), line].map(mined);
            let error = Examples::new(&data(), lines, &Config::default());
            error.err().unwrap().to_string()
        };
        assert_eq!(
            says(json!({"user": {}, "positive": "z"})),
            "mined pair 1: its positive \"z\" is not an item of the dataset"
        );
        assert_eq!(
            says(json!({"user": {}, "positive": "a", "negatives": [{"id": "y"}]})),
            "mined pair 1: its negative \"y\" is not an item of the dataset"
        );
    }
}
