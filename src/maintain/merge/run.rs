//! One merge of the whole database.

use super::items::{index_texts, merge_items};
use super::plan::{Extent, MAX_SEGMENTS};
use super::space::merge_space;
use crate::error::Error;
use crate::maintain::collect::collect_or_warn;
use crate::maintain::writing::Writing;
use crate::snapshot::Live;

/// Merges what is due if the items or a space have more segments than [`MAX_SEGMENTS`]. Every seal ends with
/// this, so that the bound holds whether or not a background thread merges.
pub(crate) fn merge_beyond_bound(live: &Live, writing: &Writing) -> Result<(), Error> {
    let is_beyond = {
        let snapshot = live.snapshot.load();
        let mut spaces = snapshot.spaces.values();
        let too_many = |count: usize| count > MAX_SEGMENTS;
        too_many(snapshot.sealed.items.len())
            || spaces.any(|serving| too_many(serving.base.parts.len()))
    };
    match is_beyond {
        true => merge(live, writing, Extent::Due),
        false => Ok(()),
    }
}

/// Merges the items segments, then the segments of every space's active generation, as far as `extent`
/// says. Unlinks the replaced files at the end. One merge runs at a time.
pub(crate) fn merge(live: &Live, writing: &Writing, extent: Extent) -> Result<(), Error> {
    let _merge = writing.lock_merge();
    writing.check_writable()?;
    merge_items(live, writing, extent)?;
    index_texts(live, writing)?;
    let spaces = live.snapshot.load().spaces.clone();
    for space in spaces.keys() {
        merge_space(live, writing, space, extent)?;
    }
    let _state = writing.lock_state();
    collect_or_warn(live, writing);
    Ok(())
}
