//! Exact ranks of items in one space.

use super::space_query::SpaceQuery;
use super::space_search::score_all;
use super::trace::Trace;
use crate::error::Error;
use std::collections::HashMap;
use twinspire_core::ids::ItemNo;

/// The ranks of `items` among all items that the query may return, from 1; found by scoring all of them.
/// An item without a score in the space has no rank.
pub(super) fn exact_ranks(
    query: &SpaceQuery<'_>,
    items: &[(f32, ItemNo)],
) -> Result<HashMap<ItemNo, u32>, Error> {
    // Not traced: an explanation covers the search for the hits only.
    let trace = Trace::default();
    let query = SpaceQuery {
        at_least: None,
        trace: &trace,
        ..*query
    };
    let mut all = score_all(&query)?;
    all.sort_unstable_by(|a, b| {
        let by_score = b.0.total_cmp(&a.0);
        by_score.then_with(|| query.ids.compare(a.1, b.1))
    });
    let mut ranks: HashMap<ItemNo, u32> = items.iter().map(|(_, item)| (*item, 0)).collect();
    for (rank, (_, item)) in (1..).zip(&all) {
        if let Some(found) = ranks.get_mut(item) {
            *found = rank;
        }
    }
    ranks.retain(|_, rank| *rank > 0);
    Ok(ranks)
}
