//! A space and the generations that it keeps.

use super::generation::Generation;
use bincode::{Decode, Encode};
use twinspire_core::ids::GenerationNo;

/// One embedding space and the generations it keeps.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Space {
    /// The active generation, which recalls use.
    pub(crate) active: GenerationNo,
    /// By number, increasing; the active one is among them.
    pub(crate) generations: Vec<Generation>,
    /// The number of the next generation.
    pub(crate) next: GenerationNo,
}

impl Space {
    /// The active generation.
    pub(crate) fn active(&self) -> Option<&Generation> {
        self.generation(self.active)
    }

    /// Whether its vectors are concatenated from other spaces.
    pub(crate) fn is_fused(&self) -> bool {
        self.active().is_some_and(Generation::is_fused)
    }

    /// The generation of this number, if it is kept.
    pub(crate) fn generation(&self, number: GenerationNo) -> Option<&Generation> {
        self.generations.iter().find(|g| g.number == number)
    }
}
