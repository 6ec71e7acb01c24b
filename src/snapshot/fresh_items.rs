//! The unsealed items of a snapshot, shared by all its spaces: records by item and by id, and columns of
//! their fields for filters.

use super::fresh_ids::FreshIds;
use super::version_log::{Block, FULL_BLOCK, Shared, VersionLog};
use crate::catalog::Fresh;
use crate::format::columns::OwnedColumns;
use crate::format::journal::Op;
use crate::lexical::{Analyser, Analysis, IndexBuilder, IndexCache, OwnedIndex};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use twinspire_core::ids::{ItemNo, Revision};
use twinspire_towers::internals::Fields;

/// Blocks of this many rows have columns. The records of smaller blocks are tested one by one.
const ROWS_WITH_COLUMNS: usize = 128;

/// The newest unsealed version of an item.
pub(crate) struct FreshItem {
    /// The item's id.
    pub(crate) id: Arc<str>,
    /// The version.
    pub(crate) version: Fresh,
    /// The record's fields, once they were read.
    fields: OnceLock<Fields>,
}

/// The item, the revision and the record of a version that is put; no record if it is deleted.
type NewVersion = (ItemNo, Revision, Option<Vec<u8>>);

/// The newest unsealed version of each item. A clone shares everything.
#[derive(Clone, Default)]
pub(crate) struct FreshItems {
    by_item: imbl::OrdMap<ItemNo, Arc<FreshItem>>,
    ids: FreshIds,
    log: VersionLog<FreshBlock>,
}

/// Fresh items in order of revision.
pub(crate) struct FreshBlock {
    revisions: Vec<u64>,
    items: Vec<Arc<FreshItem>>,
    columns: OnceLock<OwnedColumns>,
    /// Lexical indexes, each built when it is first asked for.
    lexical: IndexCache,
    /// Whether columns are built together with the block, or only when a filter needs them.
    eager: bool,
}

impl FreshItem {
    /// A version of an id, whose fields are read when they are first asked for.
    pub(crate) fn new(id: Arc<str>, version: Fresh) -> Self {
        Self {
            id,
            version,
            fields: OnceLock::new(),
        }
    }

    /// The fields that filters see; none of a tombstone.
    pub(crate) fn fields(&self) -> &Fields {
        static NONE: LazyLock<Fields> = LazyLock::new(Fields::default);
        if let Some(fields) = self.fields.get() {
            return fields;
        }
        let text = self.version.record.as_deref();
        // A record that is no JSON is reported by embedding and by a seal; here it has no fields.
        let record = text.and_then(|text| serde_json::from_slice(text).ok());
        match record {
            Some(record) => self.fields.get_or_init(|| Fields::of(&record)),
            None => &NONE,
        }
    }

    /// The fields, if they were read already.
    pub(crate) fn read_fields(&self) -> Option<&Fields> {
        self.fields.get()
    }
}

impl FreshItems {
    /// The versions that an index or a journal holds. `eager` says that filters are likely.
    pub(crate) fn of(rows: BTreeMap<String, Fresh>, eager: bool) -> Self {
        let items = rows.into_iter();
        let mut items: Vec<FreshItem> = items
            .map(|(id, version)| FreshItem::new(id.into(), version))
            .collect();
        items.sort_unstable_by_key(|item| item.version.revision);
        let mut all = Self::default();
        all.append(items, eager);
        all
    }

    /// Adds versions in order of revision, all of them newer than those there are. No item comes twice.
    pub(crate) fn append(&mut self, items: impl IntoIterator<Item = FreshItem>, eager: bool) {
        let mut block = FreshBlock::new(eager);
        let mut new = Vec::new();
        for item in items {
            let item = Arc::new(item);
            let version = &item.version;
            match self.by_item.insert(version.item, Arc::clone(&item)) {
                Some(before) => self.log.kill(before.version.revision.0),
                None => new.push(FreshIds::entry(&item.id, version.item)),
            }
            block.revisions.push(version.revision.0);
            block.items.push(item);
            if block.items.len() == FULL_BLOCK {
                let full = std::mem::replace(&mut block, FreshBlock::new(eager));
                self.log.push(full.finished());
            }
        }
        if !block.items.is_empty() {
            self.log.push(block.finished());
        }
        self.ids.add(new);
    }

    /// Adds the versions of a put: id, item, revision, record and its fields. As [`append`](Self::append).
    pub(crate) fn put<'a>(
        &mut self,
        puts: impl IntoIterator<Item = (&'a str, NewVersion, Fields)>,
        eager: bool,
    ) {
        let versions = puts.into_iter();
        let versions = versions.map(|(id, (item, revision, record), fields)| {
            let before = self.get(item).map(|before| &before.version);
            FreshItem {
                id: id.into(),
                version: Fresh::put(before, revision, item, record),
                fields: fields.into(),
            }
        });
        let versions: Vec<FreshItem> = versions.collect();
        self.append(versions, eager);
    }

