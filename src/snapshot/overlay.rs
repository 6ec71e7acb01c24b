//! Items written after a generation's segments were cut: the one place where newer hides older.

use super::{Base, Sealed, Serving, in_batches};
use crate::catalog::Fresh;
use crate::error::Error;
use serde_json::Value;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::Fields;
use twinspire_towers::internals::{Reading, Side};

/// The newest version of each item written after the cut. Copies are cheap: they share what did not
/// change.
pub(crate) type Overlay = imbl::OrdMap<ItemNo, Arc<FreshItem>>;

/// An item written after the cut.
#[derive(Debug)]
pub(crate) struct FreshItem {
    /// Of this version.
    pub(crate) revision: Revision,
    /// Its id.
    pub(crate) id: String,
    /// Its vector, as it will be stored; none if it was deleted, or has none in this space.
    pub(crate) vector: Option<Vector>,
    /// What filters see of its record, shared by all spaces; nothing of a delete.
    pub(crate) fields: Arc<Fields>,
}

/// A state of what is written: what is sealed, what is not, and what the spaces serve of it.
#[derive(Clone, Copy)]
pub(crate) struct WriteState<'a> {
    /// What is sealed.
    pub(crate) sealed: &'a Sealed,
    /// What is not.
    pub(crate) fresh: &'a BTreeMap<String, Fresh>,
    /// The spaces.
    pub(crate) spaces: &'a BTreeMap<String, Arc<Serving>>,
}

/// Told how many of how many are done; may end what is going on.
pub(crate) type ProgressFn<'a> = &'a (dyn Fn(u64, u64) -> Result<(), Error> + Sync);

/// The vectors that items have in a generation of a space, if they have one there: the item tower's of
/// the record, which has to be fit to be stored; or, where vectors come from elsewhere, the one `given`.
pub(crate) fn embed<R: Borrow<Value>>(
    space: &str,
    base: &Base,
    ids: &[&str],
    records: &[R],
    given: impl Fn(usize) -> Option<Vector>,
) -> Result<Vec<Option<Vector>>, Error> {
    if !base.model.has(Side::Item) {
        return Ok((0..records.len()).map(given).collect());
    }
    let vectors = base
        .model
        .embed_each(Side::Item, records, Reading::default());
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

/// A version of an item that an overlay lacks.
struct Version<'a> {
    item: ItemNo,
    revision: Revision,
    /// See [`Fresh::since`].
    since: Revision,
    id: &'a str,
    record: Option<&'a [u8]>,
}

/// Puts the newest version of everything written after `after` into the overlay, on all cores. What
/// other spaces have of an item's fields is shared with them.
pub(crate) fn catch_up(
    overlay: &mut Overlay,
    space: &str,
    base: &Base,
    moment: WriteState<'_>,
    after: Revision,
    told: ProgressFn<'_>,
) -> Result<(), Error> {
    let mut versions = Vec::new();
    for (segment, row) in moment.sealed.newest(after).into_values() {
        let row = segment.row(row)?;
        versions.push(Version {
            item: row.item,
            revision: row.revision,
            since: Revision(0),
            id: row.id,
            record: row.record,
        });
    }
    let fresh = moment.fresh.iter();
    for (id, fresh) in fresh.filter(|(_, fresh)| fresh.revision > after) {
        versions.push(Version {
            item: fresh.item,
            revision: fresh.revision,
            since: fresh.since,
            id,
            record: fresh.record.as_deref(),
        });
    }
    let (done, total) = (AtomicU64::new(0), versions.len() as u64);
    let late = in_batches(&versions, |versions| {
        let late = late(space, base, moment.spaces, versions)?;
        let count = versions.len() as u64;
        told(done.fetch_add(count, Ordering::Relaxed) + count, total)?;
        Ok::<_, Error>(late)
    });
    // A fresh version comes after the sealed one of its item, and takes its place.
    overlay.extend(late?);
    Ok(())
}

fn late(
    space: &str,
    base: &Base,
    others: &BTreeMap<String, Arc<Serving>>,
    versions: &[Version<'_>],
) -> Result<Vec<(ItemNo, Arc<FreshItem>)>, Error> {
    let there = versions.iter().filter(|version| version.record.is_some());
    let there: Vec<&Version<'_>> = there.collect();
    let ids: Vec<&str> = there.iter().map(|version| version.id).collect();
    let records = there
        .iter()
        .map(|version| parse(version.id, version.record.unwrap_or_default()));
    let records = records.collect::<Result<Vec<Value>, _>>()?;
    let given = |at: usize| {
        let version = there.get(at)?;
        if base.generation.is_fused() {
            return base.fuse(others, version.item);
        }
        // What was deleted since the cut lost the vector it had, put again or not.
        let kept = version.since <= base.generation.cut;
        kept.then(|| base.vector(version.item))?.map(Vector::from)
    };
    let vectors = embed(space, base, &ids, &records, given)?;
    let mut embedded = records.iter().zip(vectors);
    let late = versions.iter().map(|version| {
        let (mut vector, mut fields) = (None, Arc::default());
        if version.record.is_some()
            && let Some((record, embedded)) = embedded.next()
        {
            vector = embedded;
            let known = others
                .values()
                .filter_map(|other| other.overlay.get(&version.item));
            let mut known = known.filter(|late| late.revision == version.revision);
            fields = match known.next() {
                Some(late) => Arc::clone(&late.fields),
                None => Arc::new(Fields::of(record)),
            };
        }
        let late = FreshItem {
            revision: version.revision,
            id: version.id.to_owned(),
            vector,
            fields,
        };
        (version.item, Arc::new(late))
    });
    Ok(late.collect())
}

/// The overlay without what is sealed up to `cut`, of which `sealed` was the overlay then.
pub(crate) fn without(overlay: &Overlay, sealed: &Overlay, cut: Revision) -> Overlay {
    let mut left = overlay.clone();
    for item in sealed.keys() {
        if left.get(item).is_some_and(|late| late.revision <= cut) {
            left.remove(item);
        }
    }
    left
}

/// A stored record.
pub(crate) fn parse(id: &str, text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text).map_err(|error| Error::Corrupt {
        what: format!("the record of {id:?}: {error}"),
    })
}
