//! The state that a recall reads: the current one, or a pinned one.

use crate::catalog::Fresh;
use crate::error::Error;
use crate::snapshot::{Live, Sealed, Serving, Snapshot, parse};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::{GenerationNo, ItemNo};

/// One state of a database, with look-up of ids and records. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct View {
    live: Arc<Live>,
    snapshot: Arc<Snapshot>,
    /// The unsealed writes of a pinned state. None for the current state, whose ids are looked up in the
    /// live index.
    fresh: Option<Arc<BTreeMap<String, Fresh>>>,
}

impl View {
    /// The current state.
    pub(crate) fn now(live: Arc<Live>) -> Self {
        Self {
            snapshot: live.snapshot.load_full(),
            live,
            fresh: None,
        }
    }

    /// A pinned state: a snapshot and the unsealed writes, both of one moment.
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

    /// This state with another generation of one space active. Opens the generation and embeds the items
    /// of this state that were written since its cut.
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
        let (spaces, fields) = (&snapshot.spaces, Arc::clone(&snapshot.fields));
        let next = Snapshot::serving(directory, sealed.into(), fresh, spaces, fields)?;
        Ok(Self {
            live: Arc::clone(&self.live),
            snapshot: Arc::new(next),
            fresh: self.fresh.clone(),
        })
    }

    /// The snapshot.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The open database.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// The item of an id, whether it is deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        match &self.fresh {
            None => self.live.find_item(id),
            Some(fresh) => match fresh.get(id) {
                Some(fresh) => Ok(Some(fresh.item)),
                None => self.snapshot.sealed.find_item(id),
            },
        }
    }

    /// The id of an item that is served by these spaces.
    pub(super) fn item_id<'s>(
        &self,
        mut servings: impl Iterator<Item = &'s Serving>,
        item: ItemNo,
    ) -> Result<String, Error> {
        match servings.find_map(|serving| serving.overlay.get(&item)) {
            Some(fresh) => Ok(fresh.id.clone()),
            None => Ok(self.snapshot.sealed.id(item)?.to_owned()),
        }
    }

    /// The record of an id in this state; `None` if the item is deleted.
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

    /// Adds a query vector to the reservoir that calibration samples. Skips generations that are not
    /// active.
    pub(super) fn sample_query(&self, space: &str, generation: GenerationNo, query: &[f32]) {
        let active = || {
            let snapshot = self.live.snapshot.load();
            let kept = snapshot.sealed.manifest.spaces.get(space);
            kept.is_some_and(|kept| kept.active == generation)
        };
        if self.fresh.is_none() || active() {
            self.live.query_samples.offer(space, generation, query);
        }
    }
}
