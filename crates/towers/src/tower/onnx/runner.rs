//! The threads on which models run.
//!
//! The runtime always computes on a rayon pool. Called from a thread of another pool, such as those that embed
//! batches, that thread would start further batches on top of the one that waits. So each runner is a pool of one
//! thread: a caller hands it a job and sleeps until the job is done. There are as many runners as ever ran at once.

use rten::{RunOptions, ThreadPool};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use thiserror::Error;

/// A job for a runner.
type Job = Box<dyn FnOnce(&RunOptions) + Send>;

/// A thread that runs models.
struct Runner {
    jobs: Sender<Job>,
}

/// The idle runners.
static IDLE: Mutex<Vec<Runner>> = Mutex::new(Vec::new());

/// Runs a job on a runner, with run options that keep it there. A panic becomes an error.
pub(super) fn call<T: Send + 'static>(
    work: impl FnOnce(&RunOptions) -> T + Send + 'static,
) -> Result<T, RunnerError> {
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = idle().pop();
    let runner = match waiting {
        Some(runner) => runner,
        None => Runner::start()?,
    };
    let (answer, answered) = sync_channel(1);
    let job = move |options: &RunOptions| {
        // A crafted model can make the runtime panic. A run changes no state of ours, and in the runtime
        // only a cached plan.
        let done = catch_unwind(AssertUnwindSafe(|| work(options)));
        let _ = answer.send(done);
    };
    let ended = |()| RunnerError::Ended;
    runner.jobs.send(Box::new(job)).map_err(|_| ended(()))?;
    let done = answered.recv().map_err(|_| ended(()))?;
    idle().push(runner);
    done.map_err(|panic| RunnerError::panicked(&*panic))
}

impl Runner {
    fn start() -> Result<Self, RunnerError> {
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        let (jobs, to_do) = channel::<Job>();
        let caller = thread::current().id();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&pool)));
        let started = pool.run(|| {
            // A pool that cannot start its thread runs jobs on the calling thread.
            let started = thread::current().id() != caller;
            if started {
                rayon::spawn(move || to_do.into_iter().for_each(|job| job(&options)));
            }
            started
        });
        match started {
            true => Ok(Self { jobs }),
            false => Err(RunnerError::NoThread),
        }
    }
}

/// Why a job was not done.
#[derive(Debug, Error)]
pub(super) enum RunnerError {
    /// The job panicked, with this message.
    #[error("the runtime panicked: {0}")]
    Panicked(String),
    /// No thread can be started.
    #[error("no thread can be started to run it")]
    NoThread,
    /// The thread of the runner has ended.
    #[error("the thread that runs models has ended")]
    Ended,
}

impl RunnerError {
    /// The error of a panic.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(text.unwrap_or("without a message").to_owned())
    }
}
