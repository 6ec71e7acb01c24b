//! Examples from logs: a user at a moment, with what was met before and what was met then.

use super::dataset::Dataset;
use super::error::TrainError;
use crate::record::{check_id, check_item};
use crate::tower::{Encoded, Model, Side};
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The logs by number instead of by id.
pub(crate) struct Logs {
    /// Every item a record or an event names: its id, its record.
    pub(crate) items: Vec<(String, Value)>,
    /// Every user, likewise.
    pub(crate) users: Vec<(String, Value)>,
    /// For each user, items met and their rewards, in order of time.
    pub(crate) met: Vec<Vec<(u32, f32)>>,
    /// When each of these was, in seconds.
    pub(crate) times: Vec<Vec<i64>>,
}

/// One meeting to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// The user.
    pub(crate) user: u32,
    /// Which of the user's meetings.
    pub(crate) at: u32,
}

/// A meeting that is not learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldOut {
    /// The user.
    pub(crate) user: u32,
    /// The item that was met.
    pub(crate) item: u32,
}

impl Logs {
    /// Numbers users and items, those with records first, and sorts each user's events by time.
    pub(crate) fn new(data: &Dataset) -> Result<Self, TrainError> {
        if data.items.is_empty() {
            return Err(TrainError::Empty { what: "items" });
        }
        if data.events.is_empty() {
            return Err(TrainError::Empty { what: "events" });
        }
        let mut items = Names::new("item");
        for (at, item) in data.items.iter().enumerate() {
            let id = check_item(item).map_err(|source| TrainError::Record {
                what: "item",
                at,
                source,
            })?;
            items.add(at, id, item)?;
        }
        let mut users = Names::new("user");
        for (at, user) in data.users.iter().enumerate() {
            let id = user.get("user_id").and_then(Value::as_str);
            let checked =
                id.map_or_else(|| check_id("").map(|()| ""), |id| check_id(id).map(|()| id));
            let id = checked.map_err(|mut source| {
                source.field = "user_id".to_owned();
                TrainError::Record {
                    what: "user",
                    at,
                    source,
                }
            })?;
            users.add(at, id, user)?;
        }
        let mut order: Vec<usize> = (0..data.events.len()).collect();
        order.sort_by_key(|at| data.events[*at].at);
        let mut met: Vec<Vec<(u32, f32)>> = vec![Vec::new(); data.users.len()];
        let mut times: Vec<Vec<i64>> = vec![Vec::new(); data.users.len()];
        for at in order {
            let event = &data.events[at];
            if !(event.weight.is_finite() && event.weight >= 0.0) {
                let weight = event.weight;
                return Err(TrainError::Weight { at, weight });
            }
            let user = users.number(&event.user, || json!({"user_id": event.user}));
            let item = items.number(&event.item, || json!({"id": event.item}));
            met.resize(met.len().max(user as usize + 1), Vec::new());
            met[user as usize].push((item, event.weight));
            times.resize(met.len(), Vec::new());
            times[user as usize].push(event.at);
        }
        Ok(Self {
            items: items.records,
            users: users.records,
            met,
            times,
        })
    }

    /// Takes the last meeting away from each user who has three or more, if asked to, unless it is one
    /// with an item that was met before.
    pub(crate) fn hold_out(&mut self, ask: bool) -> Vec<HeldOut> {
        let mut out = Vec::new();
        let each = self.met.iter_mut().zip(&mut self.times).enumerate();
        for (user, (met, times)) in each.filter(|_| ask) {
            if let [before @ .., (item, _)] = &met[..]
                && before.len() > 1
                && !before.iter().any(|(other, _)| other == item)
            {
                out.push(HeldOut {
                    user: user as u32,
                    item: *item,
                });
                met.pop();
                times.pop();
            }
        }
        out
    }

