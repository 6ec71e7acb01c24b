//! The scratch buffers of searches.

use super::code_scorer::QueryBuffer;
use super::walk::{SearchCounters, Walk};

/// Scratch buffers for searches, one after another, over any graphs. After the first few searches
/// nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The query as codes are scored by it.
    pub(super) query: QueryBuffer,
    pub(super) walk: Walk,
}

impl Scratch {
    /// What searches did since these counters were reset.
    pub(crate) fn counters(&mut self) -> &mut SearchCounters {
        &mut self.walk.counters
    }
}
