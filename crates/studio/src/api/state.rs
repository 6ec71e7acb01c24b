//! What requests share.

use super::check::Checked;
use super::job::{Job, Progress};
use super::map::{Layout, Map};
use super::problem::Problem;
use super::quality::VectorsReport;
use crate::follow::{Followed, Shared};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use twinspire::{Database, GenerationNo};

/// A job for each space, with the generation that it reads.
pub type Jobs<T> = BTreeMap<String, (GenerationNo, Arc<Job<T>>)>;

/// What requests share: the database and what was computed of it.
pub struct State {
    database: Shared,
    maps: Mutex<Jobs<Map>>,
    layouts: Mutex<Jobs<Layout>>,
    vectors: Mutex<Jobs<VectorsReport>>,
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

    pub fn maps(&self) -> Result<MutexGuard<'_, Jobs<Map>>, Problem> {
        self.maps.lock().map_err(|_| poisoned())
    }

    pub fn layouts(&self) -> Result<MutexGuard<'_, Jobs<Layout>>, Problem> {
        self.layouts.lock().map_err(|_| poisoned())
    }

    pub fn vectors(&self) -> Result<MutexGuard<'_, Jobs<VectorsReport>>, Problem> {
        self.vectors.lock().map_err(|_| poisoned())
    }

    /// The job of a space's active generation, if one was started. A job of another generation is cancelled and dropped.
    pub fn job_of<T: Send + Sync + 'static>(
        &self,
        jobs: &mut Jobs<T>,
        space: &str,
    ) -> Result<Option<Arc<Job<T>>>, Problem> {
        let generation = self.database().pin().active_generation(space)?;
        Ok(job_of_generation(jobs, space, generation))
    }

    /// The job of a space's active generation. Starts one if there is none, or if the last one failed.
    pub fn job_or_start<T: Send + Sync + 'static>(
        &self,
        jobs: &mut Jobs<T>,
        space: &str,
        work: impl FnOnce(&Database, &str, &Progress) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Arc<Job<T>>, Problem> {
        let generation = self.database().pin().active_generation(space)?;
        let job = job_of_generation(jobs, space, generation);
        if let Some(job) = job.filter(|job| !job.has_failed()) {
            return Ok(job);
        }
        let (database, name) = (self.shared(), space.to_owned());
        let job = Job::start(move |progress| work(database.current(), &name, progress))?;
        jobs.insert(space.to_owned(), (generation, Arc::clone(&job)));
        Ok(job)
    }

    /// The last check.
    pub fn check(&self) -> Result<MutexGuard<'_, Option<Arc<Job<Checked>>>>, Problem> {
        self.check.lock().map_err(|_| poisoned())
    }
}

impl Drop for State {
    /// Cancels layouts: they take long, and no page shows them any more.
    fn drop(&mut self) {
        for (_, job) in self.layouts().iter().flat_map(|layouts| layouts.values()) {
            job.cancel();
        }
    }
}

fn job_of_generation<T: Send + Sync + 'static>(
    jobs: &mut Jobs<T>,
    space: &str,
    generation: GenerationNo,
) -> Option<Arc<Job<T>>> {
    if jobs.get(space).is_some_and(|(of, _)| *of != generation)
        && let Some((_, job)) = jobs.remove(space)
    {
        job.cancel();
    }
    jobs.get(space).map(|(_, job)| Arc::clone(job))
}

fn poisoned() -> Problem {
    Problem::failed("an earlier request failed; start the studio again")
}
