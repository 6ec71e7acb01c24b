//! What is wrong with a file, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that cannot be imported as it is: which file, which line or row, what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct ImportError {
    /// The file (or directory) at fault, as the caller named it.
    pub path: PathBuf,
    /// The line at fault, or of a binary file the row, counted from 1; absent when it is the file as a
    /// whole.
    pub line: Option<u64>,
    /// What is wrong and what would be right.
    pub what: String,
    place: Place,
    not_found: bool,
}

/// What [`ImportError::line`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    Row,
}

impl ImportError {
    /// An error about the file as a whole.
    pub(super) fn file(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            what: what.into(),
            place: Place::Line,
            not_found: false,
        }
    }

    /// An error about one line.
    pub(super) fn line(path: &Path, line: u64, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::file(path, what)
        }
    }

    /// An error about one row of a file that has no lines.
    pub(super) fn row(path: &Path, row: u64, what: impl Into<String>) -> Self {
        Self {
            place: Place::Row,
            ..Self::line(path, row, what)
        }
    }

    /// An error of the file system.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self {
            not_found: error.kind() == io::ErrorKind::NotFound,
            ..Self::file(path, format!("cannot be read: {error}"))
        }
    }

    /// Whether the file is not there at all.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.not_found
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match (self.line, self.place) {
            (Some(line), Place::Line) => write!(f, ", line {line}")?,
            (Some(row), Place::Row) => write!(f, ", row {row}")?,
            (None, _) => {}
        }
        write!(f, ": {}", self.what)
    }
}
