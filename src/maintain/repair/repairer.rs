//! The state of a repair under way.

use super::report::RepairReport;
use crate::maintain::problem::FileProblem;
use crate::manifest::Manifest;
use crate::store::Directory;
use twinspire_core::ids::FileNo;

/// A repair under way.
pub(super) struct Repairer<'a> {
    /// The database directory.
    pub(super) directory: &'a Directory,
    /// What was found so far.
    pub(super) report: RepairReport,
    /// Names of the manifests that cannot be read.
    pub(super) unreadable: Vec<String>,
}

/// The state that is left of a database.
pub(super) struct Salvage {
    /// The manifest, not yet committed.
    pub(super) manifest: Manifest,
    /// The next file number.
    pub(super) next_file: FileNo,
}

impl Repairer<'_> {
    /// Reports a problem.
    pub(super) fn problem(&mut self, problem: impl Into<FileProblem>) {
        self.report.problems.push(problem.into());
    }
}

impl Salvage {
    /// Takes a file number that was never used before.
    pub(super) fn take_file_number(&mut self) -> FileNo {
        let number = self.next_file;
        self.next_file.0 += 1;
        number
    }
}
