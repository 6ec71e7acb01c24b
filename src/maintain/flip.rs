//! The moment in which a space goes over to another generation.

use super::{Writing, commit};
use crate::error::Error;
use crate::ids::FileNo;
use crate::manifest::{Manifest, TransitionError};
use crate::snapshot::{Base, Live, Moment, Overlay, Sealed, Serving, Snapshot, Told, catch_up};
use std::sync::Arc;

/// Makes `base` answer for a space: what was written since it was cut is embedded with its own tower
/// first, most of it while others write, the rest while they wait; `told` of it. `change` gives the manifest in
/// which it is active. The state must be held.
pub(super) fn flip(
    live: &Live,
    writing: &Writing,
    space: &str,
    base: Arc<Base>,
    told: Told<'_>,
    change: impl FnOnce(&Manifest, FileNo) -> Result<Manifest, TransitionError>,
) -> Result<(), Error> {
    let mut overlay = Overlay::default();
    let (before, fresh, caught_up) = {
        let writer = writing.writer()?;
        let before = live.snapshot.load_full();
        (before, live.index.all(), writer.journal.last())
    };
    let mut catch_up = |before: &Snapshot, fresh: &_, after| {
        let moment = Moment {
            sealed: &before.sealed,
            fresh,
            spaces: &before.spaces,
        };
        catch_up(&mut overlay, space, &base, moment, after, told)
    };
    catch_up(&before, &fresh, base.generation.cut)?;
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    let fresh = live.index.all();
    catch_up(&before, &fresh, caught_up)?;
    let next = change(&before.sealed.manifest, writer.next_file)?;
    let mut spaces = before.spaces.clone();
    let serving = Serving { base, overlay };
    spaces.insert(space.to_owned(), Arc::new(serving));
    let sealed = Sealed::new(next.clone(), before.sealed.items.clone());
    let sealed = Arc::new(sealed);
    commit(live, &mut writer, &next, Snapshot { sealed, spaces })
}
