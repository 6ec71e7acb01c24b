//! Long work on a thread of its own, with its progress.

use super::problem::Problem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Work that runs, or its outcome.
pub struct Job<T> {
    progress: Progress,
    outcome: OnceLock<Result<Arc<T>, String>>,
}

/// How far work has come.
#[derive(Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// Sets how much there is to do.
    pub fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Sets how much is done, of how much.
    pub fn set(&self, done: u64, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
    }

    pub fn add(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }

    /// An error once the job is cancelled. Cancellable work calls it between its steps.
    pub fn check_cancelled(&self) -> Result<(), Problem> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(Problem::failed("cancelled")),
            false => Ok(()),
        }
    }

    /// The share that is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        (self.done.load(Ordering::Relaxed) as f64 / total as f64).min(1.0)
    }
}

/// What a job has for the page.
pub enum Status<T> {
    Working(f64),
    Done(Arc<T>),
}

impl<T: Send + Sync + 'static> Job<T> {
    /// Starts work.
    pub fn start(
        work: impl FnOnce(&Progress) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Arc<Self>, Problem> {
        let job = Arc::new(Self {
            progress: Progress::default(),
            outcome: OnceLock::new(),
        });
        let own = Arc::clone(&job);
        let thread = thread::Builder::new().name("studio-job".to_owned());
        let started = thread.spawn(move || {
            // A panic must not leave the page waiting for ever.
            let guard = Unfinished(&own);
            let outcome = work(&own.progress);
            let outcome = outcome.map(Arc::new).map_err(|problem| problem.message);
            // It is set here alone.
            let _ = own.outcome.set(outcome);
            drop(guard);
        });
        match started {
            Ok(_) => Ok(job),
            Err(error) => Err(Problem::failed(format!(
                "a thread cannot be started: {error}"
            ))),
        }
    }

    /// The outcome, or how far it is.
    pub fn status(&self) -> Result<Status<T>, Problem> {
        match self.outcome.get() {
            None => Ok(Status::Working(self.progress.share())),
            Some(Ok(value)) => Ok(Status::Done(Arc::clone(value))),
            Some(Err(message)) => Err(Problem::failed(message.clone())),
        }
    }

    /// Cancels the work at its next step.
    pub fn cancel(&self) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work has set how much there is to do. A job that waits for another has not.
    pub fn has_begun(&self) -> bool {
        self.progress.total.load(Ordering::Relaxed) > 0
    }

    /// Whether it is still running.
    pub fn is_working(&self) -> bool {
        self.outcome.get().is_none()
    }

    /// Whether it ended with an error.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome.get(), Some(Err(_)))
    }
}

/// Ends a job whose work panicked.
struct Unfinished<'a, T>(&'a Job<T>);

impl<T> Drop for Unfinished<'_, T> {
    fn drop(&mut self) {
        let message = "the work ended early; see the terminal of the studio";
        // After an outcome this changes nothing.
        let _ = self.0.outcome.set(Err(message.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn wait<T: Send + Sync + 'static>(job: &Job<T>) -> Result<Arc<T>, Problem> {
        let since = Instant::now();
        loop {
            if let Status::Done(value) = job.status()? {
                return Ok(value);
            }
            assert!(since.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn work_ends_with_its_value_its_error_or_its_panic() {
        let job = Job::start(|progress| {
            progress.begin(2);
            progress.add(1);
            assert_eq!(progress.share(), 0.5);
            Ok(7)
        });
        assert_eq!(*wait(&job.unwrap()).unwrap(), 7);
        let job = Job::<()>::start(|_| Err(Problem::bad_request("no"))).unwrap();
        assert_eq!(wait(&job).unwrap_err().message, "no");
        let job = Job::<()>::start(|_| panic!("as planned")).unwrap();
        assert!(wait(&job).unwrap_err().message.contains("ended early"));
        assert!(job.has_failed());
    }

    #[test]
    fn cancelled_work_ends_at_its_next_step() {
        let job = Job::<()>::start(|progress| {
            loop {
                progress.check_cancelled()?;
                thread::sleep(Duration::from_millis(1));
            }
        });
        let job = job.unwrap();
        assert!(job.is_working());
        job.cancel();
        assert_eq!(wait(&job).unwrap_err().message, "cancelled");
        assert!(!job.is_working());
    }
}
