//! Measuring what beams find, and keeping it for recalls with a target.

use super::{Writing, commit};
use crate::error::Error;
use crate::manifest::Calibration;
use crate::snapshot::{Base, Live, Sealed, Serving, Snapshot};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Measures the active generation of a space and stores what was found; again, if another generation
/// became active meanwhile. Gives up when the database is being closed.
pub(crate) fn calibrate(live: &Live, writing: &Writing, space: &str) -> Result<Calibration, Error> {
    let go_on = || match writing.cancelled.load(Ordering::Relaxed) {
        true => Err(Error::Cancelled),
        false => Ok(()),
    };
    // What could not be kept need not be measured.
    drop(writing.writer()?);
    loop {
        let (number, calibration) = live.audit(space, &go_on)?;
        let _state = writing.hold_state();
        let mut writer = writing.writer()?;
        let before = live.snapshot.load_full();
        let serving = before.space(space)?;
        if serving.base.generation.number != number {
            continue;
        }
        let manifest = &before.sealed.manifest;
        let next = manifest.calibrated(space, number, calibration.clone())?;
        let mut base = Base::clone(&serving.base);
        base.generation.calibration = calibration.clone();
        let serving = Serving {
            base: Arc::new(base),
            overlay: serving.overlay.clone(),
        };
        let sealed = Arc::new(Sealed::new(next.clone(), before.sealed.items.clone()));
        let mut spaces = before.spaces.clone();
        spaces.insert(space.to_owned(), Arc::new(serving));
        commit(live, &mut writer, &next, Snapshot { sealed, spaces })?;
        return Ok(calibration);
    }
}

/// Measures each space by what it was really asked with, if it was asked enough and that was not done
/// yet for its active generation.
pub(super) fn calibrate_asked(live: &Live, writing: &Writing) -> Result<(), Error> {
    let snapshot = live.snapshot.load_full();
    for (space, serving) in &snapshot.spaces {
        let generation = &serving.base.generation;
        let asked = || live.asked.sample(space, generation.number);
        if !generation.calibration.real && asked().is_some() {
            calibrate(live, writing, space)?;
        }
    }
    Ok(())
}
