//! The background thread: seals, merges and calibrates while others write.

use super::calibrate::{calibrate_changed, calibrate_from_queries};
use super::merge::{Extent, merge};
use super::seal::seal;
use super::signal::Task;
use super::writing::Writing;
use crate::error::Error;
use crate::snapshot::Live;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use twinspire_core::telemetry::{self, metrics};

/// The background thread. Dropping this ends it, and waits for that.
pub(crate) struct Background {
    writing: Arc<Writing>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread. It seals and merges when unsealed writes exceed the limits, and calibrates a
    /// space when its query reservoir has grown, and when its number of items has changed much.
    pub(crate) fn start(live: Arc<Live>, writing: Arc<Writing>) -> Self {
        let shared = Arc::clone(&writing);
        let waker = Arc::downgrade(&writing);
        live.query_samples.on_full(move || {
            if let Some(writing) = waker.upgrade() {
                writing.signal.request(Task::Calibrate);
            }
        });
        let work = move || {
            loop {
                let done = match shared.signal.wait() {
                    Task::Stop => break,
                    Task::Upkeep => maintain(&live, &shared),
                    Task::Calibrate | Task::Idle => calibrate_from_queries(&live, &shared),
                };
                match done {
                    Ok(()) | Err(Error::Cancelled) => {}
                    Err(error) => {
                        metrics::BACKGROUND_ERRORS.add(1);
                        telemetry::warn!("background maintenance failed: {error}");
                    }
                }
            }
        };
        let builder = std::thread::Builder::new().name("twinspire".to_owned());
        let thread = match builder.spawn(work) {
            Ok(thread) => Some(thread),
            Err(error) => {
                telemetry::warn!(
                    "cannot start the background thread: {error}; puts seal instead, and nothing merges"
                );
                None
            }
        };
        Self { writing, thread }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.writing.cancelled.store(true, Ordering::Relaxed);
        self.writing.signal.request(Task::Stop);
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            telemetry::error!("the background thread panicked");
        }
    }
}

fn maintain(live: &Live, writing: &Writing) -> Result<(), Error> {
    seal(live, writing)?;
    merge(live, writing, Extent::Due)?;
    calibrate_changed(live, writing)?;
    calibrate_from_queries(live, writing)
}
