//! The thread that polls.

use super::shared::Shared;
use crate::error::RemoteError;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use twinspire_core::telemetry;

/// Longest time between two polls after failures, unless the interval is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// Shortest time between two polls.
const SHORTEST: Duration = Duration::from_millis(10);

/// How long a follower that is closed waits for its thread.
const PATIENCE: Duration = Duration::from_secs(2);

/// A thread that polls until this is dropped.
pub(super) struct Background {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(super) fn start(shared: Arc<Shared>, interval: Duration) -> Result<Self, RemoteError> {
        let (stop, stopped) = channel::<()>();
        let interval = interval.max(SHORTEST);
        let thread = thread::Builder::new().name("twinspire-follow".to_owned());
        let thread = thread.spawn(move || {
            let mut failures = 0;
            while stopped.recv_timeout(pause(interval, failures)) == Err(RecvTimeoutError::Timeout)
            {
                failures = match shared.poll() {
                    Ok(_) => 0,
                    Err(RemoteError::Closed) => return,
                    Err(error) => {
                        telemetry::warn!("{error}");
                        failures + 1
                    }
                };
            }
        });
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread.map_err(|source| RemoteError::Thread { source })?),
        })
    }
}

/// The time until the next poll: it doubles with each failure.
fn pause(interval: Duration, failures: u32) -> Duration {
    let longer = interval.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    longer.min(LONGEST.max(interval))
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop = None;
        let begun = Instant::now();
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() && begun.elapsed() < PATIENCE {
                thread::sleep(SHORTEST);
            }
            // A thread that waits for the network ends on its own once it has its answer.
            if thread.is_finished() {
                // It may have panicked; the epoch that is served is whole all the same.
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_lengthen_the_pause_up_to_a_minute_or_the_interval() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(second, 0), second);
        assert_eq!(pause(second, 3), 8 * second);
        assert_eq!(pause(second, 30), LONGEST);
        assert_eq!(pause(300 * second, 30), 300 * second);
    }
}
