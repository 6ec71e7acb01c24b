//! Transitions of lexical spaces.

use super::error::TransitionError;
use super::lexical_space::{LexicalGeneration, LexicalSpace};
use super::state::Manifest;
use crate::lexical::{Analysis, Lexical};
use twinspire_core::ids::GenerationNo;

impl Manifest {
    /// After a definition: a new generation of a lexical space is active. The oldest ones beyond `retain` are removed.
    pub(crate) fn with_lexical(
        &self,
        name: &str,
        lexical: Lexical,
        created_unix_ms: u64,
        retain: usize,
    ) -> Self {
        let mut next = self.advanced(self.next_file);
        let first = GenerationNo(1);
        let space = next.lexical.entry(name.to_owned());
        let space = space.or_insert_with(|| LexicalSpace {
            active: first,
            generations: Vec::new(),
            next: first,
        });
        let number = space.next;
        space.generations.push(LexicalGeneration {
            number,
            created_unix_ms,
            lexical,
        });
        space.active = number;
        space.next = GenerationNo(number.0 + 1);
        let beyond = space.generations.len().saturating_sub(retain.max(1));
        space.generations.drain(..beyond);
        next
    }

    /// After a rollback of a lexical space.
    pub(crate) fn with_active_lexical(
        &self,
        name: &str,
        number: GenerationNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(self.next_file);
        let space = next.lexical.get_mut(name);
        let space = space.ok_or_else(|| TransitionError::unknown(name))?;
        if space.generation(number).is_none() {
            return Err(TransitionError::UnknownGeneration(number));
        }
        space.active = number;
        Ok(next)
    }

    /// Without a lexical space.
    pub(crate) fn without_lexical(&self, name: &str) -> Self {
        let mut next = self.advanced(self.next_file);
        next.lexical.remove(name);
        next
    }

    /// The ways in which texts of items are indexed, each once.
    pub(crate) fn analyses(&self) -> Vec<Analysis> {
        let mut all = Vec::new();
        for generation in self.lexical.values().filter_map(LexicalSpace::active) {
            let analysis = generation.lexical.analysis();
            if !all.contains(&analysis) {
                all.push(analysis);
            }
        }
        all
    }
}
