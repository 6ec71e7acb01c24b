//! Merging items segments.

use super::plan::{Extent, Fill, plan};
use crate::error::Error;
use crate::maintain::commit::commit;
use crate::maintain::long_work;
use crate::maintain::pending::PendingFile;
use crate::maintain::writing::Writing;
use crate::manifest::ItemsFile;
use crate::snapshot::{Live, Sealed, Snapshot};
use crate::store::{ItemsSegment, ItemsWriter};
use std::collections::BTreeSet;
use std::sync::Arc;
use twinspire_core::ids::{FileNo, ItemNo, Revision};
use twinspire_core::telemetry::{self, Stopwatch, metrics};

/// Merges items segments, if any are due.
pub(super) fn merge_items(live: &Live, writing: &Writing, extent: Extent) -> Result<(), Error> {
    // A tombstone is dropped once every generation has it, including one that is being published.
    let (sealed, settled) = {
        let writer = writing.lock_writer(live)?;
        let sealed = Arc::clone(&live.snapshot.load().sealed);
        let cut = sealed.manifest.oldest_cut();
        let settled = writer.publish_cut.map_or(cut, |publish| publish.min(cut));
        (sealed, settled)
    };
    let Some(range) = plan(&fills(&sealed, settled, extent)?, extent) else {
        return Ok(());
    };
    // Older segments that stay may hold the item that a tombstone hides.
    let drop_up_to = match range.start {
        0 => settled,
        _ => Revision(0),
    };
    let inputs = sealed.items.get(range).unwrap_or_default();
    replace(live, writing, inputs, drop_up_to)
}

/// Writes each items segment again that lacks a lexical index. The caller holds the merge lock: segments are only added
/// meanwhile, and those have their indexes.
pub(crate) fn index_texts(live: &Live, writing: &Writing) -> Result<(), Error> {
    let sealed = Arc::clone(&live.snapshot.load().sealed);
    let analyses = sealed.manifest.analyses();
    let mut due = sealed.items.iter();
    due.try_for_each(|segment| match segment.has_lexical(&analyses) {
        true => Ok(()),
        false => replace(live, writing, std::slice::from_ref(segment), Revision(0)),
    })
}

/// Replaces adjacent items segments by one with the newest row of every item, except for tombstones up to
/// `drop_up_to`.
fn replace(
    live: &Live,
    writing: &Writing,
    inputs: &[Arc<ItemsSegment>],
    drop_up_to: Revision,
) -> Result<(), Error> {
    let _span = telemetry::info_span!("merge", of = "items", segments = inputs.len()).entered();
    let watch = Stopwatch::start();
    let (output, _pending) = write_newest(live, writing, inputs, drop_up_to)?;
    let numbers: Vec<FileNo> = inputs.iter().map(|s| s.pinned().file.number).collect();

    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    let manifest = manifest.with_merged_items(&numbers, output, writer.next_file)?;
    let sealed = Sealed::open(&live.directory, manifest, Some(&before.sealed))?;
    let next = Snapshot {
        sealed: Arc::new(sealed),
        ..Snapshot::clone(&before)
    };
    commit(live, &mut writer, next)?;
    metrics::MERGES.add_for("items", 1);
    metrics::MERGE_SECONDS.observe_for("items", watch.seconds());
    Ok(())
}

/// How full each items segment is, oldest first. Tombstones up to `settled` are not needed.
fn fills(sealed: &Sealed, settled: Revision, extent: Extent) -> Result<Vec<Fill>, Error> {
    let mut newer = BTreeSet::new();
    let mut fills = Vec::with_capacity(sealed.items.len());
    for segment in sealed.items.iter().rev() {
        let overwritten = |item: &&u32| segment.row_of(ItemNo(**item)).is_some();
        let mut dead = newer.iter().filter(overwritten).count();
        // Reading every row pays off only where one segment decides over a merge of everything.
        if extent == Extent::All && sealed.items.len() == 1 {
            for row in 0..segment.rows() {
                let row = segment.row(row)?;
                dead += usize::from(row.record.is_none() && row.revision <= settled);
            }
        }
        let rows = segment.rows();
        fills.push(Fill {
            rows,
            needed: rows.saturating_sub(dead),
        });
        newer.extend(segment.numbers().iter().copied());
    }
    fills.reverse();
    Ok(fills)
}

/// Writes the newest row of every item in the inputs, except for tombstones up to `drop_up_to`. No
/// segment if no row is left.
fn write_newest<'a>(
    live: &Live,
    writing: &'a Writing,
    inputs: &[Arc<ItemsSegment>],
    drop_up_to: Revision,
) -> Result<(Option<ItemsFile>, PendingFile<'a>), Error> {
    let mut rows: Vec<(u32, u32, u32)> = Vec::new();
    for (at, segment) in (0u32..).zip(inputs) {
        let numbered = (0u32..).zip(segment.numbers());
        rows.extend(numbered.map(|(row, item)| (*item, at, row)));
    }
    rows.sort_unstable();
    let mut newest = rows.iter().enumerate().filter(|(at, (item, ..))| {
        let next = rows.get(at + 1);
        next.is_none_or(|(other, ..)| other != item)
    });
    let (number, pending) = writing.reserve_items()?;
    let sealed = Arc::clone(&live.snapshot.load().sealed);
    let mut writer = ItemsWriter::create(&live.directory, number, &sealed.manifest)?;
    let mut any = false;
    let write = |(_, (_, at, row)): (usize, &(u32, u32, u32))| -> Result<(), Error> {
        let Some(segment) = inputs.get(*at as usize) else {
            return Ok(());
        };
        let row = segment.row(*row as usize)?;
        if row.record.is_some() || row.revision > drop_up_to {
            writer.push(&row)?;
            any = true;
        }
        Ok(())
    };
    long_work::run(rows.len(), || newest.try_for_each(write))?;
    let output = any.then(|| writer.finish()).transpose()?;
    Ok((output, pending))
}
