//! A problem in one file, as check and repair report it.

use crate::error::Error;
use crate::store::StoreError;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A problem in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileProblem {
    /// The file, or the directory where several files disagree.
    pub file: PathBuf,
    /// The section of the file, as storage-format.md names it.
    pub section: &'static str,
    /// What is wrong with the section.
    pub what: String,
}

impl FileProblem {
    pub(super) fn new(
        file: impl Into<PathBuf>,
        section: &'static str,
        what: impl ToString,
    ) -> Self {
        Self {
            file: file.into(),
            section,
            what: what.to_string(),
        }
    }

    /// The error of opening a part of the database in `root`.
    pub(super) fn of_opening(root: &Path, error: &Error) -> Self {
        match error {
            Error::Corrupt {
                path,
                section,
                what,
            } => Self::new(path, section, what),
            Error::Unsupported {
                path,
                section,
                what,
            } => Self::new(path, section, what),
            error => Self::new(root, "generation", error),
        }
    }
}

impl From<StoreError> for FileProblem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Format { path, source } => Self::new(path, source.section, source.what),
            StoreError::Io {
                action,
                path,
                source,
            } => Self::new(path, "file", format!("cannot {action} it: {source}")),
            StoreError::Uncertain { source, .. } => (*source).into(),
            StoreError::Superseded {
                path,
                found,
                committed,
            } => {
                let what =
                    format!("names manifest {found}; this writer committed {committed} last");
                Self::new(path, "CURRENT", what)
            }
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.file.display(),
            self.section,
            self.what
        )
    }
}
