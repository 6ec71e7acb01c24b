//! Defining, rolling back and removing lexical spaces.
//!
//! A definition is one commit. From then on recalls use it, on indexes in memory where segments lack one, and seals
//! and merges store one. Then the segments that lack one are written again, one by one; wherever that is
//! interrupted, the state is whole, and the next merge goes on.

use super::collect::collect_or_warn;
use super::commit::commit;
use super::merge::index_texts;
use super::rollback::rollback_target;
use super::writing::Writing;
use crate::error::{Error, NameOwner};
use crate::lexical::Lexical;
use crate::manifest::{LexicalSpace, Manifest};
use crate::snapshot::{Live, Snapshot};
use std::time::{SystemTime, UNIX_EPOCH};
use twinspire_core::files::names;
use twinspire_core::ids::GenerationNo;

/// Definitions that a lexical space keeps.
const RETAINED: usize = 3;

/// Makes a definition the active one of a lexical space, and returns its generation. The same definition again
/// changes nothing.
pub(crate) fn define_lexical(
    live: &Live,
    writing: &Writing,
    name: &str,
    lexical: Lexical,
) -> Result<GenerationNo, Error> {
    let number = {
        let _state = writing.lock_state();
        let mut writer = writing.lock_writer(live)?;
        let before = live.snapshot.load_full();
        let manifest = &before.sealed.manifest;
        check(manifest, name, &lexical)?;
        let active = manifest.lexical.get(name).and_then(LexicalSpace::active);
        match active.filter(|active| active.lexical == lexical) {
            Some(same) => same.number,
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.map_or(0, |now| now.as_millis() as u64);
                let next = manifest.with_lexical(name, lexical, now, RETAINED);
                let number = next.lexical.get(name).map(|space| space.active);
                commit(live, &mut writer, before.with_manifest(next))?;
                number.unwrap_or_default()
            }
        }
    };
    store_indexes(live, writing)?;
    Ok(number)
}

/// Makes another kept definition of a lexical space active, by default the one before. Returns its generation.
pub(crate) fn rollback_lexical(
    live: &Live,
    writing: &Writing,
    name: &str,
    to: Option<GenerationNo>,
) -> Result<GenerationNo, Error> {
    let number = {
        let _state = writing.lock_state();
        let mut writer = writing.lock_writer(live)?;
        let before = live.snapshot.load_full();
        let kept = lexical_space(&before, name)?;
        let generation = rollback_target(name, to, kept.active, &kept.generations, |g| g.number)?;
        let number = generation.number;
        let manifest = &before.sealed.manifest;
        let manifest = manifest.with_active_lexical(name, number)?;
        commit(live, &mut writer, before.with_manifest(manifest))?;
        number
    };
    store_indexes(live, writing)?;
    Ok(number)
}

/// Removes a lexical space. Returns false for an unknown name. The next merge drops its indexes.
pub(crate) fn remove_lexical(live: &Live, writing: &Writing, name: &str) -> Result<bool, Error> {
    let _state = writing.lock_state();
    let mut writer = writing.lock_writer(live)?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    if !manifest.lexical.contains_key(name) {
        return Ok(false);
    }
    let users = manifest.ensembles.iter().filter(|(_, ensemble)| {
        let mut spaces = ensemble.required_spaces();
        spaces.any(|space| space == name)
    });
    let ensembles: Vec<String> = users.map(|(ensemble, _)| ensemble.clone()).collect();
    if !ensembles.is_empty() {
        let name = name.to_owned();
        return Err(Error::SpaceInUse { name, ensembles });
    }
    let manifest = manifest.without_lexical(name);
    commit(live, &mut writer, before.with_manifest(manifest))?;
    Ok(true)
}

/// The lexical space of a name.
pub(crate) fn lexical_space<'a>(
    snapshot: &'a Snapshot,
    name: &str,
) -> Result<&'a LexicalSpace, Error> {
    let lexical = &snapshot.sealed.manifest.lexical;
    lexical.get(name).ok_or_else(|| Error::UnknownSpace {
        name: name.to_owned(),
        known: lexical.keys().cloned().collect(),
    })
}

fn check(manifest: &Manifest, name: &str, lexical: &Lexical) -> Result<(), Error> {
    let owned = || name.to_owned();
    if !names::is_space_name(name) {
        return Err(Error::SpaceName { name: owned() });
    }
    let owner = match manifest.spaces.get(name) {
        Some(space) if space.is_fused() => Some(NameOwner::FusedSpace),
        Some(_) => Some(NameOwner::Space),
        None => manifest
            .ensembles
            .contains_key(name)
            .then_some(NameOwner::Ensemble),
    };
    if let Some(owner) = owner {
        let name = owned();
        return Err(Error::NameTaken { name, owner });
    }
    lexical.problem().map_or(Ok(()), |source| {
        let name = owned();
        Err(Error::Lexical { name, source })
    })
}

/// Writes segments again that lack an index.
fn store_indexes(live: &Live, writing: &Writing) -> Result<(), Error> {
    let _merge = writing.lock_merge();
    index_texts(live, writing)?;
    let _state = writing.lock_state();
    collect_or_warn(live, writing);
    Ok(())
}
