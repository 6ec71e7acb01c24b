//! MovieLens-100K under one fixed protocol. Every rating is an event. The last item of each user is the test, the
//! one before it validation. All items are ranked, without those of the user's training events (and, for the
//! test, the validation event).

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, Split, TieOrder, metrics, split};
use twinspire::{Database, Event, import};

/// Number of answers that are judged.
pub const DEPTH: usize = 100;

/// The collection.
pub struct MovieLens {
    /// All events but the last of each user. A training that holds out the last event validates on the one before
    /// the test.
    pub data: Dataset,
    cases: Vec<Case>,
}

/// The recall of one user.
struct Case {
    user: Value,
    /// Items of the user's training events.
    met: Vec<String>,
    validation: String,
    test: String,
}

/// Which item is wanted.
#[derive(Clone, Copy)]
pub enum Wanted {
    Validation,
    Test,
}

impl MovieLens {
    /// Reads the directory.
    pub fn read(dir: &Path) -> Result<Self, Box<dyn Error>> {
        let read = import::movielens::read(dir)?;
        let once = |event: &Event| Event {
            weight: 1.0,
            ..event.clone()
        };
        let all: Vec<Event> = read.events.iter().map(once).collect();
        let Split {
            mut train,
            validation,
            test,
        } = split(&all, TieOrder::Id);
        let mut met: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &train {
            met.entry(&event.user).or_default().push(event);
        }
        let known = read.users.iter();
        let known: HashMap<&str, &Value> = known
            .filter_map(|user| Some((user["user_id"].as_str()?, user)))
            .collect();
        let cases = validation.iter().zip(&test).map(|(validation, test)| {
            let id = test.user.as_str();
            let met = met.get(id).into_iter().flatten();
            let met: Vec<String> = met.map(|event| event.item.clone()).collect();
            let user = known.get(id).map(|user| (*user).clone());
            let mut user = user.unwrap_or_else(|| json!({"user_id": id}));
            user["history"] = json!(met);
            Case {
                user,
                met,
                validation: validation.item.clone(),
                test: test.item.clone(),
            }
        });
        let cases = cases.collect();
        train.extend(validation);
        let data = Dataset {
            items: read.items,
            users: read.users,
            events: train,
        };
        Ok(Self { data, cases })
    }

    /// Judges how well a space or an ensemble of a database finds the wanted items.
    pub fn judge(
        &self,
        db: &Database,
        name: &str,
        wanted: Wanted,
    ) -> Result<Metrics, twinspire::Error> {
        let each = self.cases.iter().map(|case| {
            let recall = db.recall(name).user(&case.user).exclude(&case.met);
            let (hits, wanted) = match wanted {
                Wanted::Validation => (recall.top(DEPTH)?, &case.validation),
                Wanted::Test => (recall.exclude([&case.validation]).top(DEPTH)?, &case.test),
            };
            Ok(hits.iter().position(|hit| hit.id == *wanted))
        });
        let ranks: Vec<_> = each.collect::<Result<_, twinspire::Error>>()?;
        Ok(metrics(&ranks))
    }
}
