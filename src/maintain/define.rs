//! Defining ensembles, and dropping them.

use super::{Writing, commit};
use crate::ensemble::Ensemble;
use crate::error::{EnsembleError, Error, NameOwner};
use crate::manifest::Manifest;
use crate::snapshot::{Live, NumberField, Sealed, Snapshot};
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::kernel::Metric;

/// Stores an ensemble in the place of what has its name, or (none) drops it; false when there is
/// nothing to drop.
pub(crate) fn define(
    live: &Live,
    writing: &Writing,
    name: &str,
    ensemble: Option<Ensemble>,
) -> Result<bool, Error> {
    let _state = writing.hold_state();
    let mut writer = writing.writer()?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    if let Some(ensemble) = &ensemble {
        if !names::is_space_name(name) {
            let name = name.to_owned();
            return Err(Error::SpaceName { name });
        }
        if manifest.spaces.contains_key(name) {
            let (name, owner) = (name.to_owned(), NameOwner::Space);
            return Err(Error::NameTaken { name, owner });
        }
        if let Some(source) = ensemble.problem() {
            let name = name.to_owned();
            return Err(Error::Ensemble { name, source });
        }
        for space in ensemble.needs() {
            before.kept(space)?;
        }
        if let Some(source) = unlike(ensemble, manifest) {
            let name = name.to_owned();
            return Err(Error::Ensemble { name, source });
        }
        if let Some(source) = worthless(ensemble, &before)? {
            let name = name.to_owned();
            return Err(Error::Ensemble { name, source });
        }
    } else if !manifest.ensembles.contains_key(name) {
        return Ok(false);
    }
    let next = manifest.with_ensemble(name, ensemble);
    let sealed = Arc::new(Sealed::new(next.clone(), before.sealed.items.clone()));
    let spaces = before.spaces.clone();
    commit(live, &mut writer, &next, Snapshot { sealed, spaces })?;
    Ok(true)
}

/// Why the fused space of an ensemble cannot stand for its spaces, if so.
fn unlike(ensemble: &Ensemble, manifest: &Manifest) -> Option<EnsembleError> {
    let fused = ensemble.recipe().method.fused()?;
    let active = manifest.spaces.get(fused)?.active()?;
    if active.members.keys().eq(ensemble.spaces()) {
        return None;
    }
    if !active.is_fused() {
        let space = fused.to_owned();
        return Some(EnsembleError::NotFused { space });
    }
    Some(EnsembleError::OtherMembers {
        space: fused.to_owned(),
        members: active.members.keys().cloned().collect(),
    })
}

/// Why ranking by what items are worth means nothing here, if so.
fn worthless(ensemble: &Ensemble, snapshot: &Snapshot) -> Result<Option<EnsembleError>, Error> {
    let Some(business) = &ensemble.recipe().business else {
        return Ok(None);
    };
    let field = business.field();
    if NumberField::of(snapshot, field).range().is_none() {
        let field = field.to_owned();
        return Ok(Some(EnsembleError::NoNumbers { field }));
    }
    let (mut spaces, mut distances) = (0, 0);
    for space in ensemble.scored_by() {
        spaces += 1;
        let metric = snapshot.kept(space)?.active().map(|active| active.metric);
        distances += usize::from(metric == Some(Metric::L2));
    }
    let below = spaces > 0 && spaces == distances;
    Ok(below.then_some(EnsembleError::NegativeScores))
}
