//! Bringing a generation up to date: items written since its cut are embedded with its own item tower.

use super::base::Base;
use super::batches::in_batches;
use super::overlay::{FreshItem, Overlay};
use super::record::parse;
use super::sealed::Sealed;
use super::serving::{Serving, Spaces, fuse};
use crate::catalog::Fresh;
use crate::error::Error;
use serde_json::Value;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twinspire_core::files::names;
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::{Fields, Reading, Side};

/// Everything written at one moment: sealed items, unsealed writes, and what the spaces serve of them.
#[derive(Clone, Copy)]
pub(crate) struct WriteState<'a> {
    /// Sealed items.
    pub(crate) sealed: &'a Sealed,
    /// Unsealed writes, by id.
    pub(crate) fresh: &'a BTreeMap<String, Fresh>,
    /// The spaces.
    pub(crate) spaces: &'a Spaces,
}

/// Receives the items done and their total. An error from it ends the operation.
pub(crate) type ProgressFn<'a> = &'a (dyn Fn(u64, u64) -> Result<(), Error> + Sync);

/// A generation with an overlay of everything written since its cut. `others` are spaces of the same
/// state; a fused generation takes its vectors from them.
pub(crate) fn caught_up(
    space: &str,
    base: Base,
    sealed: &Sealed,
    fresh: &BTreeMap<String, Fresh>,
    others: &Spaces,
) -> Result<Serving, Error> {
    let base = Arc::new(base);
    let (mut overlay, cut) = (Overlay::default(), base.generation.cut);
    let state = WriteState {
        sealed,
        fresh,
        spaces: others,
    };
    catch_up(&mut overlay, space, &base, state, cut, &|_, _| Ok(()))?;
    Ok(Serving { base, overlay })
}

/// Adds the newest version of everything written after `after` to the overlay, on all cores. Fields
/// that another space's overlay holds already are shared.
pub(crate) fn catch_up(
    overlay: &mut Overlay,
    space: &str,
    base: &Base,
    state: WriteState<'_>,
    after: Revision,
    progress: ProgressFn<'_>,
) -> Result<(), Error> {
    let mut versions = Vec::new();
    for (segment, row) in state.sealed.newest(after).into_values() {
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
    let fresh = state.fresh.iter();
    let fresh = fresh.filter(|(_, fresh)| fresh.revision > after);
    let mut fresh = fresh.peekable();
    if versions.is_empty() && fresh.peek().is_none() {
        // The towers are not read for nothing.
        return Ok(());
    }
    let keeps_vectors = !base.model()?.has(Side::Item) && !base.generation.is_fused();
    for (id, fresh) in fresh {
        versions.push(Version {
            path: Path::new(names::JOURNAL),
            item: fresh.item,
            revision: fresh.revision,
            born: match keeps_vectors {
                true => state.sealed.born(fresh)?,
                false => Revision(0),
            },
            id,
            record: fresh.record.as_deref(),
        });
    }
    let (done, total) = (AtomicU64::new(0), versions.len() as u64);
    let items = in_batches(&versions, |versions| {
        let items = embed_versions(space, base, state.spaces, versions)?;
        let count = versions.len() as u64;
        progress(done.fetch_add(count, Ordering::Relaxed) + count, total)?;
        Ok::<_, Error>(items)
    });
    // Unsealed versions come last, so that they replace the sealed version of the same item.
    overlay.extend(items?);
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
) -> Result<Vec<(ItemNo, Arc<FreshItem>)>, Error> {
    let present = versions.iter().filter(|version| version.record.is_some());
    let present: Vec<&Version<'_>> = present.collect();
    let ids: Vec<&str> = present.iter().map(|version| version.id).collect();
    let records = present
        .iter()
        .map(|version| parse(version.path, version.id, version.record.unwrap_or_default()));
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
    let vectors = embed(space, base, &ids, &records, given)?;
    let mut embedded = records.iter().zip(vectors);
    let items = versions.iter().map(|version| {
        let (mut vector, mut fields) = (None, Arc::default());
        if version.record.is_some()
            && let Some((record, embedded)) = embedded.next()
        {
            vector = embedded;
            fields = shared_fields(others, version).unwrap_or_else(|| Arc::new(Fields::of(record)));
        }
        let fresh = FreshItem {
            revision: version.revision,
            id: version.id.to_owned(),
            vector,
            fields,
        };
        (version.item, Arc::new(fresh))
    });
    Ok(items.collect())
}

/// The fields of a version, if the overlay of another space has them.
fn shared_fields(others: &Spaces, version: &Version<'_>) -> Option<Arc<Fields>> {
    let known = others
        .values()
        .filter_map(|other| other.overlay.get(&version.item));
    let mut known = known.filter(|fresh| fresh.revision == version.revision);
    known.next().map(|fresh| Arc::clone(&fresh.fields))
}
