//! Switching a space to another generation, in a publish or a rollback.

use super::commit::commit;
use super::writing::Writing;
use crate::error::Error;
use crate::manifest::{Manifest, TransitionError};
use crate::snapshot::{
    Base, Live, Overlay, ProgressFn, Sealed, Serving, Snapshot, WriteState, catch_up,
};
use std::sync::Arc;
use twinspire_core::ids::FileNo;

/// Makes `base` the active generation of a space, in one commit. The caller holds the state lock.
///
/// Items written since the generation's cut are embedded with its own item tower: most of them while
/// writes continue, the last ones under the writer's lock. `transition` gets the current manifest and the
/// next file number, and returns the manifest in which the generation is active. Fused spaces switch to
/// matching generations in the same commit.
pub(super) fn activate(
    live: &Live,
    writing: &Writing,
    space: &str,
    base: Base,
    progress: ProgressFn<'_>,
    transition: impl FnOnce(&Manifest, FileNo) -> Result<Manifest, TransitionError>,
) -> Result<(), Error> {
    let (before, caught_up) = {
        let writer = writing.lock_writer(live)?;
        (live.snapshot.load_full(), writer.journal.last())
    };
    let mut overlay = Overlay::default();
    let mut catch_up = |before: &Snapshot, after| {
        let state = WriteState {
            sealed: &before.sealed,
            fresh: &before.fresh,
            spaces: &before.spaces,
        };
        catch_up(&mut overlay, space, &base, state, after, progress)
    };
    catch_up(&before, base.generation.cut)?;

    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    before.check_members(space, &base.generation)?;
    catch_up(&before, caught_up)?;
    let manifest = transition(&before.sealed.manifest, writer.next_file)?;
    let sealed = Arc::new(Sealed::new(manifest, before.sealed.items.clone()));
    let base = Arc::new(base);
    let (mut known, fields) = (before.spaces.clone(), Arc::clone(&before.fields));
    known.insert(space.into(), Arc::new(Serving { base, overlay }));
    let next = Snapshot::serving(
        &live.directory,
        sealed,
        (before.fresh.clone(), fields),
        &known,
    )?;
    commit(live, &mut writer, next)
}
