//! The thread that seals and merges while others write.

use super::calibrate::calibrate_asked;
use super::{Extent, Writing, held, merge, seal};
use crate::error::Error;
use crate::snapshot::Live;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Wakes the thread.
#[derive(Default)]
pub(super) struct Signal {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

/// What the thread is to do; what comes later here includes what comes before it, but for the end.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    #[default]
    Nothing,
    Calibration,
    Upkeep,
    End,
}

impl Signal {
    /// There is something to seal.
    pub(super) fn wake(&self) {
        self.set(Wanted::Upkeep);
    }

    fn set(&self, new: Wanted) {
        let mut wanted = held(&self.wanted);
        *wanted = new.max(*wanted);
        self.changed.notify_all();
    }

    /// Waits for something to do; this is the end when there will be nothing more.
    fn wait(&self) -> Wanted {
        let mut wanted = held(&self.wanted);
        while *wanted == Wanted::Nothing {
            let woken = self.changed.wait(wanted);
            wanted = woken.unwrap_or_else(PoisonError::into_inner);
        }
        match *wanted {
            Wanted::End => Wanted::End,
            _ => std::mem::take(&mut *wanted),
        }
    }
}

/// The thread; it ends when this is dropped.
pub(crate) struct Background {
    writing: Arc<Writing>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Begins to seal and merge whenever the limits are passed, and to calibrate when it is known what
    /// a space is really asked.
    pub(crate) fn start(live: Arc<Live>, writing: Arc<Writing>) -> Self {
        let shared = Arc::clone(&writing);
        let waker = Arc::downgrade(&writing);
        live.asked.when_full(move || {
            if let Some(writing) = waker.upgrade() {
                writing.signal.set(Wanted::Calibration);
            }
        });
        let work = move || {
            loop {
                let done = match shared.signal.wait() {
                    Wanted::End => break,
                    Wanted::Upkeep => work_off(&live, &shared),
                    Wanted::Calibration | Wanted::Nothing => calibrate_asked(&live, &shared),
                };
                match done {
                    Ok(()) | Err(Error::Cancelled) => {}
                    Err(error) => log::warn!("upkeep in the background failed: {error}"),
                }
            }
        };
        let builder = std::thread::Builder::new().name("twinspire".to_owned());
        let thread = match builder.spawn(work) {
            Ok(thread) => Some(thread),
            Err(error) => {
                // Puts seal by themselves when too much has gathered.
                log::warn!("there is no thread for the background: {error}");
                None
            }
        };
        Self { writing, thread }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.writing.cancelled.store(true, Ordering::Relaxed);
        self.writing.signal.set(Wanted::End);
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            log::error!("the background thread panicked");
        }
    }
}

fn work_off(live: &Live, writing: &Writing) -> Result<(), Error> {
    seal(live, writing)?;
    merge(live, writing, Extent::Due)?;
    calibrate_asked(live, writing)
}
