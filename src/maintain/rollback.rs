//! Rolling a space back to a generation that it keeps.

use super::activate::activate;
use super::progress::{Monitor, ProgressStage};
use super::signal::Task;
use super::writing::Writing;
use crate::error::Error;
use crate::manifest::Generation;
use crate::snapshot::{Base, Live};
use twinspire_core::ids::GenerationNo;

/// Makes generation `to` of a space active, older or newer; by default the one before the active one.
///
/// Items written since its cut are embedded first.
pub(crate) fn rollback(
    live: &Live,
    writing: &Writing,
    space: &str,
    to: Option<GenerationNo>,
    monitor: &Monitor<'_>,
) -> Result<Generation, Error> {
    let _state = writing.lock_state();
    writing.check_writable()?;
    let before = live.snapshot.load_full();
    let kept = before.kept(space)?;
    let generation = rollback_target(space, to, kept.active, &kept.generations, |g| g.number)?;
    before.check_members(space, generation)?;
    let serving = before.spaces.get(space).map(|serving| &*serving.base);
    let base = Base::open_whole(&live.directory, space, generation, serving)?;
    let number = generation.number;
    let report = |done, total| monitor.report(ProgressStage::CatchUp, done, total);
    activate(live, writing, space, base, &report, |manifest, _| {
        manifest.activated(space, number)
    })?;
    // Recalls scan the items that the generation lacks until they are sealed into it.
    writing.signal.request(Task::Upkeep);
    Ok(generation.clone())
}

/// The kept generation that a rollback makes active: `to`, or by default the newest one before the active one.
pub(super) fn rollback_target<'a, T>(
    space: &str,
    to: Option<GenerationNo>,
    active: GenerationNo,
    kept: &'a [T],
    number: impl Fn(&T) -> GenerationNo,
) -> Result<&'a T, Error> {
    let mut newest_first = kept.iter().rev();
    match to {
        Some(wanted) => newest_first
            .find(|generation| number(generation) == wanted)
            .ok_or_else(|| Error::UnknownGeneration {
                space: space.to_owned(),
                generation: wanted,
                kept: kept.iter().map(number).collect(),
            }),
        None => newest_first
            .find(|generation| number(generation) < active)
            .ok_or_else(|| Error::NoEarlierGeneration {
                space: space.to_owned(),
                active,
            }),
    }
}
