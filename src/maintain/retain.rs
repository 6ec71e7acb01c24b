//! Removing old generations of a space.

use super::collect::collect_or_warn;
use super::commit::commit;
use super::writing::Writing;
use crate::error::Error;
use crate::snapshot::Live;

/// Removes the oldest generations of a space until `generations` are left. The active one stays.
pub(crate) fn retain(
    live: &Live,
    writing: &Writing,
    space: &str,
    generations: usize,
) -> Result<(), Error> {
    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    if before.kept(space)?.generations.len() > generations.max(1) {
        let manifest = before.sealed.manifest.retained(space, generations)?;
        commit(live, &mut writer, before.with_manifest(manifest))?;
    }
    drop(writer);
    collect_or_warn(live, writing);
    Ok(())
}