    /// All meetings that count for anything.
    pub(crate) fn examples(&self) -> Vec<Example> {
        let each = self.met.iter().enumerate().flat_map(|(user, met)| {
            let counting = met
                .iter()
                .enumerate()
                .filter(|(_, (_, reward))| *reward > 0.0);
            counting.map(move |(at, _)| Example {
                user: user as u32,
                at: at as u32,
            })
        });
        each.collect()
    }

    /// When the meeting of an example was, in seconds.
    pub(crate) fn time(&self, example: Example) -> i64 {
        self.times[example.user as usize][example.at as usize]
    }

    /// Examples cut into windows of so many seconds, in order of time, from the first of them on; empty
    /// windows are left out.
    pub(crate) fn windows(&self, examples: &mut [Example], seconds: u64) -> Vec<Vec<Example>> {
        examples.sort_by_key(|example| self.time(*example));
        let first = examples.first().map_or(0, |first| self.time(*first));
        let window = |example: &Example| self.time(*example).abs_diff(first) / seconds.max(1);
        let each = examples.chunk_by(|one, next| window(one) == window(next));
        each.map(<[Example]>::to_vec).collect()
    }

    /// What the user of an example had met before, newest last, the item itself left out.
    pub(crate) fn history(&self, example: Example, limit: usize, into: &mut Vec<u32>) {
        let met = &self.met[example.user as usize];
        let item = met.get(example.at as usize).map(|(item, _)| *item);
        let before = met[..example.at as usize].iter().rev();
        let others = before
            .map(|(other, _)| *other)
            .filter(|other| Some(*other) != item);
        into.clear();
        into.extend(others.take(limit));
        into.reverse();
    }
}

/// Puts the examples into an order of its own.
pub(crate) fn shuffle<T>(examples: &mut [T], rng: &mut Pcg64Mcg) {
    examples.shuffle(rng);
}

/// Records by id as the tower of a side reads them.
pub(crate) fn encode_all(
    model: &Model,
    side: Side,
    records: &[(String, Value)],
) -> Result<Vec<Encoded>, TrainError> {
    let what = match side {
        Side::User => "user",
        Side::Item => "item",
    };
    let each = records.iter().enumerate().map(|(at, (_, record))| {
        let encoded = model.tower(side).encode_alone(&model.tables, record);
        encoded.map_err(|source| TrainError::Record { what, at, source })
    });
    each.collect()
}

/// Ids to numbers.
struct Names {
    what: &'static str,
    numbers: HashMap<String, u32>,
    records: Vec<(String, Value)>,
}

