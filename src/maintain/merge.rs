//! Merging: several segments become one, without what was overwritten or deleted.
//!
//! Segments grow by factors: one is merged with all that are newer once these together hold as much
//! as is left of it. So there are at most about log2(n) of them, each row is written again about as
//! often, and what is hidden never takes more room than what is shown.

use super::collect::tidy;
use super::segment::Contents;
use super::{Making, Writing, commit, held};
use crate::error::Error;
use crate::manifest::ItemsFile;
use crate::snapshot::{Base, Live, Part, Sealed, Serving, Snapshot};
use crate::store::{ItemsSegment, ItemsWriter};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{FileNo, ItemNo, Revision};

/// How much to merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What has become due by size.
    Due,
    /// Everything into one segment.
    All,
}

/// Merges the segments of the items, and those of the active generation of every space.
pub(crate) fn merge(live: &Live, writing: &Writing, extent: Extent) -> Result<(), Error> {
    let _merging = held(&writing.merging);
    drop(writing.writer()?);
    merge_items(live, writing, extent)?;
    let spaces: Vec<String> = live.snapshot.load().spaces.keys().cloned().collect();
    for space in spaces {
        merge_space(live, writing, &space, extent)?;
    }
    let _state = writing.hold_state();
    tidy(live, writing);
    Ok(())
}

/// How full a segment is.
#[derive(Clone, Copy, Debug)]
struct Fill {
    rows: usize,
    /// Rows that are still needed.
    needed: usize,
}

/// The segments to be merged, oldest first as they are given.
fn plan(fills: &[Fill], extent: Extent) -> Option<Range<usize>> {
    let from = match extent {
        Extent::All => {
            let useless = |fill: &Fill| fill.needed < fill.rows;
            (fills.len() > 1 || fills.iter().any(useless)).then_some(0)
        }
        Extent::Due => (0..fills.len()).find(|at| {
            let (older, newer) = fills.split_at(at + 1);
            let newer: usize = newer.iter().map(|fill| fill.rows).sum();
            newer > 0 && older.last().is_some_and(|older| newer >= older.needed)
        }),
    };
    from.map(|from| from..fills.len())
}

fn merge_items(live: &Live, writing: &Writing, extent: Extent) -> Result<(), Error> {
    // A delete is forgotten once every generation has it, the one in the making too.
    let (sealed, settled) = {
        let writer = writing.writer()?;
        let sealed = Arc::clone(&live.snapshot.load().sealed);
        let cut = sealed.manifest.oldest_cut();
        (
            sealed,
            writer
                .publishing
                .map_or(cut, |publishing| publishing.min(cut)),
        )
    };
    let Some(range) = plan(&fills_of_items(&sealed, settled, extent)?, extent) else {
        return Ok(());
    };
    let forget = if range.start == 0 {
        settled
    } else {
        Revision(0)
    };
    let inputs = sealed.items.get(range).unwrap_or_default();
    let (output, _making) = write_items(live, writing, inputs, forget)?;
    let numbers: Vec<FileNo> = inputs.iter().map(|s| s.pinned().file.number).collect();

    let _state = writing.hold_state();
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    let next = manifest.with_merged_items(&numbers, output, writer.next_file)?;
    let sealed = Sealed::open(&live.directory, next.clone(), Some(&before.sealed))?;
    let (sealed, spaces) = (Arc::new(sealed), before.spaces.clone());
    commit(live, &mut writer, &next, Snapshot { sealed, spaces })
}

fn fills_of_items(sealed: &Sealed, settled: Revision, extent: Extent) -> Result<Vec<Fill>, Error> {
    let mut newer = BTreeSet::new();
    let mut fills = Vec::with_capacity(sealed.items.len());
    for segment in sealed.items.iter().rev() {
        let overwritten = |item: &&u32| segment.row_of(ItemNo(**item)).is_some();
        let mut useless = newer.iter().filter(overwritten).count();
        // Only to merge everything is it worth looking at every row.
        if extent == Extent::All && sealed.items.len() == 1 {
            for row in 0..segment.rows() {
                let row = segment.row(row)?;
                useless += usize::from(row.record.is_none() && row.revision <= settled);
            }
        }
        let rows = segment.rows();
        fills.push(Fill {
            rows,
            needed: rows.saturating_sub(useless),
        });
        newer.extend(segment.numbers().iter().copied());
    }
    fills.reverse();
    Ok(fills)
}

/// The newest row of every item in the inputs, without deletes up to `forget`; no segment if nothing
/// is left.
fn write_items<'a>(
    live: &Live,
    writing: &'a Writing,
    inputs: &[Arc<ItemsSegment>],
    forget: Revision,
) -> Result<(Option<ItemsFile>, Option<Making<'a>>), Error> {
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
    let number = writing.writer()?.number();
    let making = writing.make(names::join(names::SEGMENTS, &names::items(number)));
    let database = live.snapshot.load().sealed.manifest.database;
    let mut writer = ItemsWriter::create(&live.directory, number, database)?;
    let mut any = false;
    newest.try_for_each(|(_, (_, at, row))| -> Result<(), Error> {
        let Some(segment) = inputs.get(*at as usize) else {
            return Ok(());
        };
        let row = segment.row(*row as usize)?;
        if row.record.is_some() || row.revision > forget {
            writer.push(&row)?;
            any = true;
        }
        Ok(())
    })?;
    if !any {
        return Ok((None, None));
    }
    let output = writer.finish()?;
    let segments = live.directory.root.join(names::SEGMENTS);
    live.directory.sync_dir(&segments)?;
    Ok((Some(output), Some(making)))
}