    /// Adds the operations of the journal from revision `first` on.
    pub(crate) fn apply(&mut self, ops: Vec<(Revision, Op)>, eager: bool) {
        // Of several versions of an item the last one counts.
        let mut newest: BTreeMap<ItemNo, FreshItem> = BTreeMap::new();
        for (revision, op) in ops {
            let (item, id) = (op.item, Arc::from(op.id.as_str()));
            let before = newest.get(&item).map(|before| &before.version);
            let before = before.or_else(|| self.get(item).map(|before| &before.version));
            let version = Fresh::after(before, revision, op);
            newest.insert(item, FreshItem::new(id, version));
        }
        let mut items = Vec::from_iter(newest.into_values());
        items.sort_unstable_by_key(|item| item.version.revision);
        self.append(items, eager);
    }

    /// The versions that a seal up to `cut` left.
    pub(crate) fn after_seal(&self, cut: Revision) -> Self {
        let mut log = self.log.clone();
        log.remove_up_to(cut.0);
        let (mut by_item, mut entries) = (imbl::OrdMap::new(), Vec::new());
        for item in self.after(cut) {
            by_item.insert(item.version.item, Arc::clone(item));
            entries.push(FreshIds::entry(&item.id, item.version.item));
        }
        let mut ids = FreshIds::default();
        ids.add(entries);
        Self { by_item, ids, log }
    }

    /// The version of an item.
    #[inline]
    pub(crate) fn get(&self, item: ItemNo) -> Option<&FreshItem> {
        self.by_item.get(&item).map(|item| &**item)
    }

    /// The version of an id.
    #[inline]
    pub(crate) fn find(&self, id: &str) -> Option<&FreshItem> {
        if self.by_item.is_empty() {
            return None;
        }
        let mut candidates = self.ids.candidates(id);
        candidates.find_map(|item| self.get(item).filter(|found| *found.id == *id))
    }

    /// All versions, in order of items.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<FreshItem>> {
        self.by_item.values()
    }

    /// The versions above a revision, in order of revision.
    pub(crate) fn after(&self, revision: Revision) -> impl Iterator<Item = &Arc<FreshItem>> {
        let rows = self.log.after(revision.0);
        rows.filter_map(|(block, row)| block.items.get(row))
    }

    /// Number of items, tombstones included.
    pub(crate) fn len(&self) -> usize {
        self.by_item.len()
    }

    /// The versions, in blocks in order of revision.
    pub(crate) fn blocks(&self) -> &[Shared<FreshBlock>] {
        self.log.blocks()
    }
}

impl FreshBlock {
    fn new(eager: bool) -> Self {
        Self {
            revisions: Vec::new(),
            items: Vec::new(),
            columns: OnceLock::new(),
            lexical: IndexCache::default(),
            eager,
        }
    }

    fn finished(self) -> Self {
        if self.eager {
            self.columns();
        }
        self
    }

    /// The versions.
    pub(crate) fn items(&self) -> &[Arc<FreshItem>] {
        &self.items
    }

    /// The columns of the versions; `None` if the block is so small that testing each record is cheaper.
    pub(crate) fn columns(&self) -> Option<&OwnedColumns> {
        if self.items.len() < ROWS_WITH_COLUMNS {
            return None;
        }
        let build = || OwnedColumns::of(self.items.iter().map(|item| item.fields()));
        Some(self.columns.get_or_init(build))
    }

    /// The lexical index of the versions by an analysis.
    pub(crate) fn lexical(&self, analysis: &Analysis) -> Arc<OwnedIndex> {
        let build = || {
            let (analyser, mut index) = (Analyser::new(analysis), IndexBuilder::default());
            for item in &self.items {
                index.push(&analyser.document(item.fields()));
            }
            Ok::<_, Infallible>(index.build())
        };
        let Ok(index) = self.lexical.get_or_build(analysis, build);
        index
    }
}

impl Block for FreshBlock {
    fn revisions(&self) -> &[u64] {
        &self.revisions
    }

    fn merged(parts: &[Shared<Self>]) -> Self {
        let mut all = Self::new(parts.iter().any(|part| part.block().eager));
        for part in parts {
            let items = part.live_rows();
            let items = items.filter_map(|row| part.block().items.get(row));
            for item in items {
                all.revisions.push(item.version.revision.0);
                all.items.push(Arc::clone(item));
            }
        }
        all.finished()
    }
}

impl fmt::Debug for FreshItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at revision {}", self.id, self.version.revision)
    }
}

impl fmt::Debug for FreshItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fresh items", self.len())
    }
}
