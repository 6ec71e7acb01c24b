//! Publishing on trial: the new generation is compared with the earlier one, and kept or rolled back.
//!
//! 1. [`hold_out`] removes the latest events before a training.
//! 2. [`Cases`] turns them into recalls with known answers.
//! 3. [`release`] publishes the new towers, runs the cases on both generations, and rolls back if the new one
//!    is worse.
//!
//! Towers of any recipe can be tried, as long as their users have logs. Recalls go on meanwhile; they are
//! served by the new generation during the trial. `twinspire loop` is a training followed by a release.

use crate::database::{Pinned, Publish};
use crate::error::Error;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use twinspire_core::ids::GenerationNo;
use twinspire_towers::Event;
use twinspire_towers::Towers;
use twinspire_towers::{FeatureCheck, RecordError, Side};
use twinspire_train::evaluate::{Metrics, latest, metrics};
use twinspire_train::{Dataset, MissingData, TrainError};

/// Number of answers in which the wanted item is looked for.
const DEPTH: usize = 100;
/// Maximum number of cases of one user. Each recalls with the whole history, so a user with a long one would
/// take most of the time, and decide alone.
const MAX_CASES_PER_USER: usize = 100;

/// Removes and returns the latest `share` of the events since `since`, or of all events without it. Events at the
/// same time as the first of them are removed too, so a training on the rest learns from nothing later.
#[must_use]
pub fn hold_out(data: &mut Dataset, since: Option<i64>, share: f64) -> Vec<Event> {
    let new = data
        .events
        .iter()
        .filter(|event| since.is_none_or(|since| event.at >= since));
    let Some(from) = latest(new.map(|event| event.at).collect(), share) else {
        return Vec::new();
    };
    let (held_out, left) = data.events.drain(..).partition(|event| event.at >= from);
    data.events = left;
    held_out
}

/// Recalls with known answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cases {
    users: Vec<CaseUser>,
    cases: Vec<Case>,
    check: FeatureCheck,
}

/// A user of cases.
#[derive(Clone, Debug, PartialEq)]
struct CaseUser {
    /// The user's record.
    record: Value,
    /// The ids of all items seen, newest last.
    seen: Vec<String>,
}

/// A recall with a known answer.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    /// Index of the user.
    user: usize,
    /// Number of items that the user had seen before. They are its history, and are excluded.
    before: usize,
    /// The item to be found.
    wanted: String,
}

impl Cases {
    /// One case for each held-out event with an item that is new to its user. The user is taken as of the event:
    /// the record in `data` and all earlier items, also those of other held-out events. Of more than `most`
    /// cases, and of more than a hundred of one user, every n-th is taken.
    ///
    /// # Errors
    /// [`TrainError::Empty`] if there is no such event.
    pub fn new(data: &Dataset, held_out: &[Event], most: usize) -> Result<Self, TrainError> {
        let mut events: Vec<(&Event, bool)> = data.events.iter().map(|e| (e, false)).collect();
        events.extend(held_out.iter().map(|event| (event, true)));
        events.sort_by_key(|(event, _)| event.at);
        let records: HashMap<&str, &Value> = data
            .users
            .iter()
            .filter_map(|user| Some((user.get("user_id")?.as_str()?, user)))
            .collect();
        let asked = held_out.iter().map(|event| event.user.as_str());
        let asked: HashSet<&str> = asked.collect();
        let mut seen: HashMap<&str, Seen<'_>> = HashMap::new();
        for (event, is_held_out) in events {
            if !asked.contains(event.user.as_str()) {
                continue;
            }
            let mine = seen.entry(&event.user).or_default();
            if mine.distinct.insert(&event.item) && is_held_out {
                // Events of the same time are not known yet.
                let before = mine.events.partition_point(|earlier| earlier.at < event.at);
                mine.found.push((event, before));
            }
            mine.events.push(event);
        }
        let found = seen.values_mut().flat_map(|mine| {
            let step = mine.found.len().div_ceil(MAX_CASES_PER_USER).max(1);
            std::mem::take(&mut mine.found).into_iter().step_by(step)
        });
        let mut found: Vec<(&Event, usize)> = found.collect();
        if found.is_empty() {
            let missing = MissingData::TestCases;
            return Err(TrainError::Empty { missing });
        }
        found.sort_by_key(|(event, _)| (event.at, &event.user, &event.item));
        let step = found.len().div_ceil(most.max(1));
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut users = Vec::new();
        let each = found.into_iter().step_by(step).map(|(event, before)| {
            let user = event.user.as_str();
            let number = *numbers.entry(user).or_insert_with(|| {
                let record = records.get(user);
                let all = seen[user].events.iter();
                users.push(CaseUser {
                    record: record.map_or(json!({"user_id": user}), |&user| user.clone()),
                    seen: all.map(|event| event.item.clone()).collect(),
                });
                users.len() - 1
            });
            Case {
                user: number,
                before,
                wanted: event.item.clone(),
            }
        });
        let cases = each.collect();
        Ok(Self {
            users,
            cases,
            check: FeatureCheck::default(),
        })
    }

