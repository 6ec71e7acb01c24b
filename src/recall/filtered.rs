//! Which items pass the filters of a recall.
//!
//! The filters are checked against the fields that the items have and become one condition, whose
//! tests are [resolved](Tree) against the columns of every items segment once. Of an item the newest
//! row counts; an item in the overlay is asked by its fields instead. Where columns cannot tell, a
//! record is read.

use super::tree::Tree;
use crate::error::Error;
use crate::filter::{Condition, Filter, Kinds, Known};
use crate::format::columns::{FieldKinds, Lookup};
use crate::format::{guess_dense, search_dense};
use crate::snapshot::{CacheLookup, FilterCache, FreshItem, NodeSet, Part, Serving, Snapshot};
use crate::store::ItemsSegment;
use std::sync::{Arc, OnceLock};
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::prefetch;

/// The items that pass, as far as they are sealed; and what those in an overlay have to pass.
#[derive(Debug)]
pub(super) struct Passing<'a> {
    /// What a record has to pass.
    condition: Condition,
    /// The newest first.
    segments: Vec<Rows<'a>>,
    items: OnceLock<Vec<ItemNo>>,
    cache: &'a FilterCache,
}

/// The rows of one segment, and the condition on them.
#[derive(Debug)]
struct Rows<'a> {
    segment: &'a ItemsSegment,
    /// The items of the rows, increasing.
    numbers: &'a [u32],
    tree: Tree<'a>,
}

