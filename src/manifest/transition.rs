//! Transitions: a manifest in, the next manifest out.

use super::calibration::Calibration;
use super::error::TransitionError;
use super::files::{ItemsFile, SpaceFile};
use super::generation::Generation;
use super::space::Space;
use super::state::Manifest;
use crate::ensemble::Ensemble;
use crate::filter::KnownFields;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::{FileNo, GenerationNo, ItemNo, Revision};

/// The segments that a seal adds.
#[derive(Debug)]
pub(crate) struct Sealing {
    /// The new items segment. `None` if all items are sealed and only spaces lag behind, as after a
    /// rollback.
    pub(crate) items: Option<ItemsFile>,
    /// For each space, the number of the active generation and its new segment. No segment if nothing
    /// changed for it.
    pub(crate) spaces: BTreeMap<String, (GenerationNo, Option<SpaceFile>)>,
    /// The revision up to which everything is sealed now.
    pub(crate) revision: Revision,
    /// The next item number.
    pub(crate) next_item: ItemNo,
    /// Every field that an item has or had up to there.
    pub(crate) fields: Arc<KnownFields>,
}

impl Manifest {
    /// The next commit. File numbers below `next_file` are used up.
    pub(super) fn advanced(&self, next_file: FileNo) -> Self {
        Self {
            number: self.number + 1,
            next_file: self.next_file.max(next_file),
            ..self.clone()
        }
    }

    /// After a seal: the new segments, in the active generation of every space too.
    pub(crate) fn with_sealed(
        &self,
        sealing: Sealing,
        next_file: FileNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(next_file);
        if sealing.revision < self.sealed || sealing.next_item < self.next_item {
            return Err(TransitionError::Moved);
        }
        next.items.extend(sealing.items);
        next.sealed = sealing.revision;
        next.next_item = sealing.next_item;
        next.fields = sealing.fields;
        for (name, (number, segment)) in sealing.spaces {
            let space = next.spaces.get_mut(&name);
            let space = space.ok_or_else(|| TransitionError::unknown(&name))?;
            if space.active != number {
                return Err(TransitionError::Moved);
            }
            let active = space.generation_mut(number)?;
            active.segments.extend(segment);
            active.cut = sealing.revision;
        }
        Ok(next)
    }

    /// After a publish: the new generation of `space` is active. The oldest ones beyond `retain` are
    /// removed; the previously active one stays unless `retain` is 1.
    pub(crate) fn published(
        &self,
        space: &str,
        generation: Generation,
        next_file: FileNo,
        retain: usize,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(next_file);
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
        entry.remove_oldest(retain, |kept| kept != before || retain < 2);
        next.realign_fused_spaces();
        Ok(next)
    }

    /// After a retention: the oldest generations of `space` beyond `retain` are removed, but never the
    /// active one.
    pub(crate) fn retained(&self, space: &str, retain: usize) -> Result<Self, TransitionError> {
        let mut next = self.advanced(self.next_file);
        let entry = next.spaces.get_mut(space);
        let entry = entry.ok_or_else(|| TransitionError::unknown(space))?;
        entry.remove_oldest(retain, |_| true);
        Ok(next)
    }

    /// After a rollback: another kept generation of `space` is active.
    pub(crate) fn activated(
        &self,
        space: &str,
        number: GenerationNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(self.next_file);
        let entry = next
            .spaces
            .get_mut(space)
            .ok_or_else(|| TransitionError::unknown(space))?;
        entry.generation_mut(number)?;
        entry.active = number;
        next.realign_fused_spaces();
        Ok(next)
    }

    /// Realigns fused spaces with their members. A fused space keeps its generation if that was built from
    /// the active generations of all members. Otherwise its newest generation that was becomes active. If
    /// there is no such generation, the space stays out of step.
    fn realign_fused_spaces(&mut self) {
        let active: BTreeMap<String, GenerationNo> = {
            let spaces = self.spaces.iter();
            spaces
                .map(|(name, space)| (name.clone(), space.active))
                .collect()
        };
        let in_step = |generation: &Generation| {
            let mut members = generation.members.iter();
            members.all(|(name, made_of)| active.get(name) == Some(made_of))
        };
        for space in self.spaces.values_mut() {
            let others = space.generations.iter().rev();
            let best = space
                .active()
                .into_iter()
                .chain(others)
                .find(|g| in_step(g));
            space.active = best.map_or(space.active, |best| best.number);
        }
    }

