//! The threads on which models run.
//!
//! The runtime always computes on a rayon pool. Called from a thread of another pool, such as those that embed
//! batches, that thread would start further batches on top of the one that waits. So each runner is a pool of one
//! thread: a caller hands it a job and sleeps until the job is done. There are as many runners as ever ran at once.
//!
//! A crafted model can make the runtime panic, or compute for long. Panics become errors and are not printed. A caller
//! waits for a limited time; a job that takes longer ends its runner.

use rten::{RunOptions, ThreadPool};
use std::any::Any;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// A job for a runner.
type Job = Box<dyn FnOnce(&RunOptions) + Send>;

/// A thread that runs models.
struct Runner {
    jobs: Sender<Job>,
}

/// The idle runners.
static IDLE: Mutex<Vec<Runner>> = Mutex::new(Vec::new());

/// Runs a job on a runner, with run options that keep it there. A panic becomes an error, and so does a job that
/// takes longer than `time`: it goes on on its thread, which ends with it.
pub(super) fn call<T: Send + 'static>(
    time: Duration,
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
    let done = answer_of(&answered, time)?;
    idle().push(runner);
    done.map_err(|panic| RunnerError::panicked(&*panic))
}

/// Bytes of stack for loading a model, which recurses over its operators.
const STACK: usize = 64 << 20;
/// The name of threads that load models.
const LOADER: &str = "onnx-load";
/// What the names of the runtime's threads begin with.
const RUNTIME: &str = "rten-";

/// Runs a job on a thread of its own with a large stack. A panic becomes an error, and so does a job that takes longer
/// than `time`.
pub(super) fn on_large_stack<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RunnerError> {
    silence_panics();
    let (answer, answered) = sync_channel(1);
    let thread = thread::Builder::new()
        .stack_size(STACK)
        .name(LOADER.to_owned());
    let job = move || {
        let done = catch_unwind(AssertUnwindSafe(work));
        let _ = answer.send(done);
    };
    thread.spawn(job).map_err(|_| RunnerError::NoThread)?;
    let done = answer_of(&answered, time)?;
    done.map_err(|panic| RunnerError::panicked(&*panic))
}

/// Waits for the answer of a job.
fn answer_of<T>(answered: &Receiver<T>, time: Duration) -> Result<T, RunnerError> {
    answered.recv_timeout(time).map_err(|error| match error {
        RecvTimeoutError::Timeout => RunnerError::TimedOut(time),
        RecvTimeoutError::Disconnected => RunnerError::Ended,
    })
}

/// Keeps the panics of the runtime's threads off the screen: they are reported as errors. Those of other threads are
/// reported as before.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let thread = thread::current();
            let name = thread.name().unwrap_or_default();
            if name != LOADER && !name.starts_with(RUNTIME) {
                before(info);
            }
        }));
    });
}

impl Runner {
    fn start() -> Result<Self, RunnerError> {
        silence_panics();
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
    /// The job takes too long.
    #[error("it takes longer than {} seconds; see ModelLimits", .0.as_secs_f32())]
    TimedOut(Duration),
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
