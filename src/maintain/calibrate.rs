//! Calibration: the recall of a space by beam width, stored for recalls with a recall target.

use super::commit::commit;
use super::writing::Writing;
use crate::error::Error;
use crate::manifest::Calibration;
use crate::snapshot::{Base, Live, Serving};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Measures the active generation of a space and stores the result. Measures again if another
/// generation became active meanwhile. Ends with [`Error::Cancelled`] when the database closes.
pub(crate) fn calibrate(live: &Live, writing: &Writing, space: &str) -> Result<Calibration, Error> {
    let check_cancelled = || match writing.cancelled.load(Ordering::Relaxed) {
        true => Err(Error::Cancelled),
        false => Ok(()),
    };
    writing.check_writable()?;
    loop {
        let (number, calibration) = live.audit(space, &check_cancelled)?;
        let _state = writing.lock_state();
        let mut writer = writing.lock_writer()?;
        let before = live.snapshot.load_full();
        let serving = before.space(space)?;
        if serving.base.generation.number != number {
            continue;
        }
        let manifest = &before.sealed.manifest;
        let manifest = manifest.calibrated(space, number, calibration.clone())?;
        let mut base = Base::clone(&serving.base);
        base.generation.calibration = calibration.clone();
        let serving = Serving {
            base: Arc::new(base),
            overlay: serving.overlay.clone(),
        };
        let next = before.with_manifest(manifest).with_space(space, serving);
        commit(live, &mut writer, next)?;
        return Ok(calibration);
    }
}

/// Calibrates every space that has a full sample of real queries and no calibration by them yet.
pub(super) fn calibrate_from_queries(live: &Live, writing: &Writing) -> Result<(), Error> {
    let snapshot = live.snapshot.load_full();
    for (space, serving) in &snapshot.spaces {
        let generation = &serving.base.generation;
        let sample = || live.query_samples.sample(space, generation.number);
        if !generation.calibration.real && sample().is_some() {
            calibrate(live, writing, space)?;
        }
    }
    Ok(())
}
