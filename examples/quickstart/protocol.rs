//! The evaluation protocol: leave the last item out, and look for it among the first K.
//!
//! Each user's last item is the test, the one before it the validation, the rest the training data. All
//! items are ranked except those of the user's training and validation.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, Split, TieOrder, metrics, split};
use twinspire::{Database, Error, Event};

/// The test case of one user.
pub struct Case {
    /// Raw features: the user's record, and the history without the held-out items.
    pub user: Value,
    /// Items of the user in training and validation, which recalls exclude.
    pub seen: Vec<String>,
    /// The held-out item.
    pub wanted: String,
}

/// The first interaction of each user with each item: an item seen before is no discovery.
fn first_interactions(events: &[Event]) -> Vec<Event> {
    let mut seen = HashSet::new();
    let first = |event: &&Event| seen.insert((event.user.clone(), event.item.clone()));
    events.iter().filter(first).cloned().collect()
}

/// Holds out the last two items of each user. Returns the training data and the test cases.
pub fn hold_out(data: Dataset) -> (Dataset, Vec<Case>) {
    let Split {
        train,
        validation,
        test,
    } = split(&first_interactions(&data.events), TieOrder::Id);
    let mut histories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &train {
        histories.entry(&event.user).or_default().push(&event.item);
    }
    let known: HashMap<&str, &Value> = data
        .users
        .iter()
        .filter_map(|user| Some((user["user_id"].as_str()?, user)))
        .collect();
    let case = |(validation, test): (&Event, &Event)| {
        let id = test.user.as_str();
        let history = histories.get(id).map_or(&[][..], Vec::as_slice);
        let mut user = known
            .get(id)
            .map_or(json!({"user_id": id}), |&user| user.clone());
        user["history"] = json!(history);
        let seen = history.iter().copied().chain([validation.item.as_str()]);
        Case {
            user,
            seen: seen.map(str::to_owned).collect(),
            wanted: test.item.clone(),
        }
    };
    let cases = validation.iter().zip(&test).map(case).collect();
    let data = Dataset {
        events: train,
        ..data
    };
    (data, cases)
}

/// Runs every test case against the database. Returns the metrics and the sorted latencies.
pub fn evaluate(
    db: &Database,
    space: &str,
    cases: &[Case],
    exact: bool,
) -> Result<(Metrics, Vec<Duration>), Error> {
    let (mut ranks, mut latencies) = (Vec::new(), Vec::new());
    for case in cases {
        let start = Instant::now();
        let recall = db.recall(space).user(&case.user).exclude(&case.seen);
        let hits = if exact { recall.exact() } else { recall }.top(100)?;
        latencies.push(start.elapsed());
        ranks.push(hits.iter().position(|hit| hit.id == case.wanted));
    }
    latencies.sort_unstable();
    Ok((metrics(&ranks), latencies))
}