impl<'a> Passing<'a> {
    /// The items of a state that pass all of the filters; none when there is no filter. `servings` are
    /// those that the recall is answered from.
    pub(super) fn of<'s>(
        snapshot: &'a Snapshot,
        servings: impl Iterator<Item = &'s Serving>,
        filters: &[Filter],
    ) -> Result<Option<Self>, Error> {
        if filters.is_empty() {
            return Ok(None);
        }
        let segments = || snapshot.sealed.items.iter().map(|segment| &**segment);
        let known = known(&segments, servings, filters)?;
        let all = |known| {
            let each = filters.iter().map(|filter| filter.condition(known));
            Condition::all(each.collect(), known)
        };
        let sealed = all(&known);
        let rows = segments().rev().map(|segment| Rows {
            segment,
            numbers: segment.numbers(),
            tree: Tree::of(&sealed, segment),
        });
        Ok(Some(Self {
            condition: all(&Known::nothing()),
            segments: rows.collect(),
            items: OnceLock::new(),
            cache: &snapshot.sealed.filter_cache,
        }))
    }

    /// Whether an item passes that is in no overlay.
    #[inline]
    pub(super) fn passes(&self, item: ItemNo) -> Result<bool, Error> {
        for rows in &self.segments {
            if let Some(row) = search_dense(rows.numbers, item.0) {
                return self.row_passes(rows, row as u32);
            }
        }
        Ok(false)
    }

    /// Asks for what [`passes`](Self::passes) will read of the newest segment.
    #[inline]
    pub(super) fn prefetch(&self, item: ItemNo) {
        if let Some(rows) = self.segments.first()
            && let Some(row) = guess_dense(rows.numbers, item.0)
        {
            prefetch(rows.numbers.get(row..=row).unwrap_or_default());
            rows.tree.prefetch(row as u32);
        }
    }

    /// Whether an item in an overlay passes.
    pub(super) fn late_passes(&self, late: &FreshItem) -> bool {
        self.condition.matches(&late.fields)
    }

    fn row_passes(&self, rows: &Rows<'_>, row: u32) -> Result<bool, Error> {
        match rows.tree.passes(row) {
            Some(passes) => Ok(passes),
            None => {
                let fields = rows.segment.fields_of(row as usize)?;
                Ok(self.condition.matches(&fields))
            }
        }
    }

    /// The share of the sealed items that pass, estimated.
    pub(super) fn share(&self) -> f64 {
        let (mut passing, mut all) = (0.0, 0.0);
        for rows in &self.segments {
            let count = rows.segment.rows();
            passing += rows.tree.share(count) * count as f64;
            all += count as f64;
        }
        if all > 0.0 { passing / all } else { 0.0 }
    }

    /// At most so many rows have to be asked to find all that pass.
    pub(super) fn reach(&self) -> usize {
        let reaches = self
            .segments
            .iter()
            .map(|rows| rows.tree.reach(rows.segment.rows()));
        reaches.sum()
    }

    /// Whether of these rows none has to be asked.
    pub(super) fn is_sure(&self) -> bool {
        self.segments.iter().all(|rows| rows.tree.is_sure())
    }

    /// Whether most rows can only be asked by their records.
    pub(super) fn needs_records(&self) -> bool {
        self.segments.iter().any(|rows| rows.tree.needs_records())
    }

    /// All items that pass and are in no overlay, each once; found when first asked for.
    pub(super) fn items(&self) -> Result<&[ItemNo], Error> {
        if let Some(items) = self.items.get() {
            return Ok(items);
        }
        let found = self.find()?;
        Ok(self.items.get_or_init(|| found))
    }

    /// The nodes of a part that pass, if it is known already or worth to be known: finding all items
    /// that pass costs so much, and knowing the nodes saves so much now.
    pub(super) fn nodes(
        &self,
        part: &Part,
        cost: f64,
        saving: f64,
    ) -> Result<Option<Arc<NodeSet>>, Error> {
        let segment = part.segment.pinned().file.number;
        match self.cache.lookup(&self.condition, segment, cost, saving) {
            CacheLookup::Hit(nodes) => Ok(Some(nodes)),
            CacheLookup::Miss => Ok(None),
            CacheLookup::Due => {
                let finder = part.segment.finder();
                let nodes = self.items()?.iter().filter_map(|item| finder.find(*item));
                let nodes = nodes.filter(|node| part.shows(*node)).collect();
                let nodes = Arc::new(NodeSet::of(nodes, part.segment.items().len()));
                self.cache.insert(&self.condition, segment, &nodes);
                Ok(Some(nodes))
            }
        }
    }

    fn find(&self) -> Result<Vec<ItemNo>, Error> {
        let (mut found, mut failed) = (Vec::with_capacity(self.reach()), None);
        let (mut newer, mut repeats) = (Vec::<&[u32]>::new(), false);
        for rows in &self.segments {
            let numbers = rows.numbers;
            let (count, newest) = (numbers.len(), newer.is_empty());
            repeats |= rows.tree.repeats(count);
            rows.tree.each_candidates(count, &mut |candidates, passes| {
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
                    let asked = if passes {
                        Ok(true)
                    } else {
                        self.row_passes(rows, row)
                    };
                    match asked {
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
        if repeats {
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }
}

/// What sealed items have in the fields that the filters ask of, once all filters make sense. Items
/// written since are only looked at for fields that no sealed one has so, and everything there is only
/// for an error that says what would be right.
fn known<'a, 's, S: Iterator<Item = &'a ItemsSegment>>(
    segments: &impl Fn() -> S,
    servings: impl Iterator<Item = &'s Serving>,
    filters: &[Filter],
) -> Result<Known, Error> {
    let mut sealed = Known::default();
    for filter in filters {
        filter.each_field(|path| {
            for segment in segments() {
                match segment.column(path) {
                    Lookup::Absent => {}
                    Lookup::Unindexed => sealed.add(path, Kinds::ANY),
                    Lookup::Column(column) => sealed.add(path, kinds(column.kinds())),
                }
            }
        });
    }
    let check = |known: &Known| filters.iter().try_for_each(|filter| filter.check(known));
    check(&Known::nothing())?;
    if check(&sealed).is_ok() {
        return Ok(sealed);
    }
    let servings: Vec<_> = servings.collect();
    let late = || servings.iter().flat_map(|serving| serving.overlay.values());
    let mut asked = sealed.clone();
    for filter in filters {
        filter.each_field(|path| {
            let values = late().filter_map(|late| late.fields.field(path));
            values.for_each(|value| asked.see_field(path, value));
        });
    }
    if check(&asked).is_ok() {
        return Ok(sealed);
    }
    let mut all = asked;
    for segment in segments() {
        for (path, found) in segment.fields() {
            all.add(path, kinds(found));
        }
    }
    late().for_each(|late| all.see(&late.fields));
    if all.is_empty() {
        all = Known::nothing();
    }
    check(&all)?;
    Ok(sealed)
}

fn kinds(found: FieldKinds) -> Kinds {
    let FieldKinds {
        booleans,
        numbers,
        texts,
        places,
        lists,
    } = found;
    Kinds {
        bools: booleans,
        numbers,
        texts,
        places,
        lists,
    }
}
