//! The parameters of a publish, and the callbacks it reports to.

use crate::error::Error;
use crate::graph::GraphBuilder;
use crate::index::IndexChoice;
use crate::maintain::progress::{Monitor, ProgressStage};
use crate::snapshot::{QuerySample, Snapshot};
use std::sync::Arc;
use twinspire_core::kernel::Storage;
use twinspire_towers::internals::{Model, NamedBlob};

/// The queries of users to measure with, given or synthetic, in a state in which the space serves the new generation.
pub(crate) type UserQueries<'a> = &'a (dyn Fn(Snapshot) -> Result<Vec<QuerySample>, Error> + Sync);

/// A publish to run.
pub(crate) struct Publish<'a> {
    /// The space.
    pub(crate) space: &'a str,
    /// The towers.
    pub(crate) model: &'a Arc<Model>,
    /// The files of the towers.
    pub(crate) parts: &'a [NamedBlob],
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Generations that the space keeps, the new one included.
    pub(crate) retain: usize,
    /// The index over the vectors.
    pub(crate) index: IndexChoice,
    /// Algorithm that builds a graph.
    pub(crate) builder: GraphBuilder,
    /// Whether doubts are ignored.
    pub(crate) force: bool,
    /// The users to measure with, if there may be any.
    pub(crate) users: Option<UserQueries<'a>>,
    /// Receives the error of each item that is left out. Without it, the first such error ends the
    /// publish.
    pub(crate) left_out: Option<&'a (dyn Fn(&Error) + Sync)>,
    /// Receives the progress, and knows whether the caller has cancelled.
    pub(crate) monitor: &'a Monitor<'a>,
}

impl Publish<'_> {
    /// Components of a vector.
    pub(super) fn dimension(&self) -> usize {
        self.model.schema.dimension as usize
    }

    /// Leaves an item out because of an error, or returns the error if no item may be left out.
    pub(super) fn leave_out(&self, error: Error) -> Result<(), Error> {
        match self.left_out {
            Some(report) => {
                report(&error);
                Ok(())
            }
            None => Err(error),
        }
    }

    /// Reports progress.
    ///
    /// # Errors
    /// [`Error::Cancelled`] once the caller has cancelled.
    pub(super) fn report(&self, stage: ProgressStage, done: u64, total: u64) -> Result<(), Error> {
        self.monitor.report(stage, done, total)
    }
}
