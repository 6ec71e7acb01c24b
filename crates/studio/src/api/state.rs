//! What requests share.

use super::check::Checked;
use super::job::Job;
use super::map::{Layout, Map};
use super::problem::Problem;
use super::quality::VectorsReport;
use crate::follow::{Followed, Shared};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use twinspire::{Database, GenerationNo};

/// The map of each space, with the generation that it shows.
pub type Maps = BTreeMap<String, (GenerationNo, Arc<Job<Map>>)>;

/// The layout by neighbours of each space, with the generation that it shows.
pub type Layouts = BTreeMap<String, (GenerationNo, Arc<Job<Layout>>)>;

/// The report on the vectors of each space, with the generation that it is of.
pub type Reports = BTreeMap<String, (GenerationNo, Arc<Job<VectorsReport>>)>;

/// What requests share: the database and what was computed of it.
pub struct State {
    database: Shared,
    maps: Mutex<Maps>,
    layouts: Mutex<Layouts>,
    vectors: Mutex<Reports>,
    check: Mutex<Option<Arc<Job<Checked>>>>,
}

impl State {
    pub fn new(database: Shared) -> Self {
        Self {
            database,
            maps: Mutex::default(),
            layouts: Mutex::default(),
            vectors: Mutex::default(),
            check: Mutex::default(),
        }
    }

    /// The database, up to date.
    pub fn database(&self) -> &Database {
        self.database.current()
    }

    pub fn followed(&self) -> &Followed {
        &self.database
    }

    /// The database, for work that outlives a request.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.database)
    }

    pub fn maps(&self) -> Result<MutexGuard<'_, Maps>, Problem> {
        self.maps.lock().map_err(|_| poisoned())
    }

    pub fn layouts(&self) -> Result<MutexGuard<'_, Layouts>, Problem> {
        self.layouts.lock().map_err(|_| poisoned())
    }

    pub fn vectors(&self) -> Result<MutexGuard<'_, Reports>, Problem> {
        self.vectors.lock().map_err(|_| poisoned())
    }

    /// The last check.
    pub fn check(&self) -> Result<MutexGuard<'_, Option<Arc<Job<Checked>>>>, Problem> {
        self.check.lock().map_err(|_| poisoned())
    }
}

impl Drop for State {
    /// Layouts take long, and nobody would see them.
    fn drop(&mut self) {
        for (_, job) in self.layouts().iter().flat_map(|layouts| layouts.values()) {
            job.cancel();
        }
    }
}

fn poisoned() -> Problem {
    Problem::failed("an earlier request failed; start the studio again")
}
