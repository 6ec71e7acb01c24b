//! Damage, and the section it was found in.

use super::damage::Damage;
use thiserror::Error;
use twinspire_core::wire::WireError;

/// Bytes that differ from the format.
#[derive(Debug, Error)]
#[error("{section}: {what}")]
pub(crate) struct FormatError {
    /// The section of the file.
    pub(crate) section: &'static str,
    /// What is wrong with it.
    #[source]
    pub(crate) what: Damage,
}

impl FormatError {
    /// Damage in `section`.
    pub(crate) fn bad(section: &'static str, what: impl Into<Damage>) -> Self {
        Self {
            section,
            what: what.into(),
        }
    }
}

/// Adds the section to a wire error.
pub(super) fn within(section: &'static str) -> impl Fn(WireError) -> FormatError {
    move |error| FormatError::bad(section, error)
}
