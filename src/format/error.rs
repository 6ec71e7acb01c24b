//! Why bytes cannot be read: damage or a newer format, and the section it was found in.

use super::damage::Damage;
use super::unsupported::Unsupported;
use thiserror::Error;
use twinspire_core::wire::WireError;

/// Bytes that differ from the format, or are of a newer one.
#[derive(Debug, Error)]
#[error("{section}: {what}")]
pub(crate) struct FormatError {
    /// The section of the file.
    pub(crate) section: &'static str,
    /// What is wrong with it.
    #[source]
    pub(crate) what: Fault,
}

/// Why a section cannot be read.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// It is damaged.
    #[error(transparent)]
    Damaged(Damage),
    /// It is of a newer format.
    #[error(transparent)]
    Unsupported(Unsupported),
}

impl FormatError {
    /// Damage in `section`.
    pub(crate) fn bad(section: &'static str, what: impl Into<Damage>) -> Self {
        let what = Fault::Damaged(what.into());
        Self { section, what }
    }

    /// Content of `section` that only a newer build understands.
    pub(crate) fn unsupported(section: &'static str, what: Unsupported) -> Self {
        let what = Fault::Unsupported(what);
        Self { section, what }
    }

    /// Whether the bytes are of a newer format rather than damaged.
    pub(crate) fn is_unsupported(&self) -> bool {
        matches!(self.what, Fault::Unsupported(_))
    }
}

/// Adds the section to a wire error.
pub(super) fn within(section: &'static str) -> impl Fn(WireError) -> FormatError {
    move |error| FormatError::bad(section, error)
}
