//! What readers see: one consistent state of the database, swapped whole.
//!
//! A [`Snapshot`] is the sealed state (a manifest and its files, open) and, for each space, the
//! [`Serving`] generation: towers, segments and the [`Overlay`] of items written after it was cut.
//! Writers make the next snapshot and store it in [`Live`]; readers load one and keep it for as long
//! as they need it, and wait for nobody.

mod batches;
mod measure;
mod numbers;
mod overlay;
mod parts;
mod remembered;
mod reservoir;

pub(crate) use batches::in_batches;
pub(crate) use measure::{measure, simulated};
pub(crate) use numbers::NumberField;
pub(crate) use overlay::{
    FreshItem, Overlay, ProgressFn, WriteState, catch_up, embed, parse, without,
};
pub(crate) use parts::Part;
pub(crate) use remembered::{Memory, NodeSet, Remembered};
pub(crate) use reservoir::Reservoirs;

use crate::catalog::{Fresh, Index};
use crate::error::Error;
use crate::manifest::{Calibration, Generation, ItemsFile, Manifest, Space, SpaceFile};
use crate::store::{Directory, ItemsSegment, SpaceSegment, StoreError, read_towers};
use arc_swap::ArcSwap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::{GenerationNo, ItemNo, Revision};
use twinspire_core::kernel::{Row, Vector};
use twinspire_towers::internals::Model;

/// The state readers share, and the way to an item's newest record.
pub(crate) struct Live {
    /// Where the database is.
    pub(crate) directory: Directory,
    /// The state in force.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// What is not sealed yet.
    pub(crate) index: Index,
    /// Bytes of the journal when it was read.
    pub(crate) journal_bytes: u64,
    /// What the spaces were asked with.
    pub(crate) asked: Arc<Reservoirs>,
}

/// One consistent state.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// What is sealed.
    pub(crate) sealed: Arc<Sealed>,
    /// What each space serves.
    pub(crate) spaces: BTreeMap<String, Arc<Serving>>,
}

/// A manifest and the items segments it names, open, oldest first.
pub(crate) struct Sealed {
    /// The manifest in force.
    pub(crate) manifest: Manifest,
    /// Its items segments.
    pub(crate) items: Vec<Arc<ItemsSegment>>,
    /// What passes filters here.
    pub(crate) remembered: Remembered,
}

/// What a space answers from.
#[derive(Clone)]
pub(crate) struct Serving {
    /// The generation, open.
    pub(crate) base: Arc<Base>,
    /// Items written since it was cut; they hide what the generation says of them.
    pub(crate) overlay: Overlay,
}

/// A generation, open.
#[derive(Clone)]
pub(crate) struct Base {
    /// Its entry in the manifest.
    pub(crate) generation: Generation,
    /// Its towers.
    pub(crate) model: Arc<Model>,
    /// Its segments, oldest first.
    pub(crate) parts: Vec<Part>,
}

/// An item and its newest record; no record when it was deleted.
pub(crate) type Found = (ItemNo, Option<Vec<u8>>);

impl Live {
    /// An id's item and newest record, fresh or sealed.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        // In this order: what leaves the index is in the sealed state before it does.
        if let Some(fresh) = self.index.get(id) {
            return Ok(Some((fresh.item, fresh.record)));
        }
        for segment in self.snapshot.load().sealed.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(Some((row.item, row.record.map(<[u8]>::to_vec))));
            }
        }
        Ok(None)
    }

    /// The item of an id, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        if let Some(fresh) = self.index.get(id) {
            return Ok(Some(fresh.item));
        }
        self.snapshot.load().sealed.find_item(id)
    }

    /// Measures what beams find in a space's active generation, which it names. `go_on` is asked now
    /// and then, and may end it.
    pub(crate) fn audit(
        &self,
        space: &str,
        go_on: &(dyn Fn() -> Result<(), Error> + Sync),
    ) -> Result<(GenerationNo, Calibration), Error> {
        let snapshot = self.snapshot.load_full();
        let base = &snapshot.space(space)?.base;
        let number = base.generation.number;
        let asked = self.asked.sample(space, number);
        let largest = base.parts.iter().max_by_key(|part| part.shown());
        let queries = match (&asked, largest) {
            (Some(asked), _) => Cow::Borrowed(asked),
            (None, Some(part)) => Cow::Owned(simulated(&part.segment)?),
            (None, None) => Cow::default(),
        };
        let calibration = measure(&base.parts, &queries, asked.is_some(), &|_| go_on())?;
        Ok((number, calibration))
    }
}

