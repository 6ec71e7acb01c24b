//! The moment in which a space goes over to another generation.

use super::{Writing, commit};
use crate::error::Error;
use crate::manifest::{Manifest, TransitionError};
use crate::snapshot::{
    Base, Live, Overlay, ProgressFn, Sealed, Serving, Snapshot, WriteState, catch_up,
};
use std::sync::Arc;
use twinspire_core::ids::FileNo;

/// Makes `base` answer for a space: what was written since it was cut is embedded with its own tower
/// first, most of it while others write, the rest while they wait; `told` of it. `change` gives the manifest in
/// which it is active. Fused spaces follow in the same moment: they answer again, with another
/// generation, or no longer. The state must be held.
pub(super) fn flip(
    live: &Live,
    writing: &Writing,
    space: &str,
    base: Arc<Base>,
    told: ProgressFn<'_>,
    change: impl FnOnce(&Manifest, FileNo) -> Result<Manifest, TransitionError>,
) -> Result<(), Error> {
    let mut overlay = Overlay::default();
    let (before, fresh, caught_up) = {
        let writer = writing.writer()?;
        let before = live.snapshot.load_full();
        (before, live.index.all(), writer.journal.last())
    };
    let mut catch_up = |before: &Snapshot, fresh: &_, after| {
        let moment = WriteState {
            sealed: &before.sealed,
            fresh,
            spaces: &before.spaces,
        };
        catch_up(&mut overlay, space, &base, moment, after, told)
    };
    catch_up(&before, &fresh, base.generation.cut)?;
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    before.check_members(space, &base.generation)?;
    let fresh = live.index.all();
    catch_up(&before, &fresh, caught_up)?;
    let next = change(&before.sealed.manifest, writer.next_file)?;
    let sealed = Sealed::new(next.clone(), before.sealed.items.clone());
    let mut known = before.spaces.clone();
    known.insert(space.to_owned(), Arc::new(Serving { base, overlay }));
    let snapshot = Snapshot::serving(&live.directory, sealed.into(), &fresh, &known)?;
    commit(live, &mut writer, &next, snapshot)
}
