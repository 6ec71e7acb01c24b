//! Merging the segments of a space's active generation.

use super::plan::{Extent, Fill, plan};
use crate::error::Error;
use crate::maintain::commit::commit;
use crate::maintain::long_work;
use crate::maintain::segment_builder::SegmentBuilder;
use crate::maintain::writing::Writing;
use crate::snapshot::{Base, Live, Part, Serving};
use std::collections::BTreeSet;
use std::sync::Arc;
use twinspire_core::ids::{FileNo, ItemNo};
use twinspire_core::telemetry::{self, Stopwatch, metrics};

/// Merges segments of the active generation of a space, if any are due.
pub(super) fn merge_space(
    live: &Live,
    writing: &Writing,
    space: &str,
    extent: Extent,
) -> Result<(), Error> {
    let Some(serving) = live.snapshot.load().spaces.get(space).cloned() else {
        return Ok(());
    };
    let base = &serving.base;
    let fill = |part: &Part| Fill {
        rows: part.segment.items().len() + part.segment.gone().len(),
        needed: part.shown(),
    };
    let fills: Vec<Fill> = base.parts.iter().map(fill).collect();
    let Some(range) = plan(&fills, extent) else {
        return Ok(());
    };
    let with_oldest = range.start == 0;
    let inputs = base.parts.get(range).unwrap_or_default();
    let _span = telemetry::info_span!("merge", of = space, segments = inputs.len()).entered();
    let watch = Stopwatch::start();
    let shown = inputs.iter().map(Part::shown).sum();
    let segment = long_work::run(shown, || collect_shown(base, inputs, with_oldest));
    let (number, _pending) = writing.reserve_space()?;
    let output = match segment.is_empty() {
        true => None,
        false => {
            let database = live.snapshot.load().sealed.manifest.database;
            let (no_progress, cancelled) = (|_, _| (), &writing.cancelled);
            Some(segment.write(&live.directory, database, number, &no_progress, cancelled)?)
        }
    };
    let numbers = inputs.iter().map(|part| part.segment.pinned().file.number);
    let numbers: Vec<FileNo> = numbers.collect();

    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    let generation = base.generation.number;
    let manifest = &before.sealed.manifest;
    let next_file = writer.next_file;
    let merged = manifest.with_merged_space(space, generation, &numbers, output, next_file);
    // A generation that was removed meanwhile needs no merge.
    let Ok(manifest) = merged else { return Ok(()) };
    let mut next = before.with_manifest(manifest);
    if let Some(now) = before
        .spaces
        .get(space)
        .filter(|now| now.base.generation.number == generation)
        && let Some(entry) = next.sealed.manifest.spaces.get(space)
        && let Some(merged) = entry.generation(generation)
    {
        let base = Base::open(&live.directory, space, merged, Some(&now.base))?;
        let (base, overlay) = (Arc::new(base), now.overlay.clone());
        next = next.with_space(space, Serving { base, overlay });
    }
    commit(live, &mut writer, next)?;
    metrics::MERGES.add_for("space", 1);
    metrics::MERGE_SECONDS.observe_for("space", watch.seconds());
    Ok(())
}

/// The visible items of the parts, in order. Unless the oldest part is among them, tombstones stay
/// for the items of older parts.
fn collect_shown(base: &Base, parts: &[Part], with_oldest: bool) -> SegmentBuilder {
    let mut found: Vec<(u32, usize, u32)> = Vec::new();
    let mut gone = BTreeSet::new();
    for (at, part) in parts.iter().enumerate() {
        let slots = (0u32..).zip(part.segment.items());
        let shown = slots.filter(|(slot, _)| part.shows(*slot));
        found.extend(shown.map(|(slot, item)| (*item, at, slot)));
        gone.extend(part.segment.gone().iter().copied());
    }
    found.sort_unstable();
    let mut segment = SegmentBuilder::new(&base.generation);
    let largest = parts.iter().max_by_key(|part| part.shown());
    segment.donor = largest.map(|part| Arc::clone(&part.segment));
    for (item, at, slot) in found {
        if let Some(row) = parts.get(at).and_then(|part| part.row(slot)) {
            segment.push(ItemNo(item), row);
            gone.remove(&item);
        }
    }
    if !with_oldest {
        let is_hidden = |item: &u32| {
            let mut parts = base.parts.iter();
            parts.any(|part| part.segment.slot(ItemNo(*item)).is_some())
        };
        segment.gone = gone.into_iter().filter(is_hidden).collect();
    }
    segment
}
