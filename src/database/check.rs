//! Checking a database.

use super::Database;
use crate::error::Error;
use crate::maintain::{self, Monitor, Progress};
pub use crate::maintain::{CheckReport, FileProblem};
use std::ops::ControlFlow;
use twinspire_core::telemetry;

impl Database {
    /// Checks every file against its checksums, every table against what it points to, every graph
    /// against the rules of graphs, in all kept generations, and the files against each other.
    ///
    /// Changes nothing. Puts and recalls continue meanwhile; seals, merges and publishes wait. A database
    /// that is open read-only is [refreshed](Self::refresh) first.
    ///
    /// # Errors
    /// Damage is no error: the report lists it. [`Error::Io`] if a directory cannot be read.
    pub fn check(&self) -> Result<CheckReport, Error> {
        self.check_monitored(&Monitor::new(None))
    }

    /// As [`check`](Self::check); reports its [`Progress`] in bytes. [`ControlFlow::Break`] cancels it.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`Error::Cancelled`].
    pub fn check_with_progress(
        &self,
        progress: impl Fn(&Progress) -> ControlFlow<()> + Sync,
    ) -> Result<CheckReport, Error> {
        self.check_monitored(&Monitor::new(Some(&progress)))
    }

    fn check_monitored(&self, monitor: &Monitor<'_>) -> Result<CheckReport, Error> {
        let _span = telemetry::info_span!("check").entered();
        // The state lock is held to the end: no file is replaced meanwhile.
        let (_state, last) = match &self.writing {
            Some(writing) => {
                let (state, writer) = writing.pause_all();
                (Some(state), Some(writer.journal.last()))
            }
            None => {
                self.refresh()?;
                (None, None)
            }
        };
        maintain::check(&self.live(), last, monitor)
    }
}
