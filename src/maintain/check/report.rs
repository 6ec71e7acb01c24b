//! What a check found.

use crate::error::Error;
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
    pub problems: Vec<CheckProblem>,
}

/// A problem in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckProblem {
    /// The file.
    pub file: PathBuf,
    /// The section of the file, as storage-format.md names it.
    pub section: &'static str,
    /// What is wrong with the section.
    pub what: String,
}

impl CheckReport {
    /// Whether everything is sound.
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
        self.problems.push(CheckProblem {
            file: file.into(),
            section,
            what: what.to_string(),
        });
    }

    /// Adds the error of opening a generation of the database in `root`.
    pub(super) fn add_open_error(&mut self, root: &Path, error: Error) {
        match error {
            Error::Corrupt {
                path,
                section,
                what,
            } => self.add(path, section, what),
            error => self.add(root, "generation", error),
        }
    }

    /// Adds an error as a problem of its file.
    pub(super) fn add_error(&mut self, error: StoreError) {
        match error {
            StoreError::Format { path, source } => {
                self.add(path, source.section, source.what);
            }
            StoreError::Io {
                action,
                path,
                source,
            } => self.add(path, "file", format!("cannot {action} it: {source}")),
            StoreError::Uncertain { source, .. } => self.add_error(*source),
            StoreError::Superseded { path, found, due } => {
                let what = format!("names manifest {found}, but {due} is due");
                self.add(path, "CURRENT", what);
            }
        }
    }

    /// Adds every error as a problem of its file.
    pub(super) fn add_errors(&mut self, errors: Vec<StoreError>) {
        errors.into_iter().for_each(|error| self.add_error(error));
    }
}
