//! Why the journal cannot be used.

use crate::format::Damage;
use crate::store::StoreError;
use std::path::PathBuf;
use thiserror::Error;
use twinspire_core::ids::Revision;

/// Damage in the journal.
#[derive(Debug)]
pub(crate) struct Loss {
    /// The file.
    pub(crate) path: PathBuf,
    /// The section of the file.
    pub(crate) section: &'static str,
    /// What is wrong with it.
    pub(crate) what: Damage,
    /// First and last revision of the acknowledged writes that are lost, if any.
    pub(crate) lost: Option<(Revision, Revision)>,
}

/// Why the journal cannot be used.
#[derive(Debug, Error)]
pub(crate) enum CatalogError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal is damaged.
    #[error("{}: {}: {}", .0.path.display(), .0.section, .0.what)]
    Lost(Loss),
}
