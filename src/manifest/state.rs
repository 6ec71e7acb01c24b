//! The state of a database at one commit.

use super::apart::Apart;
use super::error::StaleMember;
use super::files::ItemsFile;
use super::generation::Generation;
use super::lexical_space::LexicalSpaces;
use super::space::Space;
use crate::ensemble::Ensemble;
use crate::filter::KnownFields;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::ids::{FileNo, ItemNo, Revision};

/// The sealed state of a database at one commit.
///
/// Every file that it names exists, is complete and never changes again. Files that the manifest in
/// force does not name are garbage.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Manifest {
    /// Number of the commit, and of the file.
    pub(crate) number: u64,
    /// Random identity of the database, which journals and the index carry too.
    pub(crate) database: u64,
    /// Writes up to this revision are in the items segments, later ones in the journal.
    pub(crate) sealed: Revision,
    /// The next item number after all sealed items.
    pub(crate) next_item: ItemNo,
    /// The next file number.
    pub(crate) next_file: FileNo,
    /// Items segments, oldest first. A row overrides the rows of the same item in earlier segments.
    pub(crate) items: Vec<ItemsFile>,
    /// Spaces by name.
    pub(crate) spaces: BTreeMap<String, Space>,
    /// Ensembles by name; no space has the same name.
    pub(crate) ensembles: BTreeMap<String, Ensemble>,
    /// Every field that a sealed item has or had: filters are checked against them.
    pub(crate) fields: Arc<KnownFields>,
    /// Lexical spaces by name; no other space and no ensemble has the same name.
    pub(crate) lexical: Apart<LexicalSpaces>,
}

impl Manifest {
    /// The first manifest of a database.
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
            fields: Arc::default(),
            lexical: Apart::default(),
        }
    }

    /// The active generations that recalls can use, fused ones after their members. Leaves out fused ones
    /// that are out of step.
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
