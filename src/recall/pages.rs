//! Pages: slices of one list, so that every item is on exactly one page.
//!
//! The answer of a graph search depends on how many items are wanted: a search for twenty items may find
//! one among the first ten that a search for ten has missed. So a page cannot be cut from a search that is
//! just wide enough for it. Instead, all pages of one size are cut from one list. It starts with the
//! answer of the first page. A search for [`GROWTH`] times as many items adds those that are not in the
//! list yet, and so on. A longer list always starts with the shorter ones.

use crate::error::Error;
use std::collections::HashSet;
use twinspire_core::ids::ItemNo;

/// Each search is for this many times as many items as the one before.
const GROWTH: usize = 4;

/// The first `depth` items of the list that pages of size `page` are cut from. `search` finds the best
/// items, as many as asked for; fewer mean that there are no more.
pub(super) fn stable_list(
    page: usize,
    depth: usize,
    mut search: impl FnMut(usize) -> Result<Vec<(f32, ItemNo)>, Error>,
) -> Result<Vec<(f32, ItemNo)>, Error> {
    let mut wanted = page;
    let mut list = search(wanted)?;
    let mut has_more = list.len() >= wanted;
    let mut listed = HashSet::new();
    while list.len() < depth && has_more && wanted < usize::MAX {
        if listed.is_empty() {
            listed.extend(list.iter().map(|(_, item)| *item));
        }
        wanted = wanted.saturating_mul(GROWTH);
        let found = search(wanted)?;
        has_more = found.len() >= wanted;
        list.extend(found.into_iter().filter(|(_, item)| listed.insert(*item)));
    }
    list.truncate(depth);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twinspire_core::wire::checksum;

    /// `wanted` of `count` items by a search that misses every fourth item or so, other ones for each width.
    /// It finds worse ones instead: there are fewer only if there are no more.
    fn forgetful(count: u32, wanted: usize) -> Vec<(f32, ItemNo)> {
        let misses = |item: u32| {
            let drawn = checksum(
                [u64::from(item), wanted as u64]
                    .map(u64::to_le_bytes)
                    .as_flattened(),
            );
            drawn.is_multiple_of(4) && wanted < count as usize
        };
        let (missed, found): (Vec<u32>, Vec<u32>) = (0..count).partition(|item| misses(*item));
        let mut found: Vec<u32> = found.into_iter().chain(missed).take(wanted).collect();
        found.sort_unstable();
        let scored = found.iter().map(|item| (-(*item as f32), ItemNo(*item)));
        scored.collect()
    }

    proptest! {
        #[test]
        fn pages_are_disjoint_and_complete_whatever_a_search_misses(
            count in 0u32..300, page in 1usize..40,
        ) {
            let mut all = Vec::new();
            for offset in (0..count as usize).step_by(page) {
                let list = stable_list(page, offset + page, |wanted| Ok(forgetful(count, wanted)));
                let list = list.unwrap();
                prop_assert_eq!(&list[..offset.min(list.len())], &all[..]);
                all.extend(list.get(offset..).unwrap_or_default());
            }
            let mut items: Vec<u32> = all.iter().map(|(_, item)| item.0).collect();
            items.sort_unstable();
            prop_assert_eq!(items, (0..count).collect::<Vec<_>>());
        }
    }
}
