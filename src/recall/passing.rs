//! The items that pass a filter, without a search.

use super::resolved_filter::ResolvedFilter;
use super::view::View;
use crate::error::Error;
use crate::filter::Filter;
use std::collections::BTreeSet;

/// The ids of the items that pass a filter, and perhaps of some that were replaced or deleted since
/// they were sealed. The caller looks at the newest record of each.
pub(crate) fn passing(view: &View, filter: &Filter) -> Result<BTreeSet<String>, Error> {
    let (snapshot, mut found) = (view.snapshot(), BTreeSet::new());
    let condition = filter.any_condition();
    for fresh in snapshot.fresh.iter() {
        if fresh.version.record.is_some() && condition.matches(fresh.fields()) {
            found.insert(fresh.id.to_string());
        }
    }
    let filters = std::slice::from_ref(filter);
    if let Some(resolved) = ResolvedFilter::resolve(snapshot, filters)? {
        for item in resolved.items()? {
            found.insert(snapshot.sealed.id(*item)?.to_owned());
        }
    }
    Ok(found)
}
