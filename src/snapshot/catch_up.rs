//! Bringing a generation up to date: items written since its cut are embedded with its own item tower.

use super::base::Base;
use super::batches::in_batches;
use super::fresh_items::FreshItems;
use super::overlay::{Overlay, SpaceVersion};
use super::record::parse;
use super::sealed::Sealed;
use super::serving::{Serving, Spaces, fuse};
use crate::error::Error;
use serde_json::Value;
use std::borrow::Borrow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::{Reading, Side};

/// Everything written at one moment: sealed items, unsealed ones, and what the spaces serve of them.
#[derive(Clone, Copy)]
pub(crate) struct WriteState<'a> {
    /// Sealed items.
    pub(crate) sealed: &'a Sealed,
    /// Unsealed items.
    pub(crate) fresh: &'a FreshItems,
    /// The spaces.
    pub(crate) spaces: &'a Spaces,
}

/// Receives the items done and their total. An error from it ends the operation.
pub(crate) type ProgressFn<'a> = &'a (dyn Fn(u64, u64) -> Result<(), Error> + Sync);

/// A generation with an overlay of everything written since its cut. `state` holds the spaces that a fused
/// generation takes its vectors from.
pub(crate) fn caught_up(space: &str, base: Base, state: WriteState<'_>) -> Result<Serving, Error> {
    let base = Arc::new(base);
    let (mut overlay, cut) = (Overlay::default(), base.generation.cut);
    catch_up(&mut overlay, space, &base, state, cut, &|_, _| Ok(()))?;
    Ok(Serving { base, overlay })
}

/// Adds the newest version of everything written after `after` to the overlay, on all cores.
pub(crate) fn catch_up(
    overlay: &mut Overlay,
    space: &str,
    base: &Base,
    state: WriteState<'_>,
    after: Revision,
    progress: ProgressFn<'_>,
) -> Result<(), Error> {
    let mut versions = Vec::new();
    for (item, (segment, row)) in state.sealed.newest(after) {
        // An unsealed version replaces the sealed one.
        if state.fresh.get(item).is_some() {
            continue;
        }
        let row = segment.row(row)?;
        versions.push(Version {
            path: segment.path(),
            item: row.item,
            revision: row.revision,
            born: row.born,
            id: row.id,
            record: row.record,
        });
    }
    versions.sort_unstable_by_key(|version| version.revision);
    let mut fresh = state.fresh.after(after).peekable();
    if versions.is_empty() && fresh.peek().is_none() {
        // The towers are not read for nothing.
        return Ok(());
    }
    let keeps_vectors = !base.model()?.has(Side::Item) && !base.generation.is_fused();
    // Every unsealed revision is above all sealed ones.
    for fresh in fresh {
        let version = &fresh.version;
        versions.push(Version {
            path: Path::new(names::JOURNAL),
            item: version.item,
            revision: version.revision,
            born: match keeps_vectors {
                true => state.sealed.born(version)?,
                false => Revision(0),
            },
            id: &fresh.id,
            record: version.record.as_deref(),
        });
    }
    let (done, total) = (AtomicU64::new(0), versions.len() as u64);
    let items = in_batches(&versions, |versions| {
        let items = embed_versions(space, base, state.spaces, versions)?;
        let count = versions.len() as u64;
        progress(done.fetch_add(count, Ordering::Relaxed) + count, total)?;
        Ok::<_, Error>(items)
    });
    overlay.append(base, items?);
    Ok(())
}

/// The vectors of items in a generation, rounded to its storage; None for an item that has none.
///
/// The item tower computes them from the records. Without an item tower, `given` returns the vector
/// at a place. In a partial generation an item that cannot be embedded has no vector; elsewhere it is
/// an error.
pub(crate) fn embed<R: Borrow<Value>>(
    space: &str,
    base: &Base,
    ids: &[&str],
    records: &[R],
    given: impl Fn(usize) -> Option<Vector>,
) -> Result<Vec<Option<Vector>>, Error> {
    let model = base.model()?;
    if !model.has(Side::Item) {
        return Ok((0..records.len()).map(given).collect());
    }
    let vectors = model.embed_each(Side::Item, records, Reading::default());
    let stored = ids.iter().zip(vectors).map(|(id, vector)| {
        let stored = vector.and_then(|vector| Ok(Vector::of(base.generation.storage, vector)?));
        match stored {
            Ok(vector) => Ok(Some(vector)),
            Err(_) if base.generation.partial => Ok(None),
            Err(source) => Err(Error::Embed {
                space: space.to_owned(),
                id: (*id).to_owned(),
                source,
            }),
        }
    });
    stored.collect()
}

/// A version of an item that is newer than the cut.
struct Version<'a> {
    /// Where it is stored.
    path: &'a Path,
    item: ItemNo,
    revision: Revision,
    /// See [`Sealed::born`].
    born: Revision,
    id: &'a str,
    record: Option<&'a [u8]>,
}

fn embed_versions(
    space: &str,
    base: &Base,
    others: &Spaces,
    versions: &[Version<'_>],
) -> Result<Vec<SpaceVersion>, Error> {
    let present = versions.iter().filter(|version| version.record.is_some());
    let present: Vec<&Version<'_>> = present.collect();
    let ids: Vec<&str> = present.iter().map(|version| version.id).collect();
    let is_made = base.model()?.has(Side::Item);
    let records = present.iter().map(|version| {
        // Nothing else reads the records.
        let text = version.record.filter(|_| is_made);
        text.map_or(Ok(Value::Null), |text| {
            parse(version.path, version.id, text)
        })
    });
    let records = records.collect::<Result<Vec<Value>, _>>()?;
    let given = |at: usize| {
        let version = present.get(at)?;
        if base.generation.is_fused() {
            return fuse(&base.generation, others, version.item);
        }
        // An item that was deleted after the cut has lost its vector, even if it was put again.
        let kept = version.born <= base.generation.cut;
        kept.then(|| base.vector(version.item))?.map(Vector::from)
    };
    let mut vectors = embed(space, base, &ids, &records, given)?.into_iter();
    let items = versions.iter().map(|version| SpaceVersion {
        item: version.item,
        revision: version.revision,
        vector: match version.record {
            Some(_) => vectors.next().flatten(),
            None => None,
        },
    });
    Ok(items.collect())
}
