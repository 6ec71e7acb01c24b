//! Manifest in, next manifest out.

use super::{Generation, ItemsFile, Manifest, Space};
use crate::ids::{FileNo, GenerationNo, ItemNo, Revision};
use thiserror::Error;

/// Why a transition is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum TransitionError {
    /// No space of this name.
    #[error("there is no space of this name")]
    UnknownSpace,
    /// The space does not keep this generation.
    #[error("generation {0} is not kept")]
    UnknownGeneration(GenerationNo),
    /// What was built no longer fits: something else was committed since.
    #[error("the database moved on while this was built")]
    Moved,
}

/// What a seal adds.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The new items segment; none when nothing was fresh.
    pub(crate) segment: Option<ItemsFile>,
    /// Every write up to here is in items segments now.
    pub(crate) revision: Revision,
    /// The next item number to give.
    pub(crate) next_item: ItemNo,
}

impl Manifest {
    /// The next commit, with all file numbers below `next_file` used up.
    fn advanced(&self, next_file: FileNo) -> Self {
        Self {
            number: self.number + 1,
            next_file: self.next_file.max(next_file),
            ..self.clone()
        }
    }

    /// What was fresh is sealed.
    fn sealed(mut self, sealed: &Sealed) -> Result<Self, TransitionError> {
        if sealed.revision < self.sealed || sealed.next_item < self.next_item {
            return Err(TransitionError::Moved);
        }
        self.items.extend(sealed.segment);
        self.sealed = sealed.revision;
        self.next_item = sealed.next_item;
        Ok(self)
    }

    /// A seal by itself.
    pub(crate) fn with_sealed(
        &self,
        sealed: &Sealed,
        next_file: FileNo,
    ) -> Result<Self, TransitionError> {
        self.advanced(next_file).sealed(sealed)
    }

    /// A seal and a new generation of `space`, active from now; the oldest generations beyond
    /// `retain` are let go, the one that was active before never.
    pub(crate) fn published(
        &self,
        space: &str,
        generation: Generation,
        sealed: &Sealed,
        next_file: FileNo,
        retain: usize,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(next_file).sealed(sealed)?;
        let number = generation.number;
        let entry = next
            .spaces
            .entry(space.to_owned())
            .or_insert_with(|| Space {
                active: number,
                generations: Vec::new(),
                next: number,
            });
        if entry.next != number {
            return Err(TransitionError::Moved);
        }
        let before = entry.active;
        entry.generations.push(generation);
        entry.active = number;
        entry.next = GenerationNo(number.0 + 1);
        while entry.generations.len() > retain.max(1) {
            let oldest = entry
                .generations
                .iter()
                .position(|g| g.number != number && (g.number != before || retain < 2));
            match oldest {
                Some(at) => drop(entry.generations.remove(at)),
                None => break,
            }
        }
        Ok(next)
    }

    /// Another kept generation of `space` answers from now.
    pub(crate) fn activated(
        &self,
        space: &str,
        number: GenerationNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(self.next_file);
        let entry = next
            .spaces
            .get_mut(space)
            .ok_or(TransitionError::UnknownSpace)?;
        if entry.generation(number).is_none() {
            return Err(TransitionError::UnknownGeneration(number));
        }
        entry.active = number;
        Ok(next)
    }

    /// Generation number a publish of `space` gets.
    pub(crate) fn next_generation(&self, space: &str) -> GenerationNo {
        self.spaces
            .get(space)
            .map_or(GenerationNo(1), |space| space.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Metric;

    fn generation(number: u64) -> Generation {
        Generation {
            number: GenerationNo(number),
            cut: Revision(number),
            dimension: 4,
            metric: Metric::Cosine,
            segments: Vec::new(),
            towers: Vec::new(),
            towers_hash: number,
            created_unix_ms: 0,
            recall: 1.0,
        }
    }

    fn publish(
        manifest: &Manifest,
        number: u64,
        retain: usize,
    ) -> Result<Manifest, TransitionError> {
        let sealed = Sealed {
            segment: None,
            revision: manifest.sealed,
            next_item: manifest.next_item,
        };
        manifest.published("movies", generation(number), &sealed, FileNo(9), retain)
    }

    fn kept(manifest: &Manifest) -> Vec<u64> {
        manifest.spaces["movies"]
            .generations
            .iter()
            .map(|g| g.number.0)
            .collect()
    }

    #[test]
    fn publishing_keeps_as_many_generations_as_asked() {
        let mut manifest = Manifest::new(1);
        for number in 1..=4 {
            manifest = publish(&manifest, number, 2).unwrap();
        }
        assert_eq!(kept(&manifest), [3, 4]);
        assert_eq!(manifest.spaces["movies"].active, GenerationNo(4));
        assert_eq!(manifest.number, 5);
        assert_eq!(kept(&publish(&manifest, 5, 1).unwrap()), [5]);
    }

    #[test]
    fn a_publish_after_a_rollback_keeps_the_one_that_was_serving() {
        let mut manifest = Manifest::new(1);
        for number in 1..=3 {
            manifest = publish(&manifest, number, 3).unwrap();
        }
        manifest = manifest.activated("movies", GenerationNo(1)).unwrap();
        manifest = publish(&manifest, 4, 2).unwrap();
        assert_eq!(kept(&manifest), [1, 4]);
    }

    #[test]
    fn a_generation_built_on_an_older_state_is_refused() {
        let manifest = publish(&Manifest::new(1), 1, 3).unwrap();
        assert_eq!(publish(&manifest, 1, 3), Err(TransitionError::Moved));
    }

    #[test]
    fn only_a_kept_generation_can_be_rolled_back_to() {
        let manifest = publish(&Manifest::new(1), 1, 3).unwrap();
        let missing = GenerationNo(7);
        assert_eq!(
            manifest.activated("movies", missing),
            Err(TransitionError::UnknownGeneration(missing))
        );
        assert_eq!(
            manifest.activated("books", missing),
            Err(TransitionError::UnknownSpace)
        );
    }
}
