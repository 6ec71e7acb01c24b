//! The threads of long work: they build graphs, write segments, embed items and measure recall.
//!
//! Recalls come first. Once a process has recalled, its long work runs in a pool of its own. Where the system
//! has priorities of single threads (Linux), the pool has a thread for each core, at low priority: it takes
//! the cores that nobody else wants, and a small share of the others. Elsewhere it leaves one core free.
//! Before the first recall, long work runs at normal priority, because it delays no recall: an import or a
//! publish from the command line takes no longer on a busy machine than other programs.
//!
//! The caller blocks until the work is done. A rayon thread that waits for other rayon threads may run
//! another task meanwhile, which could wait for a lock that the caller holds: a deadlock. So a plain thread
//! waits for the pool.

use crate::snapshot::has_recalled;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;
use twinspire_core::telemetry;

/// The nice value of the threads. The scheduler gives a thread of 0 as much time as nine of these.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The pool; `None` if its threads cannot be started.
static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();

/// Work on fewer items takes less time than to wake other threads for it.
const SHORT: usize = 64;

/// Runs long work on this many items, so that it does not delay recalls.
pub(super) fn run<T: Send>(items: usize, work: impl FnOnce() -> T + Send) -> T {
    match items >= SHORT && has_recalled() {
        true => run_in_pool(work),
        false => work(),
    }
}

fn run_in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let Some(pool) = POOL.get_or_init(start) else {
        return work();
    };
    if pool.current_thread_index().is_some() {
        return work();
    }
    let span = telemetry::current_span();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.install(|| span.in_scope(work)));
        waiting.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn start() -> Option<ThreadPool> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match cfg!(target_os = "linux") {
        true => cores,
        false => cores.saturating_sub(1).max(1),
    };
    let pool = ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.thread_name(|at| format!("twinspire-work-{at}"));
    let pool = pool.start_handler(|_| lower_priority()).build();
    pool.inspect_err(|error| {
        telemetry::warn!("long work runs on the threads of its callers: {error}");
    })
    .ok()
}

/// Lowers the priority of this thread for good.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // On Linux the nice value belongs to the thread, and `None` stands for the calling one.
        let current = rustix::process::getpriority_process(None);
        let lowered = current.map_or(NICENESS, |current| (current + NICENESS).min(19));
        if let Err(error) = rustix::process::setpriority_process(None, lowered) {
            telemetry::debug!("the priority of long work stays as it is: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn work_runs_on_threads_of_its_own_at_low_priority_and_blocks_its_caller() {
        let here = thread::current().id();
        let (count, sum) = run_in_pool(|| {
            assert_ne!(thread::current().id(), here);
            let name = thread::current().name().unwrap_or_default().to_owned();
            assert!(name.starts_with("twinspire-work"), "{name}");
            #[cfg(target_os = "linux")]
            {
                let nice = rustix::process::getpriority_process(None).unwrap();
                assert!(nice >= NICENESS, "{nice}");
            }
            let count = AtomicUsize::new(0);
            let sum: usize = (0..1_000usize)
                .into_par_iter()
                .inspect(|_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .sum();
            // Work inside of work stays on the same threads.
            run_in_pool(|| (count.into_inner(), sum))
        });
        assert_eq!((count, sum), (1_000, 499_500));
    }

    /// A rayon thread that waited in the ordinary way could run the other task, and wait for its own lock.
    #[test]
    fn tasks_of_a_pool_that_hold_a_lock_while_long_work_runs_do_not_meet() {
        let lock = Mutex::new(0);
        (0..64usize).into_par_iter().for_each(|at| {
            let mut sum = lock.lock().unwrap();
            *sum += run_in_pool(|| (0..100usize).into_par_iter().map(|x| x * at).sum::<usize>());
        });
        assert_eq!(lock.into_inner().unwrap(), 4_950 * 2_016);
    }

    #[test]
    #[should_panic(expected = "as planned")]
    fn a_panic_of_the_work_is_one_of_the_caller() {
        run_in_pool(|| panic!("as planned"));
    }
}
