//! Files that are named but absent: a race with a writer, or damage.

use crate::error::{Damage, Error};
use std::io::ErrorKind;

/// Whether an error is that of a missing file, which a writer may have unlinked a moment before.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

/// Turns the error of a missing file into one of damage, for callers that no writer races with.
pub(crate) fn missing(error: impl Into<Error>) -> Error {
    match error.into() {
        Error::Io { path, source, .. } if source.kind() == ErrorKind::NotFound => {
            Error::corrupt(&path, "file", Damage::MissingFile)
        }
        other => other,
    }
}
