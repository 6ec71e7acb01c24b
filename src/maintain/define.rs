//! Defining and removing ensembles.

use super::commit::commit;
use super::writing::Writing;
use crate::ensemble::{Diversity, Ensemble, LexicalRole, Method, Normalisation};
use crate::error::{EnsembleError, Error, NameOwner};
use crate::manifest::Manifest;
use crate::snapshot::{Live, NumberField, Snapshot};
use twinspire_core::files::names;
use twinspire_core::kernel::Metric;

/// Stores an ensemble. It replaces the one that has its name.
pub(crate) fn define_ensemble(
    live: &Live,
    writing: &Writing,
    name: &str,
    ensemble: Ensemble,
) -> Result<(), Error> {
    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    check(&before, name, &ensemble)?;
    let manifest = &before.sealed.manifest;
    let manifest = manifest.with_ensemble(name, Some(ensemble));
    commit(live, &mut writer, before.with_manifest(manifest))
}

/// Removes an ensemble. Returns false if no ensemble has this name.
pub(crate) fn remove_ensemble(live: &Live, writing: &Writing, name: &str) -> Result<bool, Error> {
    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    if !manifest.ensembles.contains_key(name) {
        return Ok(false);
    }
    let manifest = manifest.with_ensemble(name, None);
    commit(live, &mut writer, before.with_manifest(manifest))?;
    Ok(true)
}

/// Refuses a name that is taken or malformed, and a recipe that cannot be evaluated.
fn check(before: &Snapshot, name: &str, ensemble: &Ensemble) -> Result<(), Error> {
    let manifest = &before.sealed.manifest;
    if !names::is_space_name(name) {
        let name = name.to_owned();
        return Err(Error::SpaceName { name });
    }
    if let Some(space) = manifest.spaces.get(name) {
        let owner = match space.is_fused() {
            true => NameOwner::FusedSpace,
            false => NameOwner::Space,
        };
        let name = name.to_owned();
        return Err(Error::NameTaken { name, owner });
    }
    if manifest.lexical.contains_key(name) {
        let (name, owner) = (name.to_owned(), NameOwner::LexicalSpace);
        return Err(Error::NameTaken { name, owner });
    }
    let refused = |source| Error::Ensemble {
        name: name.to_owned(),
        source,
    };
    if let Some(source) = ensemble.problem() {
        return Err(refused(source));
    }
    for space in ensemble.required_spaces() {
        if !manifest.lexical.contains_key(space) {
            before.kept(space)?;
        }
    }
    if let Some(source) = lexical_problem(ensemble, manifest) {
        return Err(refused(source));
    }
    let problem = match fused_space_problem(ensemble, manifest) {
        Some(problem) => Some(problem),
        None => business_problem(ensemble, before)?,
    };
    problem.map_or(Ok(()), |source| Err(refused(source)))
}

/// What a lexical space cannot be in an ensemble, if it is that.
fn lexical_problem(ensemble: &Ensemble, manifest: &Manifest) -> Option<EnsembleError> {
    let recipe = ensemble.recipe();
    let is_lexical = |space: &str| manifest.lexical.contains_key(space);
    let problem = |space: &str, role| {
        let space = space.to_owned();
        Some(EnsembleError::Lexical { space, role })
    };
    let diversity = recipe.diversity.as_ref().map(Diversity::space);
    if let Some(space) = diversity.filter(|space| is_lexical(space)) {
        return problem(space, LexicalRole::Diversity);
    }
    if let Some(space) = recipe.method.fused().filter(|space| is_lexical(space)) {
        return problem(space, LexicalRole::Fused);
    }
    let by = match &recipe.method {
        Method::Normalised { by, .. } => Some(*by),
        _ => None,
    };
    let mut spaces = ensemble.spaces();
    let space = spaces.find(|space| is_lexical(space))?;
    match by {
        Some(Normalisation::Calibration) => problem(space, LexicalRole::Calibrated),
        _ => None,
    }
}

/// Why the fused space of an ensemble cannot replace its spaces, if so.
fn fused_space_problem(ensemble: &Ensemble, manifest: &Manifest) -> Option<EnsembleError> {
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

/// The problem of a business weight that has no effect or the wrong one, `None` if it is sound.
fn business_problem(
    ensemble: &Ensemble,
    snapshot: &Snapshot,
) -> Result<Option<EnsembleError>, Error> {
    let Some(business) = &ensemble.recipe().business else {
        return Ok(None);
    };
    let field = business.field();
    if NumberField::of(snapshot, field).range().is_none() {
        let field = field.to_owned();
        return Ok(Some(EnsembleError::NoNumbers { field }));
    }
    let (mut spaces, mut distances) = (0, 0);
    for space in ensemble.score_spaces() {
        spaces += 1;
        if snapshot.sealed.manifest.lexical.contains_key(space) {
            continue;
        }
        let metric = snapshot.kept(space)?.active().map(|active| active.metric);
        distances += usize::from(metric == Some(Metric::L2));
    }
    let never_positive = spaces > 0 && spaces == distances;
    Ok(never_positive.then_some(EnsembleError::NegativeScores))
}
