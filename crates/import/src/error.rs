//! What is wrong with a file, and where.

use super::standard_input::is_standard_input;
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
    /// The last row of those that are lost by this error, where they are several: a damaged part of a binary file.
    pub through: Option<u64>,
    /// What is wrong and what would be right.
    pub what: String,
    kind: ImportErrorKind,
    /// What `line` counts.
    place: Place,
}

/// What the place of an error counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    Row,
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
    /// Reading ends before the end of the data: what follows is unread.
    Cut,
}

impl ImportError {
    /// An error of the file as a whole.
    pub(crate) fn file(path: &Path, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            through: None,
            what: what.into(),
            kind: ImportErrorKind::Format,
            place: Place::Line,
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
            place: Place::Row,
            ..Self::file(path, what)
        }
    }

    /// Rows that are lost together; reading continues after `through`.
    #[cfg(feature = "parquet")]
    pub(crate) fn rows(path: &Path, from: u64, through: u64, what: impl Into<String>) -> Self {
        Self {
            through: Some(through.max(from)),
            ..Self::row(path, from, what)
        }
    }

    /// An error after which nothing more can be read.
    pub(crate) fn cut(self) -> Self {
        Self {
            kind: ImportErrorKind::Cut,
            ..self
        }
    }

    /// An error of the file system.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self {
            kind: ImportErrorKind::Io(error.kind()),
            ..Self::file(path, format!("cannot be read: {error}"))
        }
    }

    /// An error of the file system after `line`.
    pub(crate) fn unread(path: &Path, line: u64, error: &io::Error) -> Self {
        Self {
            line: Some(line),
            ..Self::io(path, error)
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

    /// Whether reading continues after this error, so that a caller may skip and count what is lost. After any other
    /// error the iterator ends, and what follows in the file is unread.
    #[must_use]
    pub fn is_bad_record(&self) -> bool {
        matches!(self.kind, ImportErrorKind::Line | ImportErrorKind::Row)
    }

    /// Number of records that are lost by this error: 1, or all rows of a damaged part of a file.
    #[must_use]
    pub fn lost(&self) -> u64 {
        match (self.line, self.through) {
            (Some(from), Some(through)) => through.saturating_sub(from) + 1,
            _ => 1,
        }
    }

    /// Whether rows are lost that may be good: the part of the file that holds them cannot be decoded.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.through.is_some()
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_standard_input(&self.path) {
            true => f.write_str("standard input")?,
            false => write!(f, "{}", self.path.display())?,
        }
        match (self.place, self.line) {
            (Place::Row, Some(row)) => match self.through {
                Some(last) if last > row => write!(f, ", rows {row} to {last}")?,
                _ => write!(f, ", row {row}")?,
            },
            (_, Some(line)) => write!(f, ", line {line}")?,
            (_, None) => {}
        }
        write!(f, ": {}", self.what)
    }
}