    /// How strictly users are taken; as recalls take them by default.
    #[must_use]
    pub fn check_features(mut self, check: FeatureCheck) -> Self {
        self.check = check;
        self
    }

    /// Checks the users of all cases, as recalls check them. A field that towers refuse or silently lack would
    /// decide the trial.
    ///
    /// # Errors
    /// [`Error::User`] for the first user that a recall with these towers refuses.
    pub fn check(&self, towers: &Towers) -> Result<(), Error> {
        let mut checked = HashSet::new();
        for case in &self.cases {
            if checked.insert(case.user) {
                let (user, _) = self.user(case);
                let read = towers.model().check(Side::User, &user, self.check);
                let source = |error: RecordError| error.into();
                read.map_err(|error| Error::User {
                    at: None,
                    source: source(error),
                })?;
            }
        }
        Ok(())
    }

    /// Number of cases, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// The user of a case as of the case, with `history`, and the items seen before.
    fn user(&self, case: &Case) -> (Value, &[String]) {
        let user = &self.users[case.user];
        let seen = &user.seen[..case.before];
        let mut record = user.record.clone();
        record["history"] = json!(seen);
        (record, seen)
    }

    /// The metrics of a generation: ranks of the wanted items among the first hundred, with seen items excluded.
    fn evaluate(&self, state: &Pinned, space: &str) -> Result<Metrics, Error> {
        let each = self.cases.iter().map(|case| {
            let (user, seen) = self.user(case);
            let recall = state.recall(space).user(&user).exclude(seen);
            let hits = recall.check_features(self.check).top(DEPTH)?;
            Ok(hits.iter().position(|hit| hit.id == case.wanted))
        });
        Ok(metrics(&each.collect::<Result<Vec<_>, Error>>()?))
    }
}

/// The events of one user, in order of time.
#[derive(Default)]
struct Seen<'a> {
    events: Vec<&'a Event>,
    distinct: HashSet<&'a str>,
    /// Held-out events with a new item, and the number of events before each.
    found: Vec<(&'a Event, usize)>,
}

/// The metrics of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// The generation.
    pub generation: GenerationNo,
    /// Its metrics on the cases.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The result of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The earlier generation; `None` for the first one of the space.
    pub before: Option<Standing>,
    /// The new generation.
    pub after: Standing,
    /// Whether the new generation was kept. Otherwise the earlier one is active again.
    pub kept: bool,
}

