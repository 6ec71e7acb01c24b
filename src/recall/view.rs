//! The state that a recall reads: the current one, or a pinned one.

use crate::error::Error;
use crate::snapshot::{Live, Sealed, Snapshot, note_recall};
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::{GenerationNo, ItemNo};

/// Ids that are prefetched before they are read, in two steps of this length.
const IDS_AHEAD: usize = 8;

/// One state of a database, with look-up of ids and records. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct View {
    live: Arc<Live>,
    snapshot: Arc<Snapshot>,
    /// Whether the state may be another than the current one.
    is_pinned: bool,
}

impl View {
    /// The current state.
    pub(crate) fn now(live: Arc<Live>) -> Self {
        note_recall();
        Self {
            snapshot: live.snapshot.load_full(),
            live,
            is_pinned: false,
        }
    }

    /// A state that is not the current one, as a publish is about to make.
    pub(crate) fn of(live: Arc<Live>, snapshot: Snapshot) -> Self {
        Self {
            live,
            snapshot: Arc::new(snapshot),
            is_pinned: true,
        }
    }

    /// The current state, to be kept.
    pub(crate) fn pinned(live: Arc<Live>) -> Self {
        Self {
            is_pinned: true,
            ..Self::now(live)
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
        let (directory, fresh) = (&self.live.directory, snapshot.fresh.clone());
        let (spaces, fields) = (&snapshot.spaces, Arc::clone(&snapshot.fields));
        let next = Snapshot::serving(directory, sealed.into(), (fresh, fields), spaces)?;
        Ok(Self {
            live: Arc::clone(&self.live),
            snapshot: Arc::new(next),
            is_pinned: self.is_pinned,
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
        self.snapshot.find_item(id)
    }

    /// The item of each id, whether it is deleted or not.
    pub(super) fn find_items(
        &self,
        ids: &[&str],
        items: &mut [Option<ItemNo>],
    ) -> Result<(), Error> {
        self.snapshot.find_items(ids, items)
    }

    /// The ids of a ranking's items, in its order. What an id is read from is prefetched while those before it are read.
    pub(super) fn item_ids<'v>(
        &'v self,
        ranking: &'v [(f32, ItemNo)],
    ) -> impl Iterator<Item = Result<String, Error>> + 'v {
        let sealed = &self.snapshot.sealed;
        let item = |at: usize| ranking.get(at).map(|(_, item)| *item);
        let first = |count: usize| ranking.iter().take(count).map(|(_, item)| *item);
        first(2 * IDS_AHEAD).for_each(|item| sealed.prefetch_row(item));
        first(IDS_AHEAD).for_each(|item| sealed.prefetch_id(item));
        ranking.iter().enumerate().map(move |(at, (_, own))| {
            if let Some(later) = item(at + 2 * IDS_AHEAD) {
                sealed.prefetch_row(later);
            }
            if let Some(next) = item(at + IDS_AHEAD) {
                sealed.prefetch_id(next);
            }
            self.item_id(*own)
        })
    }

    /// The id of an item.
    pub(super) fn item_id(&self, item: ItemNo) -> Result<String, Error> {
        match self.snapshot.fresh.get(item) {
            Some(fresh) => Ok(fresh.id.to_string()),
            None => Ok(self.snapshot.sealed.id(item)?.to_owned()),
        }
    }

    /// The record of an id in this state; `None` if the item is deleted.
    pub(super) fn record(&self, id: &str) -> Result<Option<Value>, Error> {
        self.snapshot.record(id)
    }

    /// Adds a query vector to the reservoir that calibration samples. Skips generations that are not
    /// active.
    pub(super) fn sample_query(&self, space: &str, generation: GenerationNo, query: &[f32]) {
        let active = || {
            let snapshot = self.live.snapshot.load();
            let kept = snapshot.sealed.manifest.spaces.get(space);
            kept.is_some_and(|kept| kept.active == generation)
        };
        if !self.is_pinned || active() {
            self.live.query_samples.offer(space, generation, query);
        }
    }
}
