//! Threads on which models run.
//!
//! The runtime computes on a pool of threads of its own, also what needs one. Called from a thread of
//! another pool, as those that embed batches are, it would let that thread take up other batches on top
//! of the one that waits. So there are pools of one thread, and a caller gives one of them its work and
//! sleeps until it is done. There are as many as ever ran at once.

use rten::{RunOptions, ThreadPool};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Work for a runner.
type Job = Box<dyn FnOnce(&RunOptions) + Send>;

/// A thread that runs models.
struct Runner {
    jobs: Sender<Job>,
}

/// Those that wait for work.
static IDLE: Mutex<Vec<Runner>> = Mutex::new(Vec::new());

/// Does something on a runner, with the options that keep it there; a panic is an error.
pub(super) fn call<T: Send + 'static>(
    work: impl FnOnce(&RunOptions) -> T + Send + 'static,
) -> Result<T, String> {
    let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = idle().pop();
    let runner = match waiting {
        Some(runner) => runner,
        None => Runner::start()?,
    };
    let (answer, answered) = sync_channel(1);
    let job = move |options: &RunOptions| {
        // The runtime has assertions and indexes that a model made for it can fail. Nothing of ours is
        // changed by a run, and of the runtime's own a model is, but for the plan of its first one.
        let done = catch_unwind(AssertUnwindSafe(|| work(options)));
        let _ = answer.send(done);
    };
    let ended = |_| "the thread that runs models has ended".to_owned();
    runner.jobs.send(Box::new(job)).map_err(|_| ended(()))?;
    let done = answered.recv().map_err(|_| ended(()))?;
    idle().push(runner);
    done.map_err(|panic| said(&*panic))
}

impl Runner {
    fn start() -> Result<Self, String> {
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        let (jobs, to_do) = channel::<Job>();
        let caller = thread::current().id();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&pool)));
        let started = pool.run(|| {
            // A pool that could not start its thread does the work where it is called.
            let started = thread::current().id() != caller;
            if started {
                rayon::spawn(move || to_do.into_iter().for_each(|job| job(&options)));
            }
            started
        });
        match started {
            true => Ok(Self { jobs }),
            false => Err("no thread can be started to run it".to_owned()),
        }
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the runtime panicked: {}", text.unwrap_or("for no reason"))
}