    /// After a calibration of generation `number` of `space`, which must be active.
    pub(crate) fn calibrated(
        &self,
        space: &str,
        number: GenerationNo,
        calibration: Calibration,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(self.next_file);
        let entry = next.spaces.get_mut(space);
        let entry = entry.ok_or_else(|| TransitionError::unknown(space))?;
        if entry.active != number {
            return Err(TransitionError::Moved);
        }
        let generation = entry.generation_mut(number)?;
        if let Some(measured) = calibration.default_recall() {
            generation.recall = measured.recall;
        }
        generation.calibration = calibration;
        Ok(next)
    }

    /// Defines an ensemble, or with None removes it.
    pub(crate) fn with_ensemble(&self, name: &str, ensemble: Option<Ensemble>) -> Self {
        let mut next = self.advanced(self.next_file);
        match ensemble {
            Some(ensemble) => next.ensembles.insert(name.to_owned(), ensemble),
            None => next.ensembles.remove(name),
        };
        next
    }

    /// With other known fields, or others kept out of filters.
    pub(crate) fn with_fields(&self, fields: Arc<KnownFields>) -> Self {
        Self {
            fields,
            ..self.advanced(self.next_file)
        }
    }

    /// After a merge: `output`, `None` if it has no rows, replaces the adjacent items segments `inputs`.
    pub(crate) fn with_merged_items(
        &self,
        inputs: &[FileNo],
        output: Option<ItemsFile>,
        next_file: FileNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(next_file);
        replace(&mut next.items, |items| items.file.number, inputs, output)?;
        Ok(next)
    }

    /// After a merge: `output`, `None` if it is empty, replaces the adjacent space segments `inputs` of
    /// generation `number`.
    pub(crate) fn with_merged_space(
        &self,
        space: &str,
        number: GenerationNo,
        inputs: &[FileNo],
        output: Option<SpaceFile>,
        next_file: FileNo,
    ) -> Result<Self, TransitionError> {
        let mut next = self.advanced(next_file);
        let entry = next.spaces.get_mut(space);
        let entry = entry.ok_or_else(|| TransitionError::unknown(space))?;
        let segments = &mut entry.generation_mut(number)?.segments;
        replace(segments, |segment| segment.file.number, inputs, output)?;
        Ok(next)
    }

    /// The number of the next generation of `space`.
    pub(crate) fn next_generation(&self, space: &str) -> GenerationNo {
        self.spaces
            .get(space)
            .map_or(GenerationNo(1), |space| space.next)
    }

    /// The revision up to which every kept generation has all writes in its segments.
    pub(crate) fn oldest_cut(&self) -> Revision {
        let kept = self.spaces.values().flat_map(|space| &space.generations);
        kept.map(|generation| generation.cut)
            .min()
            .unwrap_or(self.sealed)
    }
}

impl Space {
    fn generation_mut(&mut self, number: GenerationNo) -> Result<&mut Generation, TransitionError> {
        let found = self.generations.iter_mut().find(|g| g.number == number);
        found.ok_or(TransitionError::UnknownGeneration(number))
    }

    /// Removes the oldest generations beyond `retain`, of those that are removable and not active.
    fn remove_oldest(&mut self, retain: usize, is_removable: impl Fn(GenerationNo) -> bool) {
        while self.generations.len() > retain.max(1) {
            let goes = |g: &Generation| g.number != self.active && is_removable(g.number);
            match self.generations.iter().position(goes) {
                Some(at) => drop(self.generations.remove(at)),
                None => break,
            }
        }
    }
}