/// Publishes towers on trial: runs the cases on the new and on the earlier generation. The new one is kept if its
/// hit@10 is at most `tolerance` below that of the earlier one, and rolled back otherwise. The first generation
/// of a space is always kept.
///
/// The space must [retain](Publish::retain) at least two generations.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (db, mut data, since) = (twinspire::Database::open("m.twin")?, Default::default(), 0);
/// use twinspire::train::release::{Cases, hold_out, release};
/// use twinspire::train::TrainParams;
/// use twinspire::train::youtube::{Config, TRAINING, train_from};
///
/// let held_out = hold_out(&mut data, Some(since), 0.1);
/// let training = TrainParams { epochs: 1, ..TRAINING };
/// let config = Config { since: Some(since), training, ..Config::default() };
/// let towers = train_from(Some(&db.towers("movies")?), &data, &config, |_| {})?.towers;
/// let cases = Cases::new(&data, &held_out, 10_000)?;
/// let verdict = release(db.publish("movies").towers(towers), &cases, 0.005)?;
/// println!("{}", if verdict.kept { "kept" } else { "rolled back" });
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::User`] before anything is published, if the new or the earlier towers refuse a user of a case. The
/// errors of a publish, of a recall and of a rollback. If a recall or the rollback fails, the new generation
/// stays active.
pub fn release(
    publish: Publish<'_, Towers>,
    cases: &Cases,
    tolerance: f64,
) -> Result<Verdict, Error> {
    let (db, space) = (publish.database(), publish.space());
    let serves = db.spaces().iter().any(|name| name == space);
    let before = serves
        .then(|| db.pin().active_generation(space))
        .transpose()?;
    cases.check(publish.towers_to_publish())?;
    if serves {
        cases.check(&db.towers(space)?)?;
    }
    let new = publish.run()?.number;
    let now = db.pin();
    let after = Standing {
        generation: new,
        metrics: cases.evaluate(&now, space)?,
    };
    let before = before.map(|number| {
        Ok::<_, Error>(Standing {
            generation: number,
            metrics: cases.evaluate(&now.generation(space, number)?, space)?,
        })
    });
    let before = before.transpose()?;
    let worse = before.filter(|before| !keeps(before.metrics, after.metrics, tolerance));
    if let Some(before) = worse {
        db.rollback(space).to(before.generation).run()?;
    }
    Ok(Verdict {
        before,
        after,
        kept: worse.is_none(),
    })
}

/// Whether the new generation is good enough.
fn keeps(before: Metrics, after: Metrics, tolerance: f64) -> bool {
    // Both are shares of the same number of cases: the slack only absorbs rounding.
    after.hit_10 + tolerance >= before.hit_10 - 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(user: &str, item: &str, at: i64) -> Event {
        Event {
            user: user.to_owned(),
            item: item.to_owned(),
            at,
            weight: 1.0,
        }
    }

    #[test]
    fn cases_are_new_items_with_the_earlier_history() {
        let data = Dataset {
            users: vec![json!({"user_id": "u", "age": 30})],
            events: vec![event("u", "a", 1), event("v", "x", 2)],
            ..Dataset::default()
        };
        let held_out = [
            event("u", "b", 5),
            event("u", "c", 5),
            event("u", "a", 6),
            event("v", "y", 7),
            event("u", "d", 8),
        ];
        let cases = Cases::new(&data, &held_out, 100).unwrap();
        let each = cases.cases.iter();
        let found: Vec<_> = each
            .map(|case| (cases.user(case).0, &*case.wanted))
            .collect();
        let u = |history: &[&str]| json!({"user_id": "u", "age": 30, "history": history});
        let expected = [
            (u(&["a"]), "b"),
            (u(&["a"]), "c"),
            (json!({"user_id": "v", "history": ["x"]}), "y"),
            (u(&["a", "b", "c", "a"]), "d"),
        ];
        assert_eq!(found, expected);
        assert_eq!(Cases::new(&data, &held_out, 2).unwrap().len(), 2);
        let error = Cases::new(&data, &held_out[2..3], 100).unwrap_err();
        assert!(error.to_string().contains("no held-out events"), "{error}");
    }

    #[test]
    fn a_long_history_makes_few_cases_in_linear_time() {
        let long = |from: i64| (from..from + 100_000).map(|at| event("u", &format!("i{at}"), at));
        let data = Dataset {
            events: long(0).chain([event("v", "i0", 5)]).collect(),
            ..Dataset::default()
        };
        let held_out: Vec<_> = long(100_000).chain([event("v", "i1", 100_001)]).collect();
        let cases = Cases::new(&data, &held_out, 100_000).unwrap();
        assert_eq!((cases.len(), cases.users.len()), (101, 2));
        let last = cases
            .cases
            .iter()
            .rfind(|case| cases.users[case.user].seen.len() > 9);
        assert_eq!(last.unwrap().before, 199_000);
    }

    #[test]
    fn a_generation_is_kept_within_the_tolerance() {
        let at = |hit_10| Metrics {
            hit_10,
            ..Metrics::default()
        };
        for (before, after, tolerance, kept) in [
            (0.1, 0.1, 0.0, true),
            (0.1, 0.11, 0.0, true),
            (0.1, 0.09, 0.0, false),
            (0.1, 0.09, 0.01, true),
            (0.1, 0.08, 0.01, false),
        ] {
            assert_eq!(
                keeps(at(before), at(after), tolerance),
                kept,
                "{before} {after}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_holdout_is_the_end_of_the_new_events(
            times in prop::collection::vec(0i64..50, 1..60), since in prop::option::of(0i64..60),
            share in 0.0f64..=1.0,
        ) {
            let events: Vec<_> = times.iter().map(|at| event("u", "a", *at)).collect();
            let mut data = Dataset { events: events.clone(), ..Dataset::default() };
            let held_out = hold_out(&mut data, since, share);
            prop_assert_eq!(held_out.len() + data.events.len(), events.len());
            let from = held_out.iter().map(|event| event.at).min();
            let last = data.events.iter().map(|event| event.at).max();
            if let (Some(from), Some(last)) = (from, last) {
                prop_assert!(last < from);
                prop_assert!(since.is_none_or(|since| since <= from));
            }
            let new = events.iter().filter(|e| since.is_none_or(|since| e.at >= since)).count();
            let wanted = (new as f64 * share).round() as usize;
            prop_assert!(held_out.len() >= wanted);
            let later = held_out.iter().filter(|event| Some(event.at) > from).count();
            prop_assert!(later < wanted.max(1));
        }
    }
}