impl Names {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            numbers: HashMap::new(),
            records: Vec::new(),
        }
    }

    fn add(&mut self, at: usize, id: &str, record: &Value) -> Result<(), TrainError> {
        let number = self.records.len() as u32;
        if let Some(first) = self.numbers.insert(id.to_owned(), number) {
            return Err(TrainError::Duplicate {
                what: self.what,
                id: id.to_owned(),
                first: first as usize,
                second: at,
            });
        }
        self.records.push((id.to_owned(), record.clone()));
        Ok(())
    }

    fn number(&mut self, id: &str, record: impl FnOnce() -> Value) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.records.len() as u32;
        self.numbers.insert(id.to_owned(), number);
        self.records.push((id.to_owned(), record()));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::super::frequency::Frequency;
    use super::*;
    use crate::record::Event;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn logs(events: &[(u8, u8, i64)]) -> Logs {
        let events = events.iter().map(|(user, item, at)| Event {
            user: format!("u{user}"),
            item: format!("i{item}"),
            at: *at,
            weight: 1.0,
        });
        let data = Dataset {
            items: vec![json!({"id": "i0"})],
            users: Vec::new(),
            events: events.collect(),
        };
        Logs::new(&data).unwrap()
    }

    #[test]
    fn every_order_is_as_likely_as_every_other() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let mut found: HashMap<[u8; 4], usize> = HashMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            shuffle(&mut order, &mut rng);
            *found.entry(order).or_default() += 1;
        }
        assert_eq!(found.len(), 24);
        // Of 23 degrees of freedom, 49.7 is exceeded once in a thousand times.
        let chi: f64 = found
            .values()
            .map(|n| (*n as f64 - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 49.7, "{chi}");
    }

    #[test]
    fn items_are_in_batches_as_often_as_chance_has_it_and_the_estimate_says_so() {
        // Item n is met n + 1 times.
        let events: Vec<_> = (0..20u8)
            .flat_map(|item| (0..=item).map(move |user| (user, item, i64::from(item))))
            .collect();
        let (logs, size, passes) = (logs(&events), 10, 3000);
        let mut examples = logs.examples();
        assert_eq!(examples.len(), 210);
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let mut estimate = Frequency::new(4096, 3, 0.002).unwrap();
        let mut found = [0usize; 20];
        for _ in 0..passes {
            shuffle(&mut examples, &mut rng);
            for batch in examples.chunks(size) {
                let item = |e: &Example| logs.met[e.user as usize][e.at as usize].0;
                let mut items: Vec<u32> = batch.iter().map(item).collect();
                items.sort_unstable();
                items.dedup();
                items.iter().for_each(|item| found[*item as usize] += 1);
                let keys: Vec<u64> = items.iter().map(|item| u64::from(*item)).collect();
                estimate.see(&keys);
            }
        }
        let batches = (passes * 210 / size) as f64;
        for (item, found) in found.into_iter().enumerate() {
            // None of the draws without replacement is one of the item's.
            let others = 210 - (item + 1);
            let none: f64 = (0..size)
                .map(|n| (others - n) as f64 / (210 - n) as f64)
                .product();
            let expected = 1.0 - none;
            let share = found as f64 / batches;
            let deviation = (expected * none / batches).sqrt();
            assert!(
                (share - expected).abs() < 5.0 * deviation,
                "{item}: {share} {expected}"
            );
            let estimated = estimate.probability(item as u64);
            let error = (estimated - expected).abs() / expected;
            assert!(error < 0.15, "{item}: {estimated} {expected}");
        }
    }

    proptest! {
        #[test]
        fn windows_hold_every_example_once_in_order_of_time(
            events in prop::collection::vec((0u8..5, 0u8..9, -40i64..40), 1..60), seconds in 1u64..50,
        ) {
            let logs = logs(&events);
            let mut all = logs.examples();
            let windows = logs.windows(&mut all, seconds);
            let first = events.iter().map(|(.., at)| *at).min().unwrap();
            let number = |example: &Example| (logs.time(*example) - first) / seconds as i64;
            let mut before = -1;
            for window in &windows {
                let this = number(&window[0]);
                prop_assert!(this > before);
                prop_assert!(window.iter().all(|example| number(example) == this));
                before = this;
            }
            let key = |example: &Example| (example.user, example.at);
            let mut found: Vec<_> = windows.concat().iter().map(key).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = logs.examples().iter().map(key).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_history_is_what_was_met_last_before_without_the_item_itself(
            events in prop::collection::vec((0u8..3, 0u8..6, 0i64..30), 1..40), limit in 0usize..6,
        ) {
            let logs = logs(&events);
            let mut sorted = events.clone();
            sorted.sort_by_key(|(.., at)| *at);
            let mut history = Vec::new();
            for example in logs.examples() {
                let user = &logs.users[example.user as usize].0;
                let mine = sorted.iter().filter(|(of, ..)| format!("u{of}") == *user);
                let mine: Vec<String> = mine.map(|(_, item, _)| format!("i{item}")).collect();
                let (before, own) = (&mine[..example.at as usize], &mine[example.at as usize]);
                let before: Vec<_> = before.iter().filter(|item| *item != own).collect();
                let expected = &before[before.len().saturating_sub(limit)..];
                logs.history(example, limit, &mut history);
                let found = history.iter().map(|item| &logs.items[*item as usize].0);
                prop_assert!(found.eq(expected.iter().copied()));
            }
        }
    }
}
