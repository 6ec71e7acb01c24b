//! MovieLens-100K under one fixed protocol: every rating is a meeting; of each user the last item by time
//! is the test and the one before it validation; all items are ranked but those that the user met in
//! training (and, for the test, in validation).

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, Split, metrics, split};
use twinspire::{Database, Event, import};

/// How deep answers are looked at.
pub const DEPTH: usize = 100;

/// The collection.
pub struct MovieLens {
    /// All but the last two meetings of each user, and the last but one as the latest, which a training
    /// that holds out the last meeting takes for validation.
    pub data: Dataset,
    cases: Vec<Case>,
}

/// What is asked for one user.
struct Case {
    user: Value,
    /// What the user met in training.
    met: Vec<String>,
    validation: String,
    test: String,
}

/// What is looked for.
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
        } = split(&all);
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

    /// How well a space or an ensemble of a database finds what is wanted.
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
