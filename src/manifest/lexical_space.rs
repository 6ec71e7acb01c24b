//! Lexical spaces and the definitions that each keeps.

use crate::lexical::Lexical;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;

/// Lexical spaces by name; no other space and no ensemble has the same name.
pub(crate) type LexicalSpaces = BTreeMap<String, LexicalSpace>;

/// A lexical space and the definitions it keeps.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct LexicalSpace {
    /// The generation that recalls use.
    pub(crate) active: GenerationNo,
    /// By number, increasing; the active one is among them.
    pub(crate) generations: Vec<LexicalGeneration>,
    /// The number of the next generation.
    pub(crate) next: GenerationNo,
}

/// A definition of a lexical space.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct LexicalGeneration {
    /// Its number within the space.
    pub(crate) number: GenerationNo,
    /// When it was defined, in milliseconds since the Unix epoch.
    pub(crate) created_unix_ms: u64,
    /// The definition.
    pub(crate) lexical: Lexical,
}

impl LexicalSpace {
    /// The active generation.
    pub(crate) fn active(&self) -> Option<&LexicalGeneration> {
        self.generation(self.active)
    }

    /// The generation of this number, if it is kept.
    pub(crate) fn generation(&self, number: GenerationNo) -> Option<&LexicalGeneration> {
        self.generations.iter().find(|g| g.number == number)
    }
}
