//! Rules that only a bug can break.

use thiserror::Error;
use twinspire_core::ids::GenerationNo;

/// A rule of the database that a bug broke.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invariant {
    /// A generation that answers recalls is not in the manifest.
    #[error("space {space:?} serves generation {generation}, which the manifest does not list")]
    ServedGeneration {
        /// The space.
        space: String,
        /// The generation.
        generation: GenerationNo,
    },
    /// A panic ended a commit, so that its outcome is unknown until the database is opened again.
    #[error("a panic interrupted a commit")]
    InterruptedCommit,
}
