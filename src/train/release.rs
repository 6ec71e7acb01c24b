//! Publishing on trial: the new generation is compared with the earlier one, and kept or rolled back.
//!
//! 1. [`hold_out`] removes the latest events before a training.
//! 2. [`Cases`] turns them into recalls with known answers.
//! 3. [`release`] publishes the new towers, runs the cases on both generations, and rolls back if the new one
//!    is worse with confidence: by the interval of the paired difference.
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
use twinspire_train::evaluate::{
    Bootstrap, Measure, Metrics, PairedDifference, TieOrder, latest, metrics, values,
};
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
    /// Whether items that their user had before are to be found.
    repeats: bool,
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
    /// Number of items that the user had seen before. They are its history, and are excluded unless repeats count.
    before: usize,
    /// The item to be found.
    wanted: String,
}

impl Cases {
    /// One case for each held-out event with an item that is new to its user. The user is taken as of the event:
    /// the record in `data` and all earlier items, also those of other held-out events. Equal times are in the default
    /// [`TieOrder`], as in trainings. Of more than `most` cases, and of more than a hundred of one user, every n-th is taken.
    ///
    /// # Errors
    /// [`TrainError::Empty`] if there is no such event.
    pub fn new(data: &Dataset, held_out: &[Event], most: usize) -> Result<Self, TrainError> {
        Self::select(data, held_out, most, false)
    }

    /// As [`new`](Self::new), of each held-out event: items that their user had before are to be found too, and nothing
    /// is excluded. For towers that were trained with [`repeats`](twinspire_train::LogParams::repeats).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_repeats(
        data: &Dataset,
        held_out: &[Event],
        most: usize,
    ) -> Result<Self, TrainError> {
        Self::select(data, held_out, most, true)
    }

    fn select(
        data: &Dataset,
        held_out: &[Event],
        most: usize,
        repeats: bool,
    ) -> Result<Self, TrainError> {
        let mut events: Vec<(&Event, bool)> = data.events.iter().map(|e| (e, false)).collect();
        events.extend(held_out.iter().map(|event| (event, true)));
        // As trainings order the events of their histories.
        TieOrder::default().sort_by_event(&mut events, |(event, _)| event);
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
            let is_new = mine.distinct.insert(&event.item);
            if is_held_out && (is_new || repeats) {
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
            repeats,
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

    /// The ranks of the wanted items among the first hundred of a generation, with seen items excluded unless repeats
    /// count.
    fn ranks(&self, state: &Pinned, space: &str) -> Result<Ranks, Error> {
        let each = self.cases.iter().map(|case| {
            let (user, seen) = self.user(case);
            let recall = state.recall(space).user(&user);
            let recall = match self.repeats {
                true => recall,
                false => recall.exclude(seen),
            };
            let hits = recall.check_features(self.check).top(DEPTH)?;
            Ok(hits.iter().position(|hit| hit.id == case.wanted))
        });
        each.collect()
    }

    /// The paired difference of hit@10 of two generations, by user.
    fn difference(&self, after: &Ranks, before: &Ranks) -> PairedDifference {
        let mut order: Vec<usize> = (0..self.cases.len()).collect();
        order.sort_by_key(|at| self.cases[*at].user);
        let users = order.iter().map(|at| self.cases[*at].user as u32);
        let users: Vec<u32> = users.collect();
        let [after, before] = [after, before].map(|ranks| {
            let ranks: Vec<_> = order.iter().map(|at| ranks[*at]).collect();
            values(Measure::Hit(10), &ranks).collect::<Vec<f64>>()
        });
        Bootstrap::default().difference(&users, &after, &before)
    }
}

/// The rank of the wanted item of each case, from 0.
type Ranks = Vec<Option<usize>>;

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
    /// hit@10 of the new generation minus that of the earlier one, with an interval of 95 %.
    pub difference: Option<PairedDifference>,
    /// Whether the new generation was kept. Otherwise the earlier one is active again.
    pub kept: bool,
}

