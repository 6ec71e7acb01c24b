//! Serving another kept generation.

use super::{Writer, commit, lock};
use crate::error::Error;
use crate::ids::GenerationNo;
use crate::manifest::Generation;
use crate::snapshot::{Live, Sealed, Serving, Snapshot};
use std::sync::{Arc, Mutex};

/// Makes generation `to` (none: the one before the active one) answer for a space, items written
/// since it was cut included.
pub(crate) fn rollback(
    live: &Live,
    writer: &Mutex<Writer>,
    space: &str,
    to: Option<GenerationNo>,
) -> Result<Generation, Error> {
    let mut writer = lock(writer)?;
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
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
    let generation = generation?.clone();
    let fresh = live.index.all();
    let serving = Serving::open(&live.directory, space, &generation, &before.sealed, &fresh)?;
    let next = manifest.activated(space, generation.number)?;
    writer.poisoned = true;
    commit(live, &mut writer, &next, || {
        let mut spaces = before.spaces.clone();
        spaces.insert(space.to_owned(), Arc::new(serving));
        let sealed = Sealed {
            manifest: next.clone(),
            items: before.sealed.items.clone(),
        };
        Ok(Snapshot {
            sealed: sealed.into(),
            spaces,
        })
    })?;
    Ok(generation)
}
