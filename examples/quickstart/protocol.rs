//! How recall is judged: each user's last item is hidden, and looked for among the first K.
//!
//! Per user, in order of time: the last item is the test, the one before it is for validation,
//! the rest is for training. All items are ranked but those of the user's training and validation.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, Split, metrics, split};
use twinspire::{Database, Error, Event};

/// What is asked for one user.
pub struct Case {
    /// The raw features: the user's record, and the history without the hidden items.
    pub user: Value,
    /// What the user met in training and validation; never an answer.
    pub seen: Vec<String>,
    /// The hidden item.
    pub wanted: String,
}

/// The first meeting of each user with each item: what was met before is no discovery.
fn first_meetings(events: &[Event]) -> Vec<Event> {
    let mut met = HashSet::new();
    let first = |event: &&Event| met.insert((event.user.clone(), event.item.clone()));
    events.iter().filter(first).cloned().collect()
}

/// Hides the last two items of each user: what is left to train on, and the cases.
pub fn hide(data: Dataset) -> (Dataset, Vec<Case>) {
    let Split {
        train,
        validation,
        test,
    } = split(&first_meetings(&data.events));
    let mut met: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &train {
        met.entry(&event.user).or_default().push(&event.item);
    }
    let known: HashMap<&str, &Value> = data
        .users
        .iter()
        .filter_map(|user| Some((user["user_id"].as_str()?, user)))
        .collect();
    let case = |(validation, test): (&Event, &Event)| {
        let id = test.user.as_str();
        let history = met.get(id).map_or(&[][..], Vec::as_slice);
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

/// Asks the database for every case: the metrics, and how long each answer took, sorted.
pub fn ask(
    db: &Database,
    space: &str,
    cases: &[Case],
    exact: bool,
) -> Result<(Metrics, Vec<Duration>), Error> {
    let (mut ranks, mut took) = (Vec::new(), Vec::new());
    for case in cases {
        let start = Instant::now();
        let recall = db.recall(space).user(&case.user).exclude(&case.seen);
        let hits = if exact { recall.exact() } else { recall }.top(100)?;
        took.push(start.elapsed());
        ranks.push(hits.iter().position(|hit| hit.id == case.wanted));
    }
    took.sort_unstable();
    Ok((metrics(&ranks), took))
}