/// Publishes towers on trial: runs the cases on the new and on the earlier generation. The new one is rolled back if
/// its hit@10 is more than `tolerance` below that of the earlier one with 95 % confidence: if the whole interval of the
/// paired difference is. With cases of fewer than ten users there is no interval, and the difference itself counts.
/// The first generation of a space is always kept.
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
/// let verdict = release(db.publish("movies").towers(towers), &cases, 0.0)?;
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
    let ranks = cases.ranks(&now, space)?;
    let after = Standing {
        generation: new,
        metrics: metrics(&ranks),
    };
    let Some(number) = before else {
        return Ok(Verdict {
            before: None,
            after,
            difference: None,
            kept: true,
        });
    };
    let earlier = cases.ranks(&now.generation(space, number)?, space)?;
    let difference = cases.difference(&ranks, &earlier);
    let kept = keeps(difference, tolerance);
    if !kept {
        db.rollback(space).to(number).run()?;
    }
    Ok(Verdict {
        before: Some(Standing {
            generation: number,
            metrics: metrics(&earlier),
        }),
        after,
        difference: Some(difference),
        kept,
    })
}

/// Whether the new generation is good enough, by its difference to the earlier one.
fn keeps(found: PairedDifference, tolerance: f64) -> bool {
    let difference = found.difference;
    // The slack only absorbs rounding.
    difference.high.unwrap_or(difference.value) + tolerance >= -1e-9
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
        let cases_of = |cases: &Cases| -> Vec<(Value, String)> {
            let each = cases.cases.iter();
            each.map(|case| (cases.user(case).0, case.wanted.clone()))
                .collect()
        };
        let u = |history: &[&str]| json!({"user_id": "u", "age": 30, "history": history});
        let expected = [
            (u(&["a"]), "b"),
            (u(&["a"]), "c"),
            (json!({"user_id": "v", "history": ["x"]}), "y"),
            (u(&["a", "b", "c", "a"]), "d"),
        ];
        let expected = expected.map(|(user, wanted)| (user, wanted.to_owned()));
        assert_eq!(cases_of(&cases), expected);
        assert_eq!(Cases::new(&data, &held_out, 2).unwrap().len(), 2);
        let error = Cases::new(&data, &held_out[2..3], 100).unwrap_err();
        assert!(error.to_string().contains("no held-out events"), "{error}");
        let repeats = Cases::with_repeats(&data, &held_out, 100).unwrap();
        let third = (cases_of(&repeats)[2].clone(), repeats.len());
        assert_eq!(third, ((u(&["a", "b", "c"]), "a".to_owned()), 5));
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

    /// Cases of users with two events each.
    fn cases(users: usize) -> Cases {
        let of =
            |at: i64| (0..users).map(move |user| event(&format!("u{user}"), &format!("i{at}"), at));
        let data = Dataset {
            events: of(0).collect(),
            ..Dataset::default()
        };
        let held_out: Vec<Event> = of(1).chain(of(2)).collect();
        Cases::new(&data, &held_out, 10_000).unwrap()
    }

    #[test]
    fn a_generation_is_rolled_back_only_if_it_is_worse_with_confidence() {
        let hits = |share: usize, count: usize| -> Ranks {
            (0..count)
                .map(|at| (at % 100 < share).then_some(3))
                .collect()
        };
        let kept = |users: usize, before: usize, after: usize, tolerance: f64| {
            let cases = cases(users);
            let [before, after] = [before, after].map(|share| hits(share, cases.len()));
            keeps(cases.difference(&after, &before), tolerance)
        };
        assert!(kept(400, 30, 30, 0.0) && kept(400, 30, 40, 0.0));
        assert!(!kept(400, 30, 20, 0.0));
        // Within the tolerance, and by so few users that it may be chance.
        assert!(kept(400, 30, 20, 0.15) && kept(50, 30, 29, 0.0));
        // Without an interval the difference itself decides.
        assert!(!kept(4, 7, 6, 0.0) && kept(4, 6, 7, 0.0) && kept(4, 7, 6, 0.2));
    }

    #[test]
    fn cases_of_one_user_are_drawn_together() {
        let cases = cases(30);
        // Each user wins one case and loses the other: nothing is uncertain.
        let half: Ranks = (0..60).map(|at| (at < 30).then_some(0)).collect();
        let other: Ranks = (0..60).map(|at| (at >= 30).then_some(0)).collect();
        let found = cases.difference(&half, &other).difference;
        assert_eq!(
            (found.value, found.low, found.high),
            (0.0, Some(0.0), Some(0.0))
        );
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
