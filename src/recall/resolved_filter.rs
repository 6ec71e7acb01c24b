//! The filters of a recall, resolved against one snapshot.
//!
//! The filters are checked against the fields that items have or had, and joined into one condition. Its tests are
//! [resolved](FilterTree) once against the columns of every items segment. The newest row of an item
//! counts. A fresh item is tested by its fields instead. Where columns cannot answer, the record is read.

use super::filter_tree::FilterTree;
use super::fresh_filter::{FreshCursor, FreshFilter};
use crate::error::Error;
use crate::filter::{Condition, FieldKinds, Filter, KnownFields};
use crate::format::columns::Lookup;
use crate::format::{guess_dense, search_dense};
use crate::index::Index;
use crate::partitions::Selection;
use crate::snapshot::{
    CacheLookup, FilterCache, FreshItems, MAX_SELECTION_BYTES, Part, Passing, SlotSet, Snapshot,
};
use crate::store::ItemsSegment;
use std::sync::{Arc, OnceLock};
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::prefetch;
use twinspire_core::telemetry::metrics::{self, CacheOutcome};

/// All filters of a recall as one, resolved against a snapshot.
#[derive(Debug)]
pub(super) struct ResolvedFilter<'a> {
    /// The test of a record or of a fresh item.
    condition: Condition,
    /// The items segments, newest first.
    segments: Vec<SegmentFilter<'a>>,
    /// The sealed items that pass, once they have been listed.
    items: OnceLock<Vec<ItemNo>>,
    /// The unsealed items.
    unsealed: &'a FreshItems,
    /// The filter on these.
    fresh: FreshFilter<'a>,
    cache: &'a FilterCache,
}

/// The filter on the rows of one segment.
#[derive(Debug)]
struct SegmentFilter<'a> {
    segment: &'a ItemsSegment,
    /// The item number of each row, increasing.
    numbers: &'a [u32],
    tree: FilterTree<'a>,
}

impl<'a> ResolvedFilter<'a> {
    /// Resolves filters, all of which have to pass; `None` without a filter.
    pub(super) fn resolve(
        snapshot: &'a Snapshot,
        filters: &[Filter],
    ) -> Result<Option<Self>, Error> {
        check(filters, &snapshot.fields)?;
        Ok(Self::of_checked(snapshot, filters))
    }

    /// Resolves filters against the items of one shard. Where they do not fit its fields, the items of other shards
    /// may have what it lacks: then the fields are returned too.
    pub(super) fn resolve_in_shard(
        snapshot: &'a Snapshot,
        filters: &[Filter],
    ) -> Result<(Option<Self>, Option<KnownFields>), Error> {
        check(filters, &KnownFields::unknown())?;
        let unfit = check(filters, &snapshot.fields).is_err();
        let fields = unfit.then(|| KnownFields::clone(&snapshot.fields));
        Ok((Self::of_checked(snapshot, filters), fields))
    }

    fn of_checked(snapshot: &'a Snapshot, filters: &[Filter]) -> Option<Self> {
        if filters.is_empty() {
            return None;
        }
        let segments = snapshot.sealed.items.iter().map(|segment| &**segment);
        let known = sealed_kinds(segments.clone(), filters);
        let all = |known| {
            let each = filters.iter().map(|filter| filter.condition(known));
            Condition::all(each.collect(), known)
        };
        let sealed = all(&known);
        let resolved = segments.rev().map(|segment| SegmentFilter {
            segment,
            numbers: segment.numbers(),
            tree: FilterTree::resolve(&sealed, segment.rows(), &|path| segment.column(path)),
        });
        Some(Self {
            condition: all(&KnownFields::unknown()),
            segments: resolved.collect(),
            items: OnceLock::new(),
            unsealed: &snapshot.fresh,
            fresh: FreshFilter::new(snapshot.fresh.blocks()),
            cache: &snapshot.sealed.filter_cache,
        })
    }

    /// Whether a sealed item passes.
    #[inline]
    pub(super) fn passes(&self, item: ItemNo) -> Result<bool, Error> {
        for rows in &self.segments {
            if let Some(row) = search_dense(rows.numbers, item.0) {
                return self.row_passes(rows, row as u32);
            }
        }
        Ok(false)
    }

    /// Prefetches what [`passes`](Self::passes) reads of the newest segment.
    #[inline]
    pub(super) fn prefetch(&self, item: ItemNo) {
        if let Some(rows) = self.segments.first()
            && let Some(row) = guess_dense(rows.numbers, item.0)
        {
            prefetch(rows.numbers.get(row..=row).unwrap_or_default());
            rows.tree.prefetch(row as u32);
        }
    }

    /// Whether the newest version of an item passes, sealed or not.
    pub(super) fn passes_newest(&self, item: ItemNo) -> Result<bool, Error> {
        match self.unsealed.get(item) {
            Some(fresh) => Ok(self.condition.matches(fresh.fields())),
            None => self.passes(item),
        }
    }