impl Snapshot {
    /// Opens the state a manifest describes; `fresh` is what was written since. Files that `before`
    /// has open are not opened again.
    pub(crate) fn open(
        directory: &Directory,
        manifest: Manifest,
        fresh: &BTreeMap<String, Fresh>,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let sealed = Arc::new(Sealed::open(
            directory,
            manifest,
            before.map(|b| &*b.sealed),
        )?);
        let mut spaces = BTreeMap::new();
        for (name, generation) in sealed.manifest.serving() {
            let before = before.and_then(|before| before.spaces.get(name));
            let before = before.map(|serving| &*serving.base);
            let base = Base::open(directory, name, generation, before)?;
            let serving = Serving::new(name, base.into(), &sealed, fresh, &spaces)?;
            spaces.insert(name.to_owned(), Arc::new(serving));
        }
        Ok(Self { sealed, spaces })
    }

    /// A state whose spaces serve what its manifest says: `known` are those that are open already, the
    /// others are opened, and caught up with what was written since they were cut.
    pub(crate) fn serving(
        directory: &Directory,
        sealed: Arc<Sealed>,
        fresh: &BTreeMap<String, Fresh>,
        known: &BTreeMap<String, Arc<Serving>>,
    ) -> Result<Self, Error> {
        let mut spaces = BTreeMap::new();
        for (name, generation) in sealed.manifest.serving() {
            let before = known.get(name);
            let serving = match before {
                Some(same) if same.base.generation.number == generation.number => Arc::clone(same),
                _ => {
                    let before = before.map(|serving| &*serving.base);
                    let base = Base::open(directory, name, generation, before)?;
                    Arc::new(Serving::new(name, base.into(), &sealed, fresh, &spaces)?)
                }
            };
            spaces.insert(name.to_owned(), serving);
        }
        Ok(Self { sealed, spaces })
    }

    /// What a space serves.
    pub(crate) fn space(&self, name: &str) -> Result<&Arc<Serving>, Error> {
        self.spaces.get(name).ok_or_else(|| {
            let kept = self.sealed.manifest.spaces.get(name);
            let active = kept.and_then(Space::active);
            let checked = active.map_or(Ok(()), |active| self.check_step(name, active));
            checked.err().unwrap_or_else(|| self.unknown(name))
        })
    }

    /// An error if the members of a fused generation answer with others than it was made of.
    pub(crate) fn check_step(&self, space: &str, generation: &Generation) -> Result<(), Error> {
        let members = self.sealed.manifest.out_of_step(generation);
        if members.is_empty() {
            return Ok(());
        }
        Err(Error::OutOfStep {
            space: space.to_owned(),
            generation: generation.number,
            members,
        })
    }

    /// The generations a space keeps.
    pub(crate) fn kept(&self, name: &str) -> Result<&Space, Error> {
        let spaces = &self.sealed.manifest.spaces;
        spaces.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        Error::UnknownSpace {
            name: name.to_owned(),
            known: {
                let ensembles = self.sealed.manifest.ensembles.keys();
                self.spaces.keys().chain(ensembles).cloned().collect()
            },
        }
    }
}

impl Sealed {
    /// A manifest and its segments.
    pub(crate) fn new(manifest: Manifest, items: Vec<Arc<ItemsSegment>>) -> Self {
        let remembered = Remembered::default();
        Self {
            manifest,
            items,
            remembered,
        }
    }

    /// Opens the items segments of a manifest, but for those that `before` has open.
    pub(crate) fn open(
        directory: &Directory,
        manifest: Manifest,
        before: Option<&Self>,
    ) -> Result<Self, StoreError> {
        let open = |pinned: &ItemsFile| {
            let mut known = before.into_iter().flat_map(|before| &before.items);
            match known.find(|segment| segment.pinned() == pinned) {
                Some(segment) => Ok(Arc::clone(segment)),
                None => ItemsSegment::open(directory, pinned).map(Arc::new),
            }
        };
        let items = manifest.items.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self::new(manifest, items))
    }

    /// The newest sealed version of every item with a revision above `after`, tombstones among
    /// them: its segment and row.
    pub(crate) fn newest(&self, after: Revision) -> BTreeMap<ItemNo, (&ItemsSegment, usize)> {
        let mut newest = BTreeMap::new();
        let later = |segment: &&Arc<ItemsSegment>| segment.pinned().newest > after;
        for segment in self.items.iter().filter(later) {
            let versions = (0..segment.rows()).map_while(|row| Some((row, segment.version(row)?)));
            for (row, (item, _)) in versions.filter(|(_, (_, revision))| *revision > after) {
                newest.insert(item, (&**segment, row));
            }
        }
        newest
    }

    /// The item of an id, which must be sealed, deleted or not.
    pub(crate) fn find_item(&self, id: &str) -> Result<Option<ItemNo>, Error> {
        for segment in self.items.iter().rev() {
            if let Some(row) = segment.find_id(id)? {
                return Ok(Some(row.item));
            }
        }
        Ok(None)
    }

    /// The id of an item, which must be sealed.
    pub(crate) fn id(&self, item: ItemNo) -> Result<&str, Error> {
        for segment in self.items.iter().rev() {
            if let Some(row) = segment.row_of(item) {
                return Ok(segment.id(row)?);
            }
        }
        Err(Error::Corrupt {
            what: format!("a space segment names item {item}, which no items segment holds"),
        })
    }
}

