//! Which items pass the filters of a recall.

use crate::error::Error;
use crate::filter::{Condition, Filter, Known};
use crate::ids::{ItemNo, Revision};
use crate::record::Fields;
use crate::snapshot::{Live, Snapshot, parse};
use std::collections::{BTreeMap, HashSet};

/// The items that pass.
pub(super) struct Passing {
    items: HashSet<ItemNo>,
}

impl Passing {
    /// The items that pass all of the filters; none when there is no filter.
    pub(super) fn of(
        live: &Live,
        snapshot: &Snapshot,
        filters: &[Filter],
    ) -> Result<Option<Self>, Error> {
        if filters.is_empty() {
            return Ok(None);
        }
        let mut all = BTreeMap::new();
        for (item, (segment, row)) in snapshot.sealed.newest(Revision::default()) {
            let row = segment.row(row)?;
            let fields = row.record.map(|text| parse(row.id, text)).transpose()?;
            all.insert(item, fields.map(|record| Fields::of(&record)));
        }
        for (id, fresh) in live.index.all() {
            let record = fresh.record.map(|text| parse(&id, &text)).transpose()?;
            all.insert(fresh.item, record.map(|record| Fields::of(&record)));
        }
        let mut known = Known::default();
        all.values().flatten().for_each(|fields| known.see(fields));
        let conditions = filters.iter().map(|filter| filter.check(&known));
        let conditions: Vec<Condition> = conditions.collect::<Result<_, _>>()?;
        let passes = |fields: &Fields| conditions.iter().all(|c| c.matches(fields));
        let passing = all
            .into_iter()
            .filter(|(_, fields)| fields.as_ref().is_some_and(passes));
        let items = passing.map(|(item, _)| item).collect();
        Ok(Some(Self { items }))
    }

    /// Whether an item passes.
    pub(super) fn contains(&self, item: ItemNo) -> bool {
        self.items.contains(&item)
    }
}