/// Replaces the adjacent files `inputs` by `output`.
fn replace<T>(
    files: &mut Vec<T>,
    number: impl Fn(&T) -> FileNo,
    inputs: &[FileNo],
    output: Option<T>,
) -> Result<(), TransitionError> {
    let first = inputs.first().ok_or(TransitionError::Moved)?;
    let from = files.iter().position(|file| number(file) == *first);
    let from = from.ok_or(TransitionError::Moved)?;
    let found = files.iter().skip(from).take(inputs.len()).map(&number);
    if !found.eq(inputs.iter().copied()) {
        return Err(TransitionError::Moved);
    }
    files.splice(from..from + inputs.len(), output);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::FileRef;
    use twinspire_core::kernel::{Metric, Storage};

    fn generation(number: u64) -> Generation {
        Generation {
            number: GenerationNo(number),
            cut: Revision(number),
            dimension: 4,
            metric: Metric::Cosine,
            storage: Storage::Full,
            partial: false,
            index: crate::index::IndexKind::Graph,
            index_reason: crate::index::IndexReason::FewVectors,
            left_out: 0,
            members: BTreeMap::new(),
            segments: Vec::new(),
            towers: Vec::new(),
            towers_hash: number,
            created_unix_ms: 0,
            recall: 1.0,
            calibration: Calibration::default(),
        }
    }

    fn publish(
        manifest: &Manifest,
        number: u64,
        retain: usize,
    ) -> Result<Manifest, TransitionError> {
        manifest.published("movies", generation(number), FileNo(9), retain)
    }

    fn kept(manifest: &Manifest) -> Vec<u64> {
        manifest.spaces["movies"]
            .generations
            .iter()
            .map(|g| g.number.0)
            .collect()
    }

    #[test]
    fn publishing_retains_the_requested_number_of_generations() {
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
    fn a_publish_after_a_rollback_keeps_the_previously_active_generation() {
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
            Err(TransitionError::unknown("books"))
        );
    }

    fn items(number: u64) -> ItemsFile {
        ItemsFile {
            file: FileRef {
                number: FileNo(number),
                length: 0,
                identity: 0,
                checksum: 0,
            },
            rows: 1,
            newest: Revision(number),
        }
    }

    fn space_file(number: u64) -> SpaceFile {
        SpaceFile {
            file: items(number).file,
            items: 1,
            gone: 0,
        }
    }

    fn seal(manifest: &Manifest, number: u64, active: u64) -> Result<Manifest, TransitionError> {
        let sealing = Sealing {
            items: Some(items(number)),
            spaces: BTreeMap::from([(
                "movies".to_owned(),
                (GenerationNo(active), Some(space_file(100 + number))),
            )]),
            revision: Revision(number),
            next_item: ItemNo(3),
            fields: Arc::default(),
        };
        manifest.with_sealed(sealing, FileNo(200))
    }

    #[test]
    fn a_seal_extends_the_active_generation_only_and_refuses_another_one() {
        let manifest = publish(&Manifest::new(1), 1, 3).unwrap();
        let manifest = publish(&manifest, 2, 3).unwrap();
        let sealed = seal(&manifest, 7, 2).unwrap();
        let generations = &sealed.spaces["movies"].generations;
        assert_eq!(
            (generations[0].cut, generations[0].segments.len()),
            (Revision(1), 0)
        );
        assert_eq!(
            (generations[1].cut, generations[1].segments.len()),
            (Revision(7), 1)
        );
        assert_eq!(sealed.oldest_cut(), Revision(1));
        assert_eq!(seal(&manifest, 7, 1), Err(TransitionError::Moved));
        assert_eq!(seal(&sealed, 6, 2), Err(TransitionError::Moved));
    }

    #[test]
    fn a_merge_replaces_its_inputs_only_while_they_are_adjacent() {
        let mut manifest = publish(&Manifest::new(1), 1, 3).unwrap();
        for number in 2..=5 {
            manifest = seal(&manifest, number, 1).unwrap();
        }
        let numbers = |list: &[u64]| list.iter().copied().map(FileNo).collect::<Vec<_>>();
        let merged = manifest
            .with_merged_items(&numbers(&[3, 4]), Some(items(9)), FileNo(10))
            .unwrap();
        let left: Vec<_> = merged
            .items
            .iter()
            .map(|items| items.file.number.0)
            .collect();
        assert_eq!(left, [2, 9, 5]);
        for moved in [&[2, 4][..], &[4, 3], &[5, 6], &[]] {
            let refused = manifest.with_merged_items(&numbers(moved), Some(items(9)), FileNo(10));
            assert_eq!(refused, Err(TransitionError::Moved), "{moved:?}");
        }
        let inputs = numbers(&[104, 105]);
        let number = GenerationNo(1);
        let merged = manifest
            .with_merged_space("movies", number, &inputs, None, FileNo(10))
            .unwrap();
        assert_eq!(merged.spaces["movies"].generations[0].segments.len(), 2);
    }

    #[test]
    fn retention_removes_the_oldest_and_keeps_the_active_generation() {
        let mut manifest = Manifest::new(1);
        for number in 1..=4 {
            manifest = publish(&manifest, number, 9).unwrap();
        }
        let manifest = manifest.activated("movies", GenerationNo(2)).unwrap();
        assert_eq!(kept(&manifest.retained("movies", 2).unwrap()), [2, 4]);
        assert_eq!(kept(&manifest.retained("movies", 0).unwrap()), [2]);
    }
}
