//! Why a transition is refused, and why a fused generation cannot answer.

use thiserror::Error;
use twinspire_core::ids::GenerationNo;

/// Why a transition is refused: something it builds on is no longer in the manifest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransitionError {
    /// The space does not exist.
    #[error("space {0:?} is gone")]
    UnknownSpace(String),
    /// The space does not keep this generation.
    #[error("generation {0} is not kept")]
    UnknownGeneration(GenerationNo),
    /// Segments or generations were replaced since.
    #[error("the database moved on while this was built")]
    Moved,
}

impl TransitionError {
    pub(super) fn unknown(space: &str) -> Self {
        Self::UnknownSpace(space.to_owned())
    }
}

/// A member whose active generation is not the one that a fused generation was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleMember {
    /// The member.
    pub space: String,
    /// The generation that the fused one was built from.
    pub built_from: GenerationNo,
    /// The active generation; `None` if the space does not exist.
    pub active: Option<GenerationNo>,
}
