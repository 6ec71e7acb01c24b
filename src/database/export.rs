//! Exporting every item as of one moment.

use super::Database;
use crate::error::{Damage, Error};
use crate::snapshot::{FreshItem, Serving, Snapshot, parse};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;
use std::vec::IntoIter;
use twinspire_core::files::names;
use twinspire_core::ids::ItemNo;

/// The builder of an export; see [`Database::export`].
#[derive(Clone)]
#[must_use = "nothing is exported before `run` is called"]
pub struct Export<'a> {
    database: &'a Database,
    spaces: Vec<String>,
}

/// The items of a database as of one moment, in the order in which their ids were first stored; see
/// [`Export::run`].
///
/// Memory holds one item at a time, and the writes that were fresh at that moment, which sealing bounds.
/// Segments that are merged or removed meanwhile stay open and take disk space until this is dropped. After
/// an error, iteration continues with the next item.
#[must_use = "an export reads nothing before it is iterated over"]
pub struct ExportedItems {
    snapshot: Arc<Snapshot>,
    /// The next row of each items segment.
    rows: Vec<usize>,
    /// The unsealed versions, in order of items; newer than any row.
    fresh: Peekable<IntoIter<Arc<FreshItem>>>,
    /// The spaces whose vectors are wanted.
    spaces: BTreeMap<String, Arc<Serving>>,
}

/// An exported item.
///
/// As JSON it is `{"item": …, "vectors": {…}}`, a line of the format `export`, which
/// [`import`](crate::import) reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExportedItem {
    /// The record, as it was put.
    #[serde(rename = "item")]
    pub record: Value,
    /// Its vectors, by space; see [`Export::vectors`].
    pub vectors: BTreeMap<String, Vec<f32>>,
}

impl Database {
    /// Exports the newest version of every item, sealed or fresh. Puts, seals and merges continue meanwhile.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let db = twinspire::Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put(&serde_json::json!({"id": "B01"}))?;
    /// for item in db.export().run()? {
    ///     println!("{}", item?.record);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self) -> Export<'_> {
        Export {
            database: self,
            spaces: Vec::new(),
        }
    }
}

impl Export<'_> {
    /// Exports the vectors of these spaces as well, as recalls compare them: those of the active generation.
    /// An item without a vector in a [partial](crate::GenerationInfo::partial) generation has none here.
    pub fn vectors<S: Into<String>>(mut self, spaces: impl IntoIterator<Item = S>) -> Self {
        self.spaces.extend(spaces.into_iter().map(S::into));
        self
    }

    /// Starts the export. It shows the items of this moment; later writes do not change it.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn run(self) -> Result<ExportedItems, Error> {
        let snapshot = self.database.live().snapshot.load_full();
        let fresh: Vec<Arc<FreshItem>> = snapshot.fresh.iter().cloned().collect();
        let mut spaces = BTreeMap::new();
        for space in self.spaces {
            let serving = Arc::clone(snapshot.space(&space)?);
            spaces.insert(space, serving);
        }
        Ok(ExportedItems {
            rows: vec![0; snapshot.sealed.items.len()],
            fresh: fresh.into_iter().peekable(),
            spaces,
            snapshot,
        })
    }
}

impl ExportedItems {
    /// The item that comes next.
    fn lowest(&mut self) -> Option<ItemNo> {
        let segments = self.snapshot.sealed.items.iter().zip(&self.rows);
        let sealed = segments.filter_map(|(segment, row)| segment.numbers().get(*row));
        let fresh = self.fresh.peek().map(|fresh| fresh.version.item);
        sealed.copied().map(ItemNo).chain(fresh).min()
    }

    /// Passes over all versions of the item that comes next; gives the newest.
    fn newest(&mut self, item: ItemNo) -> Newest {
        let mut newest = Newest::None;
        let segments = self.snapshot.sealed.items.iter().zip(&mut self.rows);
        for (segment, (items, next)) in segments.enumerate() {
            if items.numbers().get(*next) == Some(&item.0) {
                let row = *next;
                newest = Newest::Sealed { segment, row };
                *next += 1;
            }
        }
        match self.fresh.next_if(|fresh| fresh.version.item == item) {
            Some(fresh) => Newest::Fresh(fresh),
            None => newest,
        }
    }

    /// Passes over the item that comes next. Returns whether `next` would have given something for it.
    fn skip_item(&mut self, item: ItemNo) -> bool {
        match self.newest(item) {
            Newest::Fresh(fresh) => fresh.version.record.is_some(),
            Newest::Sealed { segment, row } => {
                let segment = self.snapshot.sealed.items.get(segment);
                // An unreadable row is given as an error.
                segment.is_some_and(|segment| segment.is_put(row).unwrap_or(true))
            }
            Newest::None => false,
        }
    }

    /// Passes over the item that comes next, and gives it unless it is deleted.
    fn take(&mut self, item: ItemNo) -> Result<Option<ExportedItem>, Error> {
        let newest = self.newest(item);
        let record = match &newest {
            Newest::Fresh(fresh) => match &fresh.version.record {
                Some(text) => parse(Path::new(names::JOURNAL), &fresh.id, text)?,
                None => return Ok(None),
            },
            Newest::Sealed { segment, row } => {
                let Some(segment) = self.snapshot.sealed.items.get(*segment) else {
                    return Ok(None);
                };
                let row = segment.row(*row)?;
                match row.record {
                    Some(text) => parse(segment.path(), row.id, text)?,
                    None => return Ok(None),
                }
            }
            Newest::None => return Ok(None),
        };
        let mut vectors = BTreeMap::new();
        for (space, serving) in &self.spaces {
            match serving.vector(item) {
                Some(vector) => drop(vectors.insert(space.clone(), vector.to_vec())),
                None if serving.base.generation.partial => {}
                None => {
                    let space = space.clone();
                    let path = serving.base.newest_path();
                    let what = Damage::NoVector { item, space };
                    return Err(Error::corrupt(path, "node items", what));
                }
            }
        }
        Ok(Some(ExportedItem { record, vectors }))
    }
}

/// Where the newest version of an item is.
enum Newest {
    Fresh(Arc<FreshItem>),
    /// The place of the segment and the row in it.
    Sealed {
        segment: usize,
        row: usize,
    },
    None,
}

impl Iterator for ExportedItems {
    type Item = Result<ExportedItem, Error>;

    /// Passes over items without reading their records.
    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        let mut left = n;
        while left > 0 {
            let item = self.lowest()?;
            left -= usize::from(self.skip_item(item));
        }
        self.next()
    }

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(item) = self.lowest() {
            if let Some(found) = self.take(item).transpose() {
                return Some(found);
            }
        }
        None
    }
}

impl fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("spaces", &self.spaces)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExportedItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spaces: Vec<_> = self.spaces.keys().collect();
        f.debug_struct("ExportedItems")
            .field("spaces", &spaces)
            .finish_non_exhaustive()
    }
}
