//! The items that pass a filter, without a search.

use super::resolved_filter::ResolvedFilter;
use super::view::View;
use crate::error::Error;
use crate::filter::Filter;
use crate::snapshot::parse;
use std::collections::BTreeSet;
use std::path::Path;
use twinspire_core::files::names;
use twinspire_towers::internals::Fields;

/// The ids of the items that pass a filter, and perhaps of some that were replaced or deleted since
/// they were sealed. The caller looks at the newest record of each.
pub(crate) fn passing(view: &View, filter: &Filter) -> Result<BTreeSet<String>, Error> {
    let live = view.live();
    let mut found = BTreeSet::new();
    // Index first: a write reaches the sealed state before it leaves the index.
    let condition = filter.any_condition();
    for (id, fresh) in live.index.all() {
        if let Some(record) = &fresh.record {
            let record = parse(Path::new(names::JOURNAL), &id, record)?;
            if condition.matches(&Fields::of(&record)) {
                found.insert(id);
            }
        }
    }
    let snapshot = live.snapshot.load_full();
    let filters = std::slice::from_ref(filter);
    if let Some(resolved) = ResolvedFilter::resolve(&snapshot, filters)? {
        for item in resolved.items()? {
            found.insert(snapshot.sealed.id(*item)?.to_owned());
        }
    }
    Ok(found)
}