    /// A cursor over the unsealed items.
    pub(super) fn fresh_cursor(&self) -> FreshCursor<'_> {
        self.fresh.cursor(&self.condition)
    }

    fn row_passes(&self, rows: &SegmentFilter<'_>, row: u32) -> Result<bool, Error> {
        match rows.tree.passes(row) {
            Some(passes) => Ok(passes),
            None => {
                let fields = rows.segment.fields_of(row as usize)?;
                Ok(self.condition.matches(&fields))
            }
        }
    }

    /// The estimated share of sealed items that pass, from 0 to 1.
    pub(super) fn selectivity(&self) -> f64 {
        let (mut passing, mut all) = (0.0, 0.0);
        for rows in &self.segments {
            let count = rows.segment.rows();
            passing += rows.tree.selectivity(count) * count as f64;
            all += count as f64;
        }
        if all > 0.0 { passing / all } else { 0.0 }
    }

    /// Maximum number of rows to look at to find all passing items.
    pub(super) fn candidates(&self) -> usize {
        let counts = self
            .segments
            .iter()
            .map(|rows| rows.tree.candidates(rows.segment.rows()));
        counts.sum()
    }

    /// Whether candidate rows need not be tested.
    pub(super) fn is_certain(&self) -> bool {
        self.segments.iter().all(|rows| rows.tree.is_certain())
    }

    /// Whether most rows can only be tested by their records.
    pub(super) fn needs_records(&self) -> bool {
        self.segments.iter().any(|rows| rows.tree.needs_records())
    }

    /// All sealed items that pass, each once. The first call lists them.
    pub(super) fn items(&self) -> Result<&[ItemNo], Error> {
        if let Some(items) = self.items.get() {
            return Ok(items);
        }
        let found = self.list_items()?;
        Ok(self.items.get_or_init(|| found))
    }

    /// What passes of a part, if the filter cache has it or it pays off to compute it: that takes `cost`, and having
    /// it saves `saving`, both in nanoseconds. `select` says whether the codes of the passing nodes are selected too.
    pub(super) fn cached(
        &self,
        part: &Part,
        select: bool,
        (cost, saving): (f64, f64),
    ) -> Result<Option<Arc<Passing>>, Error> {
        let segment = part.segment.pinned().file.number;
        let found = self.cache.lookup(&self.condition, segment, cost, saving);
        metrics::record_filter_cache(match found {
            CacheLookup::Hit(_) => CacheOutcome::Hit,
            CacheLookup::Miss => CacheOutcome::Miss,
            CacheLookup::Due => CacheOutcome::Fill,
        });
        match found {
            CacheLookup::Hit(passing) => Ok(Some(passing)),
            CacheLookup::Miss => Ok(None),
            CacheLookup::Due => {
                let finder = part.segment.finder();
                let slots = self.items()?.iter().filter_map(|item| finder.find(*item));
                let slots = slots.filter(|slot| part.shows(*slot)).collect();
                let slots = SlotSet::of(slots, part.segment.items().len());
                let selection = match select {
                    true => select_nodes(part, &slots)?,
                    false => None,
                };
                let passing = Arc::new(Passing { slots, selection });
                self.cache.insert(&self.condition, segment, &passing);
                Ok(Some(passing))
            }
        }
    }

    fn list_items(&self) -> Result<Vec<ItemNo>, Error> {
        let (mut found, mut failed) = (Vec::with_capacity(self.candidates()), None);
        let (mut newer, mut duplicates) = (Vec::<&[u32]>::new(), false);
        for rows in &self.segments {
            let numbers = rows.numbers;
            let (count, newest) = (numbers.len(), newer.is_empty());
            duplicates |= rows.tree.has_duplicates(count);
            rows.tree
                .for_each_candidates(count, &mut |candidates, passes| {
                    let numbered = |row: &u32| Some((*row, ItemNo(*numbers.get(*row as usize)?)));
                    let candidates = candidates.iter().filter_map(numbered);
                    if newest && passes {
                        found.extend(candidates.map(|(_, item)| item));
                        return;
                    }
                    for (row, item) in candidates {
                        let overwritten = || {
                            let mut newer = newer.iter();
                            newer.any(|numbers| search_dense(numbers, item.0).is_some())
                        };
                        if !newest && overwritten() {
                            continue;
                        }
                        let result = if passes {
                            Ok(true)
                        } else {
                            self.row_passes(rows, row)
                        };
                        match result {
                            Ok(true) => found.push(item),
                            Ok(false) => {}
                            Err(error) => failed = Some(error),
                        }
                    }
                });
            newer.push(numbers);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if duplicates {
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }
}

/// The selected nodes of these slots, if the segment has partitions and they are not too large.
fn select_nodes(part: &Part, slots: &SlotSet) -> Result<Option<Selection>, Error> {
    let Index::Partitions(partitions) = part.segment.index()? else {
        return Ok(None);
    };
    if Selection::most_bytes(&partitions, slots.len()) > MAX_SELECTION_BYTES {
        return Ok(None);
    }
    let (items, mut last) = (part.segment.node_items(), None);
    // A node has its slots in a row.
    let nodes = slots.slots().filter_map(|slot| items.node(slot));
    let nodes = nodes.filter(|node| last.replace(*node) != Some(*node));
    Ok(Some(Selection::of(&partitions, nodes)))
}

/// Refuses filters that do not fit the fields that items have or had. While there never was an item,
/// any field may come.
fn check(filters: &[Filter], fields: &KnownFields) -> Result<(), Error> {
    let unknown = KnownFields::unknown();
    let known = if fields.is_empty() { &unknown } else { fields };
    filters.iter().try_for_each(|filter| filter.check(known))?;
    Ok(())
}

/// The kinds of values that sealed items have now in the fields of the filters.
fn sealed_kinds<'a>(
    segments: impl Iterator<Item = &'a ItemsSegment> + Clone,
    filters: &[Filter],
) -> KnownFields {
    let mut sealed = KnownFields::default();
    for filter in filters {
        filter.for_each_field(|path| {
            for segment in segments.clone() {
                match segment.column(path) {
                    Lookup::Absent => {}
                    Lookup::Unindexed => sealed.add(path, FieldKinds::ANY),
                    Lookup::Column(column) => sealed.add(path, column.kinds()),
                }
            }
        });
    }
    sealed
}
