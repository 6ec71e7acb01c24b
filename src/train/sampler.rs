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
