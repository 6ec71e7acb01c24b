//! The signal that wakes the background thread.

use super::lock::lock;
use std::sync::{Condvar, Mutex, PoisonError};

/// The most urgent task that the background thread has not taken yet.
#[derive(Default)]
pub(super) struct Signal {
    task: Mutex<Task>,
    changed: Condvar,
}

/// A task of the background thread. Each includes the tasks before it, except for [`Task::Stop`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// Nothing to do.
    #[default]
    Idle,
    /// Calibrate the spaces that have enough real queries.
    Calibrate,
    /// Seal, and merge what has become due.
    Upkeep,
    /// End the thread.
    Stop,
}

impl Signal {
    /// Asks for a task, unless one that includes it is waiting.
    pub(super) fn request(&self, task: Task) {
        let mut waiting = lock(&self.task);
        *waiting = task.max(*waiting);
        self.changed.notify_all();
    }

    /// Waits for a task and takes it. [`Task::Stop`] stays: every later call returns it too.
    pub(super) fn wait(&self) -> Task {
        let mut waiting = lock(&self.task);
        while *waiting == Task::Idle {
            let woken = self.changed.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
        match *waiting {
            Task::Stop => Task::Stop,
            _ => std::mem::take(&mut *waiting),
        }
    }
}
