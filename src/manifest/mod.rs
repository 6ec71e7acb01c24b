//! The manifest: what is sealed, which generation each space serves, which files that takes.
//!
//! Pure state. One value describes the whole database at one commit; the transitions in
//! [`transition`](self) take one and give the next. Bytes are `format`'s business, files `store`'s.

mod calibration;
mod error;
mod transition;

pub use calibration::{Calibration, CalibrationPoint};
pub(crate) use calibration::{EFS, KS};
pub use error::{StaleMember, TransitionError};
pub(crate) use transition::Sealing;

use crate::ensemble::Ensemble;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use twinspire_core::ids::{FileNo, GenerationNo, ItemNo, Revision};
use twinspire_core::kernel::{Metric, Storage};

/// Everything sealed, at one commit.
///
/// Every file named here exists, is complete and never changes again; files that no manifest in
/// force names are garbage.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Manifest {
    /// Counts commits; the file is named by it.
    pub(crate) number: u64,
    /// Tells this database from every other; journals and the catalogue carry it too.
    pub(crate) database: u64,
    /// All writes up to here are in the items segments; later ones are in the journal.
    pub(crate) sealed: Revision,
    /// The next item number to give, as far as sealed items go.
    pub(crate) next_item: ItemNo,
    /// The next file number to give.
    pub(crate) next_file: FileNo,
    /// Oldest first; a row of a later segment replaces the same item's rows of earlier ones.
    pub(crate) items: Vec<ItemsFile>,
    /// By name.
    pub(crate) spaces: BTreeMap<String, Space>,
    /// By name, which no space has.
    pub(crate) ensembles: BTreeMap<String, Ensemble>,
}

/// Pins one file: a file of this name that is another one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FileRef {
    /// The number in its name.
    pub(crate) number: FileNo,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The identity written into it, different for every file ever written.
    pub(crate) identity: u64,
    /// The checksum of its footer, which covers the section table and so every section.
    pub(crate) checksum: u64,
}

/// An items segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ItemsFile {
    /// The file.
    pub(crate) file: FileRef,
    /// Rows in it, tombstones among them.
    pub(crate) rows: u64,
    /// The highest revision of a row in it.
    pub(crate) newest: Revision,
}

/// One embedding space and the generations it keeps.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Space {
    /// The generation that answers.
    pub(crate) active: GenerationNo,
    /// By number, increasing; the active one is among them.
    pub(crate) generations: Vec<Generation>,
    /// The number the next publish gets.
    pub(crate) next: GenerationNo,
}

/// Towers, embeddings and graph that belong together.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Generation {
    /// Its number within the space.
    pub(crate) number: GenerationNo,
    /// Its segments hold an embedding of every item as of this revision.
    pub(crate) cut: Revision,
    /// Components of a vector.
    pub(crate) dimension: u32,
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Whether items may be without a vector here, rather than be refused.
    pub(crate) partial: bool,
    /// How many were when it was published.
    pub(crate) left_out: u64,
    /// Of a fused space: the spaces whose vectors, one behind the other in this order, are its own, and
    /// the generation of each. Empty otherwise.
    pub(crate) members: BTreeMap<String, GenerationNo>,
    /// Its space segments, oldest first; what a later one says of an item counts.
    pub(crate) segments: Vec<SpaceFile>,
    /// The files of its towers directory.
    pub(crate) towers: Vec<TowerFile>,
    /// A hash over the towers' content.
    pub(crate) towers_hash: u64,
    /// When it was published, in milliseconds of the Unix epoch.
    pub(crate) created_unix_ms: u64,
    /// recall@10 of its graph against exact search, measured on a sample when it was published.
    pub(crate) recall: f32,
    /// What beams of other widths find, measured then or later.
    pub(crate) calibration: Calibration,
}

/// A space segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SpaceFile {
    /// The file.
    pub(crate) file: FileRef,
    /// Embeddings in it.
    pub(crate) nodes: u32,
    /// Items it says are gone.
    pub(crate) gone: u32,
}

/// One file of a towers directory, copied into the database.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TowerFile {
    /// Its name in the directory.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// The checksum of its bytes.
    pub(crate) checksum: u64,
}

impl Manifest {
    /// The manifest of a database in which nothing is sealed.
    pub(crate) fn new(database: u64) -> Self {
        Self {
            number: 1,
            database,
            sealed: Revision(0),
            next_item: ItemNo(0),
            next_file: FileNo(1),
            items: Vec::new(),
            spaces: BTreeMap::new(),
            ensembles: BTreeMap::new(),
        }
    }

    /// The generations that answer, each after those that it is made of. A fused one that is out of step
    /// does not.
    pub(crate) fn serving(&self) -> impl Iterator<Item = (&str, &Generation)> {
        let active = || {
            let spaces = self.spaces.iter();
            spaces.filter_map(|(name, space)| Some((name.as_str(), space.active()?)))
        };
        let fused = active().filter(|(_, generation)| generation.is_fused());
        active()
            .filter(|(_, generation)| !generation.is_fused())
            .chain(fused.filter(|(_, generation)| self.out_of_step(generation).is_empty()))
    }

    /// The members of a fused generation whose active generation is not the one it was built from.
    pub(crate) fn out_of_step(&self, generation: &Generation) -> Vec<StaleMember> {
        let members = generation.members.iter().filter_map(|(name, made_of)| {
            let active = self.spaces.get(name).map(|space| space.active);
            (active != Some(*made_of)).then(|| StaleMember {
                space: name.clone(),
                built_from: *made_of,
                active,
            })
        });
        members.collect()
    }
}

impl Generation {
    /// Whether its vectors are those of other spaces.
    pub(crate) fn is_fused(&self) -> bool {
        !self.members.is_empty()
    }
}

impl Space {
    /// The generation that answers.
    pub(crate) fn active(&self) -> Option<&Generation> {
        self.generation(self.active)
    }

    /// Whether its vectors are those of other spaces.
    pub(crate) fn is_fused(&self) -> bool {
        self.active().is_some_and(Generation::is_fused)
    }

    /// The generation of this number, if it is kept.
    pub(crate) fn generation(&self, number: GenerationNo) -> Option<&Generation> {
        self.generations.iter().find(|g| g.number == number)
    }

    /// The newest generation older than the active one.
    pub(crate) fn before_active(&self) -> Option<&Generation> {
        self.generations
            .iter()
            .rev()
            .find(|g| g.number < self.active)
    }
}
