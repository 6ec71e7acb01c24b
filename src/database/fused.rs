//! Fused spaces: one graph over the vectors of several.

use super::Database;
use crate::error::{Error, FuseError};
use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;
use twinspire_core::kernel::{Metric, Storage};
use twinspire_towers::Towers;

/// A fused space to be published.
pub(super) struct Fusion {
    /// The members, each with the generation that it serves.
    pub(super) members: BTreeMap<String, GenerationNo>,
    /// Towers of the dimension of all members together, which embed nothing.
    pub(super) towers: Towers,
    /// How vectors are stored: as the members store them.
    pub(super) storage: Storage,
}

impl Database {
    /// Checks that the members of a fused space can be fused.
    pub(super) fn fusion(&self, space: &str, members: &[String]) -> Result<Fusion, Error> {
        let fused = |source: FuseError| Error::Fused {
            space: space.to_owned(),
            source,
        };
        let live = self.live();
        let snapshot = live.snapshot.load();
        let mut made_of: BTreeMap<String, GenerationNo> = BTreeMap::new();
        let (mut dimension, mut halves) = (0, 0);
        for member in members {
            let generation = &snapshot.space(member)?.base.generation;
            let name = || member.clone();
            if generation.is_fused() {
                return Err(fused(FuseError::FusedMember { member: name() }));
            }
            if generation.metric == Metric::L2 {
                return Err(fused(FuseError::L2Member { member: name() }));
            }
            if made_of.insert(name(), generation.number).is_some() {
                return Err(fused(FuseError::RepeatedMember { member: name() }));
            }
            dimension += generation.dimension as usize;
            halves += usize::from(generation.storage == Storage::Half);
        }
        if made_of.len() < 2 {
            let count = made_of.len();
            return Err(fused(FuseError::TooFewMembers { count }));
        }
        let stored = match halves == made_of.len() {
            true => Storage::Half,
            false => Storage::Full,
        };
        let towers = Towers::vectors_only(space, dimension, Metric::InnerProduct);
        Ok(Fusion {
            members: made_of,
            towers: towers.map_err(|error| fused(Box::new(error).into()))?,
            storage: stored,
        })
    }

    /// The members of a fused space, each with the generation that the active one was made of. Empty for a
    /// space with towers or vectors of its own.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn members(&self, space: &str) -> Result<BTreeMap<String, GenerationNo>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let active = snapshot.kept(space)?.active();
        Ok(active.map_or_else(BTreeMap::new, |active| active.members.clone()))
    }
}
