//! Sealing: unsealed writes become an immutable items segment, and a segment of every space.
//!
//! The seal cuts the journal under the writer's lock and keeps the snapshot of that moment. It writes
//! the segments without the lock, while puts go on. Under the lock again, one commit makes them part of
//! the state; writes after the cut stay in the overlays. Only then are journal files unlinked.

use super::collect::collect_or_warn;
use super::commit::commit;
use super::long_work;
use super::merge::merge_beyond_bound;
use super::pending::PendingFile;
use super::segment_builder::SegmentBuilder;
use super::writing::Writing;
use crate::error::{Error, Invariant};
use crate::format::items::Row;
use crate::manifest::{ItemsFile, Manifest, Sealing, SpaceFile};
use crate::snapshot::{Base, Live, Sealed, Serving, Snapshot, Spaces};
use crate::store::ItemsWriter;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::Revision;
use twinspire_core::telemetry::{self, Stopwatch, metrics};

/// Moves every acknowledged write from the journal into segments, and merges if there are too many of them
/// then. Returns the revision up to which everything is sealed.
pub(crate) fn seal(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    let cut = {
        let _state = writing.lock_state();
        let cut = seal_locked(live, writing)?;
        collect_or_warn(live, writing);
        cut
    };
    // The seal has succeeded, whether the merge does or not. The next seal tries again.
    if let Err(error) = merge_beyond_bound(live, writing) {
        telemetry::warn!("cannot merge: {error}");
    }
    Ok(cut)
}

/// [`seal`] under the caller's state lock, without collection.
pub(super) fn seal_locked(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    let (_span, watch) = (telemetry::info_span!("seal").entered(), Stopwatch::start());
    // The cut: revisions up to here are in journal files that are no longer appended to.
    let (cut, before) = {
        let mut writer = writing.lock_writer(live)?;
        writer.journal.rotate();
        (writer.journal.last(), live.snapshot.load_full())
    };
    let manifest = &before.sealed.manifest;
    let all_sealed = cut == manifest.sealed;
    if all_sealed && before.spaces.values().all(|space| space.overlay.is_empty()) {
        return Ok(cut);
    }
    // The guards keep the new files from collection until the commit.
    let mut pending = Vec::new();
    let items = match all_sealed {
        true => None,
        false => Some(seal_items(live, writing, &before, &mut pending)?),
    };
    let mut spaces = BTreeMap::new();
    for (name, serving) in &before.spaces {
        let segment = seal_space(live, writing, serving, &mut pending)?;
        spaces.insert(name.to_string(), (serving.base.generation.number, segment));
    }
    let mut writer = writing.lock_writer(live)?;
    let sealing = Sealing {
        items,
        spaces,
        revision: cut,
        next_item: writer.next_item(),
        fields: Arc::clone(&before.fields),
    };
    let next = manifest.with_sealed(sealing, writer.next_file)?;
    let next = snapshot_after(live, next, cut)?;
    commit(live, &mut writer, next)?;
    writer.journal.drop_sealed(cut);
    let journal_bytes = writer.journal.bytes();
    drop(writer);
    writing.index.drop_sealed(cut);
    metrics::SEALS.add(1);
    metrics::SEAL_SECONDS.observe(watch.seconds());
    live.record_fresh(journal_bytes);
    Ok(cut)
}

/// The state after the seal: the new segments, and overlays without what they hold.
fn snapshot_after(live: &Live, manifest: Manifest, cut: Revision) -> Result<Snapshot, Error> {
    let now = live.snapshot.load();
    let sealed = Sealed::open(&live.directory, manifest, Some(&now.sealed))?;
    let mut spaces = Spaces::new();
    for (name, serving) in &now.spaces {
        let number = serving.base.generation.number;
        let entry = sealed.manifest.spaces.get(&**name);
        let generation = entry.and_then(|space| space.generation(number));
        let generation = generation.ok_or_else(|| Error::Internal {
            invariant: Invariant::ServedGeneration {
                space: name.to_string(),
                generation: number,
            },
        })?;
        let base = Base::open(&live.directory, name, generation, Some(&serving.base))?;
        let overlay = serving.overlay.after_seal(cut, &base);
        let base = Arc::new(base);
        spaces.insert(Arc::clone(name), Arc::new(Serving { base, overlay }));
    }
    Ok(Snapshot {
        sealed: Arc::new(sealed),
        fresh: now.fresh.after_seal(cut),
        spaces,
        unusable: now.unusable.clone(),
        fields: Arc::clone(&now.fields),
    })
}

/// Writes the unsealed items as an items segment.
fn seal_items<'a>(
    live: &Live,
    writing: &'a Writing,
    before: &Snapshot,
    pending: &mut Vec<PendingFile<'a>>,
) -> Result<ItemsFile, Error> {
    let manifest = &before.sealed.manifest;
    let (number, guard) = writing.reserve_items()?;
    pending.push(guard);
    let segment = ItemsWriter::create(&live.directory, number, manifest)?;
    long_work::run(before.fresh.len(), || write_fresh(before, segment))
}

/// Writes the unsealed items of a state.
fn write_fresh(before: &Snapshot, mut segment: ItemsWriter) -> Result<ItemsFile, Error> {
    for item in before.fresh.iter() {
        let row = Row {
            item: item.version.item,
            revision: item.version.revision,
            id: &item.id,
            born: before.sealed.born(&item.version)?,
            record: item.version.record.as_deref(),
        };
        match item.read_fields() {
            Some(fields) => segment.push_with_fields(&row, fields)?,
            None => segment.push(&row)?,
        }
    }
    Ok(segment.finish()?)
}

/// Writes the overlay of a space as a segment of its generation. `None` if that would be empty.
fn seal_space<'a>(
    live: &Live,
    writing: &'a Writing,
    serving: &Serving,
    pending: &mut Vec<PendingFile<'a>>,
) -> Result<Option<SpaceFile>, Error> {
    let mut segment = SegmentBuilder::new(&serving.base.generation);
    for (item, vector) in serving.overlay.iter() {
        match vector {
            Some(vector) => segment.push(item, vector),
            None => segment.gone.push(item.0),
        }
    }
    if segment.is_empty() {
        return Ok(None);
    }
    let (number, guard) = writing.reserve_space()?;
    pending.push(guard);
    let database = live.snapshot.load().sealed.manifest.database;
    let (no_progress, cancelled) = (|_, _| (), &writing.cancelled);
    let file = segment.write(&live.directory, database, number, &no_progress, cancelled)?;
    Ok(Some(file))
}
