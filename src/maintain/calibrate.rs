//! Calibration: the recall of a space by beam width, stored for recalls with a recall target.

use super::commit::commit;
use super::long_work;
use super::writing::Writing;
use crate::error::Error;
use crate::manifest::{Calibration, QueryKind, Space, TransitionError};
use crate::snapshot::{Base, Live, QuerySample, Serving, count_vectors};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use twinspire_core::ids::GenerationNo;

/// Measures the active generation of a space and stores the result: it replaces what was measured before
/// with the same kinds of queries. Ends with [`Error::Cancelled`] when the database closes.
///
/// If another generation became active meanwhile, it is measured instead. Given queries are of one
/// generation, and lead to a conflict then.
pub(crate) fn calibrate(
    live: &Live,
    writing: &Writing,
    space: &str,
    given: Option<(GenerationNo, QuerySample)>,
) -> Result<Calibration, Error> {
    let check_cancelled = || match writing.cancelled.load(Ordering::Relaxed) {
        true => Err(Error::Cancelled),
        false => Ok(()),
    };
    writing.check_writable()?;
    loop {
        let queries = given.as_ref().map(|(_, queries)| queries);
        let audit = || live.audit(space, queries, &check_cancelled);
        let vectors = count_vectors(&live.snapshot.load().space(space)?.base.parts);
        let (number, measured) = long_work::run(vectors, audit)?;
        let _state = writing.lock_state();
        let mut writer = writing.lock_writer(live)?;
        let before = live.snapshot.load_full();
        let serving = before.space(space)?;
        if given.as_ref().is_some_and(|(of, _)| *of != number) {
            return Err(TransitionError::Moved.into());
        }
        if serving.base.generation.number != number {
            continue;
        }
        let calibration = serving.base.generation.calibration.updated(measured);
        let manifest = &before.sealed.manifest;
        let manifest = manifest.calibrated(space, number, calibration.clone())?;
        let mut base = Base::clone(&serving.base);
        let stored = manifest.spaces.get(space).and_then(Space::active);
        if let Some(stored) = stored {
            base.generation = stored.clone();
        }
        let serving = Serving {
            base: Arc::new(base),
            overlay: serving.overlay.clone(),
        };
        let next = before.with_manifest(manifest).with_space(space, serving);
        commit(live, &mut writer, next)?;
        return Ok(calibration);
    }
}

/// Calibrates every space that has received far more queries than its calibration by them is based on.
pub(super) fn calibrate_from_queries(live: &Live, writing: &Writing) -> Result<(), Error> {
    let snapshot = live.snapshot.load_full();
    for (space, serving) in &snapshot.spaces {
        let generation = &serving.base.generation;
        let Some(sample) = live.query_samples.sample(space, generation.number) else {
            continue;
        };
        let queries = sample.len() / generation.dimension.max(1) as usize;
        let known = generation.calibration.sample(QueryKind::Asked);
        if known.is_none_or(|known| queries >= 2 * known.queries as usize) {
            calibrate(live, writing, space, None)?;
        }
    }
    Ok(())
}

/// Calibrates every space whose calibration was made with far fewer or far more items.
pub(super) fn calibrate_changed(live: &Live, writing: &Writing) -> Result<(), Error> {
    let snapshot = live.snapshot.load_full();
    for (space, serving) in &snapshot.spaces {
        let base = &serving.base;
        let vectors = count_vectors(&base.parts);
        if vectors > 0 && !base.generation.calibration.stands_for(vectors as u64) {
            calibrate(live, writing, space, None)?;
        }
    }
    Ok(())
}
