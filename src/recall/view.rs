//! The state that recalls are answered from: the one in force, or one that is held on to.

use crate::catalog::Fresh;
use crate::error::Error;
use crate::snapshot::{Live, Sealed, Snapshot, parse};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{GenerationNo, ItemNo};

/// One state, and the way from ids to items in it. Copies are cheap.
#[derive(Clone)]
pub(crate) struct View {
    live: Arc<Live>,
    snapshot: Arc<Snapshot>,
    /// What was not sealed when the state was pinned; none if ids are looked up as of now.
    fresh: Option<Arc<BTreeMap<String, Fresh>>>,
}

impl View {
    /// The state in force.
    pub(crate) fn now(live: Arc<Live>) -> Self {
        Self {
            snapshot: live.snapshot.load_full(),
            live,
            fresh: None,
        }
    }

    /// A state that stays: a snapshot and what was fresh, both of one moment.
    pub(crate) fn pinned(
        live: Arc<Live>,
        snapshot: Arc<Snapshot>,
        fresh: BTreeMap<String, Fresh>,
    ) -> Self {
        Self {
            live,
            snapshot,
            fresh: Some(Arc::new(fresh)),
        }
    }

    /// This state, but for a space that answers with another of the generations it keeps: opened, and
    /// caught up with what was written since it was cut, as far as this state has it.
    pub(crate) fn with_generation(&self, space: &str, to: GenerationNo) -> Result<Self, Error> {
        let snapshot = &self.snapshot;
        let kept = snapshot.kept(space)?;
        let generation = kept
            .generation(to)
            .ok_or_else(|| Error::UnknownGeneration {
                space: space.to_owned(),
                generation: to,
                kept: kept.generations.iter().map(|g| g.number).collect(),
            })?;
        if kept.active == to {
            return Ok(self.clone());
        }
        snapshot.check_members(space, generation)?;
        let manifest = snapshot.sealed.manifest.activated(space, to)?;
        let sealed = Sealed::new(manifest, snapshot.sealed.items.clone());
        let nothing = BTreeMap::new();
        let fresh = self.fresh.as_deref().unwrap_or(&nothing);
        let directory = &self.live.directory;
        let next = Snapshot::serving(directory, sealed.into(), fresh, &snapshot.spaces)?;
        Ok(Self {
            live: Arc::clone(&self.live),
            snapshot: Arc::new(next),
            fresh: self.fresh.clone(),
        })
    }

    /// The state.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The database that it is a state of.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// The item of an id, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        match &self.fresh {
            None => self.live.find_item(id),
            Some(fresh) => match fresh.get(id) {
                Some(fresh) => Ok(Some(fresh.item)),
                None => self.snapshot.sealed.find_item(id),
            },
        }
    }

    /// The newest record of an id: as of now, or as of the moment that is held on to. None if it was
    /// deleted by then.
    pub(super) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        let Some(fresh) = &self.fresh else {
            return self.live.record(id);
        };
        if let Some(fresh) = fresh.get(id) {
            let text = fresh.record.as_deref();
            let journal = self.live.directory.root.join(names::JOURNAL);
            return text.map(|text| parse(&journal, id, text)).transpose();
        }
        self.snapshot.sealed.record(id)
    }

    /// Takes notice of a query for the sample that beams are measured by, unless it was put to a
    /// generation that is not the active one.
    pub(super) fn notice(&self, space: &str, generation: GenerationNo, query: &[f32]) {
        let active = || {
            let snapshot = self.live.snapshot.load();
            let kept = snapshot.sealed.manifest.spaces.get(space);
            kept.is_some_and(|kept| kept.active == generation)
        };
        if self.fresh.is_none() || active() {
            self.live.asked.notice(space, generation, query);
        }
    }
}
