//! What a repair found, kept and gave up.

use crate::maintain::problem::FileProblem;
use serde::Serialize;
use std::path::PathBuf;
use twinspire_core::ids::Revision;

/// Result of [`Database::repair`](crate::Database::repair).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was wrong; empty if everything is sound.
    pub problems: Vec<FileProblem>,
    /// Acknowledged writes of the journal that are lost: first and last revision of each gap.
    pub lost_revisions: Vec<(Revision, Revision)>,
    /// Rows of segments that are lost. An older version of the same item counts again, if there is one.
    pub lost_rows: u64,
    /// Rows of damaged segments that were kept because they are plausible: valid JSON of the right id.
    /// A changed letter in one of them would not show.
    pub unverified_rows: u64,
    /// Generations that are lost, by space and number. A space that has none left has to be published
    /// again.
    pub lost_generations: Vec<(String, u64)>,
    /// Ensembles that are lost with one of their spaces.
    pub lost_ensembles: Vec<String>,
    /// The damaged files, kept for inspection in `damaged/` below the database.
    pub quarantined: Vec<PathBuf>,
}

impl RepairReport {
    /// Whether nothing was wrong, so that nothing was changed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}
