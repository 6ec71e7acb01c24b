//! The protocol: per user, in order of time, the last item is the test, the one before it validation, the rest is
//! for training. All items are ranked, without those of the user's training events and, for the test, of the
//! validation event. `quickstart` uses the same protocol.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, TieOrder, metrics, split};
use twinspire::{Database, Event, Towers};

const SPACE: &str = "youtube";
/// Groups of cases by popularity.
pub const GROUPS: usize = 10;

/// The recall of one user.
pub struct Case {
    user: Value,
    seen: Vec<String>,
    wanted: String,
    /// Number of training events of the wanted item.
    pub popularity: usize,
}

/// Training, validation and test data.
pub struct World {
    pub train: Dataset,
    pub validation: Vec<Case>,
    pub test: Vec<Case>,
}

impl World {
    /// Splits MovieLens-100K.
    pub fn read(dir: &Path) -> Result<Self, Box<dyn Error>> {
        let read = twinspire::import::movielens::read(dir)?;
        let split = split(&read.events, TieOrder::Id);
        let mut met: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut popularity: HashMap<&str, usize> = HashMap::new();
        for event in &split.train {
            met.entry(&event.user).or_default().push(&event.item);
            *popularity.entry(&event.item).or_default() += 1;
        }
        let known: HashMap<&str, &Value> = read
            .users
            .iter()
            .filter_map(|user| Some((user["user_id"].as_str()?, user)))
            .collect();
        let case = |wanted: &Event, also: Option<&Event>| {
            let id = wanted.user.as_str();
            let history = met.get(id).map_or(&[][..], Vec::as_slice);
            let mut user = known.get(id).map_or(json!({"user_id": id}), |&u| u.clone());
            user["history"] = json!(history);
            let also = also.map(|event| event.item.as_str());
            Case {
                user,
                seen: history
                    .iter()
                    .copied()
                    .chain(also)
                    .map(str::to_owned)
                    .collect(),
                wanted: wanted.item.clone(),
                popularity: popularity.get(wanted.item.as_str()).copied().unwrap_or(0),
            }
        };
        let validation = split.validation.iter().map(|event| case(event, None));
        let validation = validation.collect();
        let pairs = split.test.iter().zip(&split.validation);
        let test = pairs.map(|(test, validation)| case(test, Some(validation)));
        let test = test.collect();
        let train = Dataset {
            items: read.items,
            users: read.users,
            events: split.train,
        };
        Ok(Self {
            train,
            validation,
            test,
        })
    }
}

/// Where a database, in which the towers are published, has the wanted items.
pub struct Answers {
    pub ranks: Vec<Option<usize>>,
}

impl Answers {
    pub fn metrics(&self) -> Metrics {
        metrics(&self.ranks)
    }

    /// nDCG of the first hundred: smoother than the metrics of the first ten, for choosing by.
    pub fn ndcg_100(&self) -> f64 {
        let gains = self.ranks.iter().flatten();
        let gains = gains.map(|rank| 1.0 / (*rank as f64 + 2.0).log2());
        gains.sum::<f64>() / self.ranks.len() as f64
    }

    /// Metrics of groups of cases of one size, by the popularity of the wanted item, the least first.
    pub fn by_popularity(&self, cases: &[Case]) -> Vec<Metrics> {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        order.sort_by_key(|case| cases[*case].popularity);
        let groups = order.chunks(cases.len().div_ceil(GROUPS));
        let each = groups.map(|group| {
            let ranks: Vec<_> = group.iter().map(|case| self.ranks[*case]).collect();
            metrics(&ranks)
        });
        each.collect()
    }
}

/// A database of the items, which towers are published into.
pub struct Served {
    db: Database,
    _dir: tempfile::TempDir,
}

impl Served {
    /// With these items.
    pub fn new(items: &[Value]) -> Result<Self, Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let db = Database::open(dir.path().join("movies.twin"))?;
        db.items().put_many(items)?;
        Ok(Self { db, _dir: dir })
    }

    /// Publishes towers.
    pub fn publish(&self, towers: Towers) -> Result<(), Box<dyn Error>> {
        self.db.publish(SPACE).towers(towers).retain(1).run()?;
        Ok(())
    }

    /// Asks for every case.
    pub fn ask(&self, cases: &[Case]) -> Result<Answers, Box<dyn Error>> {
        let each = cases.iter().map(|case| {
            let recall = self.db.recall(SPACE).user(&case.user).exclude(&case.seen);
            let hits = recall.top(100)?;
            Ok(hits.iter().position(|hit| hit.id == case.wanted))
        });
        let ranks = each.collect::<Result<_, twinspire::Error>>()?;
        Ok(Answers { ranks })
    }
}
