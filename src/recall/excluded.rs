//! Items that one query must not return.

use super::view::View;
use crate::error::Error;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;
use twinspire_towers::internals::IDS_PER_LOOKUP;

/// Items that one query must not return: the excluded ones, and the item that it is similar to.
#[derive(Clone, Copy)]
pub(super) struct Excluded<'a> {
    /// Items excluded by id.
    pub(super) items: &'a HashSet<ItemNo>,
    /// Items that this query excludes besides.
    pub(super) own: &'a HashSet<ItemNo>,
    /// The item that the query is made from.
    pub(super) query_item: Option<ItemNo>,
}

impl Excluded<'_> {
    /// Whether an item must not be returned.
    pub(super) fn contains(&self, item: ItemNo) -> bool {
        self.query_item == Some(item) || self.items.contains(&item) || self.own.contains(&item)
    }

    /// Whether every item may be returned.
    pub(super) fn is_empty(&self) -> bool {
        self.query_item.is_none() && self.items.is_empty() && self.own.is_empty()
    }
}

/// The items of ids; ids without an item are skipped.
pub(super) fn items_of(view: &View, ids: &[String]) -> Result<HashSet<ItemNo>, Error> {
    let mut items = HashSet::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_PER_LOOKUP) {
        let (mut texts, mut found) = ([""; IDS_PER_LOOKUP], [None; IDS_PER_LOOKUP]);
        texts
            .iter_mut()
            .zip(chunk)
            .for_each(|(text, id)| *text = id);
        let texts = texts.get(..chunk.len()).unwrap_or_default();
        view.find_items(texts, &mut found)?;
        items.extend(found.into_iter().flatten());
    }
    Ok(items)
}
