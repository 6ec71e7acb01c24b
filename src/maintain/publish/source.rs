//! Where the vectors of a publish come from.

use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;

/// Where the vectors of a publish come from.
pub(crate) enum Source<'a> {
    /// The item tower computes them.
    Tower,
    /// The caller supplies them, by id.
    Given(&'a mut dyn Iterator<Item = Given>),
    /// Concatenated from these spaces, as they are in these generations.
    Members(&'a BTreeMap<String, GenerationNo>),
}

/// An id and its vector, or the error of reading it.
pub(crate) type Given = Result<(String, Vec<f32>), Box<dyn std::error::Error + Send + Sync>>;
