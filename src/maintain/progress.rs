//! Progress of long calls, and cancelling them.

use crate::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Progress of a long call, such as a publish or a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current stage.
    pub stage: ProgressStage,
    /// Items, or bytes of a check, done in this stage.
    pub done: u64,
    /// All of them.
    pub total: u64,
}

/// The stages of long calls, in the order in which they follow each other. As text: `embedding`, `building`
/// and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProgressStage {
    /// Embedding: items go through the item tower, or their vectors are read.
    Embed,
    /// Building the index over the vectors; where its kind is chosen by measurement, that too.
    Build,
    /// Auditing: the index is searched, and its answers are compared with exact ones.
    Audit,
    /// Catching up: items written since the generation was cut are embedded with its towers.
    CatchUp,
    /// Checking: files are compared with their checksums and with each other; counted in bytes.
    Check,
}

impl ProgressStage {
    /// The stage as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embed => "embedding",
            Self::Build => "building",
            Self::Audit => "auditing",
            Self::CatchUp => "catching up",
            Self::Check => "checking",
        }
    }
}

impl fmt::Display for ProgressStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A caller's progress callback. [`ControlFlow::Break`] cancels the call.
pub(crate) type ProgressCallback<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;

/// Reports progress to a caller and remembers whether the caller cancelled.
pub(crate) struct Monitor<'a> {
    callback: Option<&'a ProgressCallback<'a>>,
    cancelled: AtomicBool,
}

impl<'a> Monitor<'a> {
    /// A monitor that reports to `callback`, or to nobody.
    pub(crate) fn new(callback: Option<&'a ProgressCallback<'a>>) -> Self {
        Self {
            callback,
            cancelled: AtomicBool::new(false),
        }
    }

    /// Reports progress. Threads may report at the same time. After a cancel no report reaches the caller.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller has cancelled.
    pub(crate) fn report(&self, stage: ProgressStage, done: u64, total: u64) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        let progress = Progress { stage, done, total };
        match self.callback.map(|callback| callback(&progress)) {
            Some(ControlFlow::Break(())) => {
                self.cancelled.store(true, Ordering::Relaxed);
                Err(Error::Cancelled)
            }
            Some(ControlFlow::Continue(())) | None => Ok(()),
        }
    }

    /// Set once the caller has cancelled.
    pub(crate) fn cancelled(&self) -> &AtomicBool {
        &self.cancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_cancelled_call_reports_nothing_more() {
        let reported = Mutex::new(Vec::new());
        let callback = |progress: &Progress| {
            reported.lock().unwrap().push(progress.done);
            match progress.done {
                2 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        };
        let monitor = Monitor::new(Some(&callback));
        let outcomes = (1..=3).map(|done| monitor.report(ProgressStage::Build, done, 3).is_ok());
        assert_eq!(outcomes.collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(*reported.lock().unwrap(), [1, 2]);
        assert!(monitor.cancelled().load(Ordering::Relaxed));
    }
}
