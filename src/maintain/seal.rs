//! Sealing: what is fresh becomes an immutable items segment, and a segment of every space.

use super::collect::tidy;
use super::segment::Contents;
use super::{Making, Writing, commit};
use crate::catalog::{Fresh, newest, recover};
use crate::error::{Error, Invariant};
use crate::format::items::Row;
use crate::manifest::{ItemsFile, Sealing, SpaceFile};
use crate::snapshot::{Base, Live, Overlay, Sealed, Serving, Snapshot, without_sealed};
use crate::store::ItemsWriter;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};

/// Moves every write acknowledged so far out of the journal into segments, while others go on
/// writing; gives the revision up to which everything is sealed.
pub(crate) fn seal(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    let _state = writing.hold_state();
    let cut = seal_held(live, writing)?;
    tidy(live, writing);
    Ok(cut)
}

/// [`seal`], for who holds the state already.
pub(super) fn seal_held(live: &Live, writing: &Writing) -> Result<Revision, Error> {
    // The cut: revisions up to here are in files that nobody appends to any more.
    let (cut, before) = {
        let mut writer = writing.writer()?;
        writer.journal.rotate();
        (writer.journal.last(), live.snapshot.load_full())
    };
    let manifest = &before.sealed.manifest;
    let all_sealed = cut == manifest.sealed;
    if all_sealed && before.spaces.values().all(|space| space.overlay.is_empty()) {
        return Ok(cut);
    }
    let (items, _making) = match all_sealed {
        true => (None, None),
        false => {
            let (items, making) = seal_items(live, writing, &before.sealed, cut)?;
            (Some(items), Some(making))
        }
    };
    let mut spaces = BTreeMap::new();
    let mut making = Vec::new();
    for (name, serving) in &before.spaces {
        let (segment, made) = seal_space(live, writing, serving)?;
        making.extend(made);
        spaces.insert(name.clone(), (serving.base.generation.number, segment));
    }
    let mut writer = writing.writer()?;
    let sealing = Sealing {
        items,
        spaces,
        revision: cut,
        next_item: writer.next_item,
    };
    let next = manifest.with_sealed(sealing, writer.next_file)?;
    let sealed = Sealed::open(&live.directory, next.clone(), Some(&before.sealed))?;
    let now = live.snapshot.load();
    let mut spaces = BTreeMap::new();
    for (name, serving) in &now.spaces {
        let number = serving.base.generation.number;
        let generation = next
            .spaces
            .get(name)
            .and_then(|space| space.generation(number));
        let generation = generation.ok_or_else(|| Error::Internal {
            invariant: Invariant::ServedGeneration {
                space: name.clone(),
                generation: number,
            },
        })?;
        let base = Base::open(&live.directory, name, generation, Some(&serving.base))?;
        let sealed = before.spaces.get(name).map(|serving| &serving.overlay);
        let overlay = without_sealed(&serving.overlay, sealed.unwrap_or(&Overlay::default()), cut);
        let base = Arc::new(base);
        spaces.insert(name.clone(), Arc::new(Serving { base, overlay }));
    }
    let sealed = Arc::new(sealed);
    commit(live, &mut writer, &next, Snapshot { sealed, spaces })?;
    writer.journal.drop_sealed(cut);
    drop(writer);
    live.index.drop_sealed(cut);
    Ok(cut)
}

/// The journal up to the cut as an items segment.
fn seal_items<'a>(
    live: &Live,
    writing: &'a Writing,
    sealed: &Sealed,
    cut: Revision,
) -> Result<(ItemsFile, Making<'a>), Error> {
    let manifest = &sealed.manifest;
    let recovered = recover(&live.directory, manifest.database, manifest.sealed)?;
    let up_to_cut = recovered.ops.into_iter();
    let up_to_cut = up_to_cut.take_while(|(revision, _)| *revision <= cut);
    let by_item = |(id, fresh): (String, Fresh)| (fresh.item, (id, fresh));
    let rows: BTreeMap<ItemNo, _> = newest(up_to_cut).into_iter().map(by_item).collect();
    let number = writing.writer()?.number();
    let making = writing.make(names::join(names::SEGMENTS, &names::items(number)));
    let mut segment = ItemsWriter::create(&live.directory, number, manifest.database)?;
    for (id, fresh) in rows.values() {
        segment.push(&Row {
            item: fresh.item,
            revision: fresh.revision,
            id,
            record: fresh.record.as_deref(),
        })?;
    }
    let items = segment.finish()?;
    let segments = live.directory.root.join(names::SEGMENTS);
    live.directory.sync_dir(&segments)?;
    Ok((items, making))
}

/// The overlay of a space as a segment of its generation, if there is anything to say.
fn seal_space<'a>(
    live: &Live,
    writing: &'a Writing,
    serving: &Serving,
) -> Result<(Option<SpaceFile>, Option<Making<'a>>), Error> {
    let mut contents = Contents::of(&serving.base.generation);
    for (item, late) in &serving.overlay {
        match &late.vector {
            Some(vector) => {
                contents.push(*item, vector.row());
            }
            None if serving.base.vector(*item).is_some() => contents.gone.push(item.0),
            None => {}
        }
    }
    if contents.is_empty() {
        return Ok((None, None));
    }
    let number = writing.writer()?.number();
    let making = writing.make(names::join(names::SEGMENTS, &names::space(number)));
    let database = live.snapshot.load().sealed.manifest.database;
    let quiet = |_, _| ();
    let cancelled = &writing.cancelled;
    let file = contents.write(&live.directory, database, number, &quiet, cancelled)?;
    Ok((Some(file), Some(making)))
}
