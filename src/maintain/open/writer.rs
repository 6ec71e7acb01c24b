//! Opening for writing, with recovery.

use super::current::load_or_create;
use super::lock::lock_directory;
use super::missing::missing;
use super::newer::refuse_newer_segments;
use crate::catalog::{Index, Journal, Tail, newest, recover};
use crate::error::Error;
use crate::maintain::background::Background;
use crate::maintain::backlog::Limits;
use crate::maintain::collect::collect_or_warn;
use crate::maintain::writer::Writer;
use crate::maintain::writing::Writing;
use crate::snapshot::{FreshItems, Live, Snapshot, known_fields};
use crate::store::{self, Directory, StoreError};
use arc_swap::ArcSwap;
use std::sync::Arc;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::{FileNo, ItemNo};

/// How to open a database for writing.
#[derive(Clone, Debug)]
pub(crate) struct OpenSettings {
    /// Whether to create a database in an absent or empty directory.
    pub(crate) create: bool,
    /// Whether to collect garbage right after opening.
    pub(crate) collect: bool,
    /// Whether to start the background thread.
    pub(crate) background: bool,
    /// When to seal.
    pub(crate) limits: Limits,
}

/// A database open for writing.
pub(crate) struct Opened {
    /// What readers and the writer share.
    pub(crate) live: Arc<Live>,
    /// The locks and shared state of writing.
    pub(crate) writing: Arc<Writing>,
    /// The background thread, if wanted.
    pub(crate) background: Option<Background>,
}

/// Opens a database for writing. Recovers every acknowledged write.
pub(crate) fn open_writer(directory: Directory, settings: &OpenSettings) -> Result<Opened, Error> {
    let lock = create_and_lock(&directory, settings.create)?;
    let manifest = load_or_create(&directory)?;
    refuse_newer_segments(&directory, &manifest)?;
    let (database, sealed) = (manifest.database, manifest.sealed);
    let recovered = recover(&directory, database, sealed).map_err(missing)?;
    let numbers = recovered
        .ops
        .iter()
        .map(|(_, op)| op.item.0.saturating_add(1));
    let next_item = ItemNo(numbers.fold(manifest.next_item.0, u32::max));
    let on_disk = directory
        .files
        .outside(&directory.root.join(names::CATALOG));
    let fields = known_fields(&manifest, &recovered.ops);
    let index = Index::open(database, on_disk.as_deref(), &recovered.ops, recovered.last)?;
    let fresh = FreshItems::of(
        newest(recovered.ops.iter().cloned()),
        !manifest.spaces.is_empty(),
    );
    let tail = Tail::of(&recovered);
    let highest = store::highest_number(&directory)?;
    let mut next_file = FileNo(manifest.next_file.0.max(highest + 1));
    let take_number = || {
        next_file.0 += 1;
        FileNo(next_file.0 - 1)
    };
    let mut journal = Journal::resume(directory.clone(), database, recovered, take_number)?;
    let snapshot = Snapshot::open(&directory, manifest, (fresh, fields), None)
        .and_then(Snapshot::with_towers)
        .map_err(missing)?;
    // The previous writer may have died after the commit of a seal and before this, its last step.
    journal.drop_sealed(sealed);
    let live = Arc::new(Live {
        query_samples: Arc::default(),
        directory,
        snapshot: ArcSwap::from_pointee(snapshot),
        tail,
    });
    let writer = Writer::new(journal, next_file);
    let limits = settings.limits;
    let writing = Arc::new(Writing::new(writer, next_item, index, limits, lock));
    if settings.collect {
        collect_or_warn(&live, &writing);
    }
    let background = settings
        .background
        .then(|| Background::start(Arc::clone(&live), Arc::clone(&writing)));
    Ok(Opened {
        live,
        writing,
        background,
    })
}

/// Creates the directories of a database and takes its lock.
fn create_and_lock(directory: &Directory, create: bool) -> Result<Box<dyn Send + Sync>, Error> {
    let root = &directory.root;
    let inside = directory.files.list(root);
    let inside = inside.map_err(StoreError::io(IoAction::List, root))?;
    let has_current = inside.iter().any(|name| name == names::CURRENT);
    if !has_current && !inside.iter().all(|name| is_database_file(name)) {
        return Err(Error::NotADatabase { path: root.clone() });
    }
    if inside.is_empty() && !create {
        return Err(Error::NoDatabase { path: root.clone() });
    }
    directory.create_dir(root)?;
    let lock = lock_directory(directory)?;
    for name in [names::JOURNAL, names::SEGMENTS, names::TOWERS] {
        directory.create_dir(&root.join(name))?;
    }
    Ok(lock)
}

/// Whether a file of this name can belong to a database.
fn is_database_file(name: &str) -> bool {
    let fixed = [
        names::LOCK,
        names::READERS,
        names::CURRENT,
        names::CURRENT_NEXT,
        names::JOURNAL,
        names::CATALOG,
        names::SEGMENTS,
        names::TOWERS,
        names::DAMAGED,
    ];
    fixed.contains(&name) || names::number_of(name, "manifest").is_some()
}
