//! What is wrong with a file, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that cannot be imported: which file, which line or row, what is wrong and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct ImportError {
    /// The file or directory, as the caller named it.
    pub path: PathBuf,
    /// The line, or in a binary file the row, counted from 1; `None` where the file as a whole is at fault.
    pub line: Option<u64>,
    /// What is wrong and what would be right.
    pub what: String,
    kind: ImportErrorKind,
}

/// The kind of an [`ImportError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// The file system failed.
    Io(io::ErrorKind),
    /// The file as a whole has another format than expected, or the options do not fit it.
    Format,
    /// A line of a text file is wrong.
    Line,
    /// A row of a binary file is wrong.
    Row,
}

impl ImportError {
    /// An error of the file as a whole.
    pub(crate) fn file(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            what: what.into(),
            kind: ImportErrorKind::Format,
        }
    }

    /// An error in one line.
    pub(crate) fn line(path: &Path, line: u64, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            kind: ImportErrorKind::Line,
            ..Self::file(path, what)
        }
    }

    /// An error in one row of a file without lines.
    pub(crate) fn row(path: &Path, row: u64, what: impl Into<String>) -> Self {
        Self {
            line: Some(row),
            kind: ImportErrorKind::Row,
            ..Self::file(path, what)
        }
    }

    /// An error of the file system.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self {
            kind: ImportErrorKind::Io(error.kind()),
            ..Self::file(path, format!("cannot be read: {error}"))
        }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ImportErrorKind {
        self.kind
    }

    /// Whether the file does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == ImportErrorKind::Io(io::ErrorKind::NotFound)
    }

    /// Whether a single line or row is at fault, so that a caller may skip it and read on. An error of the file
    /// system or of the file as a whole is not.
    #[must_use]
    pub fn is_bad_record(&self) -> bool {
        matches!(self.kind, ImportErrorKind::Line | ImportErrorKind::Row)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match (self.kind, self.line) {
            (ImportErrorKind::Row, Some(row)) => write!(f, ", row {row}")?,
            (_, Some(line)) => write!(f, ", line {line}")?,
            (_, None) => {}
        }
        write!(f, ": {}", self.what)
    }
}
