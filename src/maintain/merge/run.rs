//! One merge of the whole database.

use super::items::merge_items;
use super::plan::Extent;
use super::space::merge_space;
use crate::error::Error;
use crate::maintain::collect::collect_or_warn;
use crate::maintain::writing::Writing;
use crate::snapshot::Live;

/// Merges the items segments, then the segments of every space's active generation, as far as `extent`
/// says. Unlinks the replaced files at the end. One merge runs at a time.
pub(crate) fn merge(live: &Live, writing: &Writing, extent: Extent) -> Result<(), Error> {
    let _merge = writing.lock_merge();
    writing.check_writable()?;
    merge_items(live, writing, extent)?;
    let spaces: Vec<String> = live.snapshot.load().spaces.keys().cloned().collect();
    for space in spaces {
        merge_space(live, writing, &space, extent)?;
    }
    let _state = writing.lock_state();
    collect_or_warn(live, writing);
    Ok(())
}
