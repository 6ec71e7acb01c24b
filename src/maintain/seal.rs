//! Sealing: unsealed writes become an immutable items segment, and a segment of every space.
//!
//! The seal cuts the journal under the writer's lock and keeps the snapshot of that moment. It writes
//! the segments without the lock, while puts go on. Under the lock again, one commit makes them part of
//! the state; writes after the cut stay in the overlays. Only then are journal files unlinked.

use super::collect::collect_or_warn;
use super::commit::commit;
use super::pending::PendingFile;
use super::segment_builder::SegmentBuilder;
use super::writing::Writing;
use crate::catalog::{Fresh, newest, recover};
use crate::error::{Error, Invariant};
use crate::format::items::Row;
use crate::manifest::{ItemsFile, Manifest, Sealing, SpaceFile};
use crate::snapshot::{Base, Live, Overlay, Sealed, Serving, Snapshot, without_sealed};
use crate::store::ItemsWriter;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};

/// Moves every acknowledged write from the journal into segments. Returns the revision up to which
/// everything is sealed.
pub(crate) fn seal(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    let _state = writing.lock_state();
    let cut = seal_locked(live, writing)?;
    collect_or_warn(live, writing);
    Ok(cut)
}

/// [`seal`] under the caller's state lock, without collection.
pub(super) fn seal_locked(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    // The cut: revisions up to here are in journal files that are no longer appended to.
    let (cut, before) = {
        let mut writer = writing.lock_writer()?;
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
        false => Some(seal_items(
            live,
            writing,
            &before.sealed,
            cut,
            &mut pending,
        )?),
    };
    let mut spaces = BTreeMap::new();
    for (name, serving) in &before.spaces {
        let segment = seal_space(live, writing, serving, &mut pending)?;
        spaces.insert(name.clone(), (serving.base.generation.number, segment));
    }
    let mut writer = writing.lock_writer()?;
    let sealing = Sealing {
        items,
        spaces,
        revision: cut,
        next_item: writer.next_item,
        fields: Arc::clone(&before.fields),
    };
    let next = manifest.with_sealed(sealing, writer.next_file)?;
    let next = snapshot_after(live, &before, next, cut)?;
    commit(live, &mut writer, next)?;
    writer.journal.drop_sealed(cut);
    drop(writer);
    live.index.drop_sealed(cut);
    Ok(cut)
}

/// The state after the seal: the new segments, and overlays without what they hold.
fn snapshot_after(
    live: &Live,
    before: &Snapshot,
    manifest: Manifest,
    cut: Revision,
) -> Result<Snapshot, Error> {
    let sealed = Sealed::open(&live.directory, manifest, Some(&before.sealed))?;
    let (now, empty) = (live.snapshot.load(), Overlay::default());
    let mut spaces = BTreeMap::new();
    for (name, serving) in &now.spaces {
        let number = serving.base.generation.number;
        let entry = sealed.manifest.spaces.get(name);
        let generation = entry.and_then(|space| space.generation(number));
        let generation = generation.ok_or_else(|| Error::Internal {
            invariant: Invariant::ServedGeneration {
                space: name.clone(),
                generation: number,
            },
        })?;
        let base = Base::open(&live.directory, name, generation, Some(&serving.base))?;
        let at_cut = before.spaces.get(name).map(|serving| &serving.overlay);
        let at_cut = at_cut.unwrap_or(&empty);
        let overlay = without_sealed(&serving.overlay, at_cut, cut);
        let base = Arc::new(base);
        spaces.insert(name.clone(), Arc::new(Serving { base, overlay }));
    }
    let sealed = Arc::new(sealed);
    let (unusable, fields) = (now.unusable.clone(), Arc::clone(&now.fields));
    Ok(Snapshot {
        sealed,
        spaces,
        unusable,
        fields,
    })
}

/// Writes the journal up to the cut as an items segment.
fn seal_items<'a>(
    live: &Live,
    writing: &'a Writing,
    sealed: &Sealed,
    cut: Revision,
    pending: &mut Vec<PendingFile<'a>>,
) -> Result<ItemsFile, Error> {
    let manifest = &sealed.manifest;
    let recovered = recover(&live.directory, manifest.database, manifest.sealed)?;
    let up_to_cut = recovered.ops.into_iter();
    let up_to_cut = up_to_cut.take_while(|(revision, _)| *revision <= cut);
    let by_item = |(id, fresh): (String, Fresh)| (fresh.item, (id, fresh));
    let rows: BTreeMap<ItemNo, _> = newest(up_to_cut).into_iter().map(by_item).collect();
    let (number, guard) = writing.reserve_items()?;
    pending.push(guard);
    let mut segment = ItemsWriter::create(
        &live.directory,
        number,
        manifest.database,
        manifest.fields.unfiltered(),
    )?;
    for (id, fresh) in rows.values() {
        segment.push(&Row {
            item: fresh.item,
            revision: fresh.revision,
            id,
            born: sealed.born(fresh)?,
            record: fresh.record.as_deref(),
        })?;
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
    for (item, fresh) in &serving.overlay {
        match &fresh.vector {
            Some(vector) => segment.push(*item, vector.row()),
            None if serving.base.vector(*item).is_some() => segment.gone.push(item.0),
            None => {}
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
