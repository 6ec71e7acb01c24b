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

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Nothing,
    Work,
    End,
}

impl Signal {
    /// There is something to seal.
    pub(super) fn wake(&self) {
        self.set(Wanted::Work);
    }

    fn set(&self, new: Wanted) {
        let mut wanted = held(&self.wanted);
        if *wanted != Wanted::End {
            *wanted = new;
        }
        self.changed.notify_all();
    }

    /// Waits for work; false when there will be none.
    fn wait(&self) -> bool {
        let mut wanted = held(&self.wanted);
        while *wanted == Wanted::Nothing {
            let woken = self.changed.wait(wanted);
            wanted = woken.unwrap_or_else(PoisonError::into_inner);
        }
        if *wanted == Wanted::Work {
            *wanted = Wanted::Nothing;
            return true;
        }
        false
    }
}

/// The thread; it ends when this is dropped.
pub(crate) struct Background {
    writing: Arc<Writing>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Begins to seal and merge whenever the limits are passed.
    pub(crate) fn start(live: Arc<Live>, writing: Arc<Writing>) -> Self {
        let shared = Arc::clone(&writing);
        let work = move || {
            while shared.signal.wait() {
                if let Err(error) = work_off(&live, &shared) {
                    log::warn!("sealing or merging in the background failed: {error}");
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