impl Base {
    /// Opens a generation; what `before`, a state of the same space, has open is not opened again.
    pub(crate) fn open(
        directory: &Directory,
        space: &str,
        generation: &Generation,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let number = generation.number;
        let same = before.filter(|before| before.generation.towers == generation.towers);
        let model = match same {
            Some(before) => Arc::clone(&before.model),
            None => {
                let parts = read_towers(directory, space, number, &generation.towers)?;
                let model = Model::from_parts(&parts).map_err(|error| Error::Corrupt {
                    what: format!("towers of {space} generation {number}: {error}"),
                })?;
                Arc::new(model)
            }
        };
        let open = |pinned: &SpaceFile| {
            let mut known = before.into_iter().flat_map(|before| &before.parts);
            match known.find(|part| part.segment.pinned() == pinned) {
                Some(part) => Ok(Arc::clone(&part.segment)),
                None => SpaceSegment::open(directory, pinned).map(Arc::new),
            }
        };
        let segments = generation.segments.iter().map(open);
        let base = Self {
            parts: Part::all(segments.collect::<Result<_, _>>()?),
            model,
            generation: generation.clone(),
        };
        base.agrees().then_some(base).ok_or_else(|| Error::Corrupt {
            what: format!(
                "{space} generation {number}: towers, segments and manifest differ in dimension, metric or precision",
            ),
        })
    }

    fn agrees(&self) -> bool {
        let (dimension, metric) = (self.generation.dimension as usize, self.generation.metric);
        let schema = &self.model.schema;
        let of_segment = |part: &Part| {
            let segment = &part.segment;
            (segment.dimension(), segment.metric()) == (dimension, metric)
                && segment.storage() == self.generation.storage
        };
        (schema.dimension as usize, schema.metric) == (dimension, metric)
            && self.parts.iter().all(of_segment)
    }

    /// The vector of an item in a fused generation: those of its members, one behind the other. None if it
    /// has none in one of them.
    pub(crate) fn fuse(
        &self,
        spaces: &BTreeMap<String, Arc<Serving>>,
        item: ItemNo,
    ) -> Option<Vector> {
        let mut vector = Vec::with_capacity(self.generation.dimension as usize);
        for member in self.generation.members.keys() {
            spaces.get(member)?.vector(item)?.append_to(&mut vector);
        }
        // What members store can be stored.
        Vector::of(self.generation.storage, vector).ok()
    }

    /// The vector of an item as of the cut.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        self.parts.iter().rev().find_map(|part| part.vector(item))
    }
}

impl Serving {
    /// A generation, caught up with what was written since it was cut; `others` are of the same state.
    pub(crate) fn new(
        space: &str,
        base: Arc<Base>,
        sealed: &Sealed,
        fresh: &BTreeMap<String, Fresh>,
        others: &BTreeMap<String, Arc<Self>>,
    ) -> Result<Self, Error> {
        let (mut overlay, cut) = (Overlay::default(), base.generation.cut);
        let moment = WriteState {
            sealed,
            fresh,
            spaces: others,
        };
        catch_up(&mut overlay, space, &base, moment, cut, &|_, _| Ok(()))?;
        Ok(Self { base, overlay })
    }

    /// The vector of an item as of now.
    pub(crate) fn vector(&self, item: ItemNo) -> Option<Row<'_>> {
        match self.overlay.get(&item) {
            Some(late) => late.vector.as_ref().map(Vector::row),
            None => self.base.vector(item),
        }
    }

    /// How many items it can answer with.
    pub(crate) fn items(&self) -> u64 {
        let shown: usize = self.base.parts.iter().map(Part::shown).sum();
        let in_base = |item: &&ItemNo| self.base.vector(**item).is_some();
        let hidden = self.overlay.keys().filter(in_base).count();
        let late = self.overlay.values();
        let late = late.filter(|late| late.vector.is_some()).count();
        (shown + late).saturating_sub(hidden) as u64
    }
}
