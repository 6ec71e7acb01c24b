//! Serving another kept generation, and letting kept ones go.

use super::collect::tidy;
use super::flip::flip;
use super::progress::{Monitor, ProgressStage};
use super::{Writing, commit};
use crate::error::Error;
use crate::manifest::Generation;
use crate::snapshot::{Base, Live, Sealed, Snapshot};
use std::sync::Arc;
use twinspire_core::ids::GenerationNo;

/// Makes generation `to` (none: the one before the active one) answer for a space. Items written since
/// it was cut are embedded with its towers first.
pub(crate) fn rollback(
    live: &Live,
    writing: &Writing,
    space: &str,
    to: Option<GenerationNo>,
    monitor: &Monitor<'_>,
) -> Result<Generation, Error> {
    let _state = writing.hold_state();
    drop(writing.writer()?);
    let before = live.snapshot.load_full();
    let kept = before.kept(space)?;
    let generation = match to {
        Some(number) => kept
            .generation(number)
            .ok_or_else(|| Error::UnknownGeneration {
                space: space.to_owned(),
                generation: number,
                kept: kept.generations.iter().map(|g| g.number).collect(),
            }),
        None => kept
            .before_active()
            .ok_or_else(|| Error::NoEarlierGeneration {
                space: space.to_owned(),
                active: kept.active,
            }),
    };
    let generation = generation?;
    before.check_members(space, generation)?;
    let serving = before.spaces.get(space).map(|serving| &*serving.base);
    let base = Base::open(&live.directory, space, generation, serving)?;
    let number = generation.number;
    let report = |done, total| monitor.report(ProgressStage::CatchUp, done, total);
    flip(
        live,
        writing,
        space,
        Arc::new(base),
        &report,
        |manifest, _| manifest.activated(space, number),
    )?;
    // What the generation lacks is scanned in every recall until it is sealed.
    writing.signal.wake();
    Ok(generation.clone())
}

/// Lets the oldest generations of a space beyond `generations` go, never the active one.
pub(crate) fn retain(
    live: &Live,
    writing: &Writing,
    space: &str,
    generations: usize,
) -> Result<(), Error> {
    let _state = writing.hold_state();
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    if before.kept(space)?.generations.len() > generations.max(1) {
        let next = before.sealed.manifest.retained(space, generations)?;
        let sealed = Arc::new(Sealed::new(next.clone(), before.sealed.items.clone()));
        let spaces = before.spaces.clone();
        commit(live, &mut writer, &next, Snapshot { sealed, spaces })?;
    }
    drop(writer);
    tidy(live, writing);
    Ok(())
}
