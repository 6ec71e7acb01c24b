//! What a stored file needs that this build does not have.

use thiserror::Error;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::TowerError;

/// What a stored file needs that this build does not have. The file is not damaged: a newer release wrote
/// it, and reads it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsupported {
    /// A newer version of the format.
    #[error("format version {found}; this build reads version {supported}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// Bits of features that a reader must understand.
    #[error("needs the features {bits:#06x}, which this build does not know")]
    Features {
        /// The bits that are unknown.
        bits: u32,
    },
    /// A section that a reader must understand.
    #[error("section {id} must be understood, and this build does not know it")]
    Section {
        /// The number of the section.
        id: u32,
    },
    /// A kind of codes, index, metric, storage or recipe.
    #[error("{of} of kind {found}, which this build does not know")]
    Kind {
        /// What it is a kind of.
        of: &'static str,
        /// The number of the kind.
        found: u32,
    },
    /// A line of CURRENT that a reader must understand.
    #[error("the line {line:?} must be understood, and this build does not know it")]
    Line {
        /// The line.
        line: String,
    },
    /// The towers of a generation. They are the files that were published, so another build can use them.
    #[error("this build cannot use the towers of generation {generation}: {source}")]
    Towers {
        /// The generation.
        generation: GenerationNo,
        /// What this build does not know or have.
        source: Box<TowerError>,
    },
}
