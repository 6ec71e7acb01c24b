//! A batch whose users are answered while later ones are still read.

use super::hits::Hits;
use super::params::SearchParams;
use super::query::{BatchInputs, Query};
use super::search::{Search, count_error};
use super::view::View;
use crate::error::Error;
use serde_json::Value;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use twinspire_core::telemetry;

/// Users of one task: as many as the towers compute at a time.
const USERS_PER_TASK: usize = 64;

/// Tasks for each core that are read before they are answered.
const TASKS_AHEAD: usize = 8;

/// Answers users in their order: this thread reads them, all cores answer. It reads a few hundred users ahead. As
/// [`run_each`](super::batch::run_each) otherwise.
pub(crate) fn run_stream(
    view: &View,
    name: &str,
    mut users: impl Iterator<Item = Value>,
    inputs: BatchInputs<'_>,
    params: &SearchParams,
) -> Result<Vec<Result<Hits, Error>>, Error> {
    let span = telemetry::debug_span!("batch", target = name, k = params.k);
    let _entered = span.clone().entered();
    let search = Search::new(view, name, params).inspect_err(count_error)?;
    search.measure_prepare();
    let answered = Mutex::new(Vec::new());
    let tasks = Tasks::new(TASKS_AHEAD * rayon::current_num_threads());
    rayon::in_place_scope(|scope| {
        let (search, answered, tasks, span) = (&search, &answered, &tasks, &span);
        let mut from = 0;
        loop {
            let group: Vec<Value> = users.by_ref().take(USERS_PER_TASK).collect();
            let count = group.len();
            if count > 0 {
                let task = tasks.begin();
                scope.spawn(move |_| {
                    let _task = task;
                    let queries = (from..).zip(&group);
                    let queries: Vec<Query<'_>> =
                        queries.map(|(at, user)| inputs.query(at, user)).collect();
                    let answers = span.in_scope(|| search.answers(&queries));
                    let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    answered.push((from, answers));
                });
            }
            if count < USERS_PER_TASK {
                break;
            }
            from += count;
        }
    });
    let mut groups = answered
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    groups.sort_unstable_by_key(|(from, _)| *from);
    let mut all = Vec::new();
    for (from, answers) in groups {
        let answers = answers?.into_iter();
        all.extend(answers.map(|answer| answer.map_err(|error| error.further(from))));
    }
    Ok(all)
}

/// The tasks that are not done yet. There is a largest number of them.
struct Tasks {
    most: usize,
    running: Mutex<usize>,
    ended: Condvar,
}

/// A task, until it is dropped.
struct Task<'a>(&'a Tasks);

impl Tasks {
    fn new(most: usize) -> Self {
        Self {
            most,
            running: Mutex::new(0),
            ended: Condvar::new(),
        }
    }

    /// Waits until there is room for a task.
    fn begin(&self) -> Task<'_> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while *running >= self.most {
            if rayon::current_thread_index().is_none() {
                let woken = self.ended.wait(running);
                running = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // A thread of the pool: the tasks may be its own.
            drop(running);
            if rayon::yield_now() != Some(rayon::Yield::Executed) {
                thread::yield_now();
            }
            running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        }
        *running += 1;
        Task(self)
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        let tasks = self.0;
        *tasks.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        tasks.ended.notify_one();
    }
}
