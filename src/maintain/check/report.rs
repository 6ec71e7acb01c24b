//! What a check found.

use crate::error::Error;
use crate::maintain::problem::FileProblem;
use crate::store::StoreError;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Result of [`Database::check`](crate::Database::check).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// Number of files that were read.
    pub files: u64,
    /// What is wrong; empty if everything is sound.
    pub problems: Vec<FileProblem>,
    /// What this build cannot check because it needs a newer one: towers of single generations.
    pub unsupported: Vec<FileProblem>,
}

impl CheckReport {
    /// Whether everything is sound, as far as this build can tell.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds a problem.
    pub(super) fn add(
        &mut self,
        file: impl Into<PathBuf>,
        section: &'static str,
        what: impl ToString,
    ) {
        self.problems.push(FileProblem::new(file, section, what));
    }

    /// Adds the error of opening a generation of the database in `root`.
    pub(super) fn add_open_error(&mut self, root: &Path, error: &Error) {
        let problem = FileProblem::of_opening(root, error);
        match error {
            Error::Unsupported { .. } => self.unsupported.push(problem),
            _ => self.problems.push(problem),
        }
    }

    /// Adds an error as a problem of its file.
    pub(super) fn add_error(&mut self, error: StoreError) {
        self.problems.push(error.into());
    }

    /// Adds every error as a problem of its file.
    pub(super) fn add_errors(&mut self, errors: Vec<StoreError>) {
        errors.into_iter().for_each(|error| self.add_error(error));
    }
}
