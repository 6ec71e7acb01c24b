//! Items written after a generation's segments were cut: the one place where newer hides older.

use super::{Base, Sealed, Serving};
use crate::catalog::Fresh;
use crate::error::Error;
use crate::ids::{ItemNo, Revision};
use crate::kernel::{Row, Vector};
use crate::record::Fields;
use crate::tower::{Reading, Side};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The newest version of each item written after the cut. Copies are cheap: they share what did not
/// change.
pub(crate) type Overlay = imbl::OrdMap<ItemNo, Arc<Late>>;

/// An item written after the cut.
#[derive(Debug)]
pub(crate) struct Late {
    /// Of this version.
    pub(crate) revision: Revision,
    /// Its id.
    pub(crate) id: String,
    /// Its vector, as it will be stored; none if it was deleted, or has none in this space.
    pub(crate) vector: Option<Vector>,
    /// What filters see of its record, shared by all spaces; nothing of a delete.
    pub(crate) fields: Arc<Fields>,
}

/// The vector of an item in a generation of a space, if it has one there: the item tower's of its
/// record, which has to be fit to be stored; or, where vectors come from elsewhere, the one it `had`.
pub(crate) fn embed<'a>(
    space: &str,
    base: &Base,
    id: &str,
    record: &Value,
    had: impl FnOnce() -> Option<Row<'a>>,
) -> Result<Option<Vector>, Error> {
    if !base.model.has(Side::Item) {
        return Ok(had().map(Vector::from));
    }
    let vector = base.model.embed(Side::Item, record, Reading::default());
    let stored = vector.and_then(|vector| Ok(Vector::of(base.generation.storage, vector)?));
    match stored {
        Ok(vector) => Ok(Some(vector)),
        Err(_) if base.generation.partial => Ok(None),
        Err(source) => Err(Error::Embed {
            space: space.to_owned(),
            id: id.to_owned(),
            source: source.into(),
        }),
    }
}

/// Puts the newest version of everything written after `after` into the overlay. `sealed` and
/// `fresh` must be of one moment. What `others` have of an item's fields is shared with them.
pub(crate) fn catch_up(
    overlay: &mut Overlay,
    space: &str,
    base: &Base,
    sealed: &Sealed,
    fresh: &BTreeMap<String, Fresh>,
    after: Revision,
    others: &BTreeMap<String, Arc<Serving>>,
) -> Result<(), Error> {
    let cut = base.generation.cut;
    let mut add = |(item, revision, since): (ItemNo, Revision, Revision),
                   id: &str,
                   record: Option<&[u8]>|
     -> Result<(), Error> {
        let (mut vector, mut fields) = (None, Arc::default());
        if let Some(text) = record {
            let record = parse(id, text)?;
            // What was deleted since the cut lost the vector it had, put again or not.
            let had = || base.vector(item).filter(|_| since <= cut);
            vector = embed(space, base, id, &record, had)?;
            let mut known = others.values().filter_map(|other| other.overlay.get(&item));
            fields = match known.find(|late| late.revision == revision) {
                Some(late) => Arc::clone(&late.fields),
                None => Arc::new(Fields::of(&record)),
            };
        }
        let id = id.to_owned();
        let late = Late {
            revision,
            id,
            vector,
            fields,
        };
        overlay.insert(item, Arc::new(late));
        Ok(())
    };
    for (segment, row) in sealed.newest(after).into_values() {
        let row = segment.row(row)?;
        let begun = Revision(0);
        add((row.item, row.revision, begun), row.id, row.record)?;
    }
    for (id, fresh) in fresh.iter().filter(|(_, fresh)| fresh.revision > after) {
        let version = (fresh.item, fresh.revision, fresh.since);
        add(version, id, fresh.record.as_deref())?;
    }
    Ok(())
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