fn merge_space(live: &Live, writing: &Writing, space: &str, extent: Extent) -> Result<(), Error> {
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
    let oldest = range.start == 0;
    let inputs = base.parts.get(range).unwrap_or_default();
    let contents = gather(base, inputs, oldest);
    let number = writing.writer()?.number();
    let _making = writing.make(names::join(names::SEGMENTS, &names::space(number)));
    let output = match contents.is_empty() {
        true => None,
        false => {
            let database = live.snapshot.load().sealed.manifest.database;
            let quiet = |_, _| ();
            let cancelled = &writing.cancelled;
            Some(contents.write(&live.directory, database, number, &quiet, cancelled)?)
        }
    };
    let numbers = inputs.iter().map(|part| part.segment.pinned().file.number);
    let numbers: Vec<FileNo> = numbers.collect();

    let _state = writing.hold_state();
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    let generation = base.generation.number;
    let manifest = &before.sealed.manifest;
    let next_file = writer.next_file;
    let merged = manifest.with_merged_space(space, generation, &numbers, output, next_file);
    // A generation that was let go meanwhile needs no merge.
    let Ok(next) = merged else { return Ok(()) };
    let mut spaces = before.spaces.clone();
    if let Some(now) = before
        .spaces
        .get(space)
        .filter(|now| now.base.generation.number == generation)
        && let Some(kept) = next
            .spaces
            .get(space)
            .and_then(|kept| kept.generation(generation))
    {
        let base = Base::open(&live.directory, space, kept, Some(&now.base))?;
        let (base, overlay) = (Arc::new(base), now.overlay.clone());
        spaces.insert(space.to_owned(), Arc::new(Serving { base, overlay }));
    }
    let items = before.sealed.items.clone();
    let manifest = next.clone();
    let sealed = Arc::new(Sealed::new(manifest, items));
    commit(live, &mut writer, &next, Snapshot { sealed, spaces })
}

/// What is shown of the parts, in order of items. Where older parts stay, what is gone must be said.
fn gather(base: &Base, parts: &[Part], oldest: bool) -> Contents {
    let mut found: Vec<(u32, usize, u32)> = Vec::new();
    let mut gone = BTreeSet::new();
    for (at, part) in parts.iter().enumerate() {
        let nodes = (0u32..).zip(part.segment.items());
        let shown = nodes.filter(|(node, _)| part.shows(*node));
        found.extend(shown.map(|(node, item)| (*item, at, node)));
        gone.extend(part.segment.gone().iter().copied());
    }
    found.sort_unstable();
    let mut contents = Contents::of(&base.generation);
    for (item, at, node) in found {
        let rows = parts.get(at).map(|part| part.segment.rows());
        if let Some(row) = rows.and_then(|rows| rows.row(node)) {
            contents.push(ItemNo(item), row);
            gone.remove(&item);
        }
    }
    if !oldest {
        let hides = |item: &u32| {
            base.parts
                .iter()
                .any(|part| part.segment.node(ItemNo(*item)).is_some())
        };
        contents.gone = gone.into_iter().filter(hides).collect();
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(rows: usize) -> Fill {
        Fill { rows, needed: rows }
    }

    #[test]
    fn a_segment_is_merged_when_newer_ones_outweigh_what_is_left_of_it() {
        let due = |fills: &[Fill]| plan(fills, Extent::Due);
        assert_eq!(due(&[]), None);
        assert_eq!(due(&[full(100)]), None);
        assert_eq!(due(&[full(100), full(40), full(30)]), None);
        assert_eq!(due(&[full(100), full(40), full(40)]), Some(1..3));
        assert_eq!(due(&[full(100), full(60), full(40)]), Some(0..3));
        let mut half = full(100);
        half.needed = 40;
        assert_eq!(due(&[half, full(40)]), Some(0..2));
        assert_eq!(plan(&[full(9), full(1)], Extent::All), Some(0..2));
        assert_eq!(plan(&[half], Extent::All), Some(0..1));
        assert_eq!(plan(&[full(9)], Extent::All), None);
    }

    proptest! {
        #[test]
        fn sizes_stay_few_however_writes_come(seals in prop::collection::vec(1usize..50, 1..200)) {
            let (mut fills, mut written) = (Vec::new(), 0);
            for rows in &seals {
                fills.push(full(*rows));
                while let Some(range) = plan(&fills, Extent::Due) {
                    let rows = fills[range.clone()].iter().map(|fill| fill.rows).sum();
                    written += rows;
                    fills.splice(range, [full(rows)]);
                }
            }
            let total: usize = seals.iter().sum();
            let most = total.ilog2() as usize + 1;
            prop_assert!(fills.len() <= most, "{} segments of {total} rows", fills.len());
            prop_assert!(written <= total * (most + 1), "{written} rows written again");
        }
    }
}
