//! The builder of a rollback.

use super::{Database, GenerationInfo};
use crate::error::Error;
use crate::maintain::{self, Monitor, Progress, ProgressCallback};
use std::fmt;
use std::ops::ControlFlow;
use twinspire_core::ids::GenerationNo;

/// The builder of a rollback; see [`Database::rollback`].
#[must_use = "nothing is rolled back before `run` is called"]
pub struct Rollback<'a> {
    database: &'a Database,
    space: &'a str,
    to: Option<GenerationNo>,
    progress: Option<Box<ProgressCallback<'a>>>,
}

impl Database {
    /// Makes an earlier generation of a space active again, towers and vectors together: by default the one
    /// before the active one.
    ///
    /// Items written since that generation was cut are embedded with its item tower first. Deleted items stay
    /// deleted. In a [partial](GenerationInfo::partial) generation, items that its tower cannot embed have no
    /// vector; [`stats`](Self::stats) counts the items that recalls of a space can find.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// db.rollback("shop").run()?; // the generation before
    /// db.rollback("shop").to(3).run()?; // generation 3
    /// # Ok(())
    /// # }
    /// ```
    pub fn rollback<'a>(&'a self, space: &'a str) -> Rollback<'a> {
        Rollback {
            database: self,
            space,
            to: None,
            progress: None,
        }
    }
}

impl<'a> Rollback<'a> {
    /// Makes this generation active, older or newer, instead of the one before.
    pub fn to(mut self, generation: impl Into<GenerationNo>) -> Self {
        self.to = Some(generation.into());
        self
    }

    /// Reports progress now and then, from any thread. [`ControlFlow::Break`] cancels the rollback: it ends
    /// with [`Error::Cancelled`], and nothing has changed.
    pub fn progress(mut self, report: impl Fn(&Progress) -> ControlFlow<()> + Sync + 'a) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Rolls back.
    ///
    /// # Errors
    /// - [`Error::UnknownSpace`], and [`Error::UnknownGeneration`] with the generations that are kept.
    /// - [`Error::NoEarlierGeneration`] when the active generation is the oldest.
    /// - [`Error::Embed`] when the older tower cannot embed a newer item.
    /// - [`Error::Cancelled`] after [`progress`](Self::progress) cancelled.
    ///
    /// The active generation stays active.
    pub fn run(self) -> Result<GenerationInfo, Error> {
        let (live, writing) = (self.database.live(), self.database.writing()?);
        let monitor = Monitor::new(self.progress.as_deref());
        let generation = maintain::rollback(&live, writing, self.space, self.to, &monitor)?;
        Ok(GenerationInfo::active(&generation))
    }
}

impl fmt::Debug for Rollback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollback")
            .field("space", &self.space)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
