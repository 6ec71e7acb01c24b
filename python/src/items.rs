//! The items of a database: a mapping from ids to records.

use crate::arrays;
use crate::database::Database;
use crate::failure::Failure;
use crate::filters::Filter;
use crate::info;
use crate::json;
use crate::loading::{self, Batches};
use crate::records::{Kind, Records};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use twinspire::ExportedItems;

/// Number of items that an iterator reads at a time.
const ITERATED: usize = 256;

/// The items of a database: a mapping from ids to records, which are dicts with a string `id`. As `Database.items`.
///
/// Examples
/// --------
/// >>> db.items["B01"]["price"]
/// 10
/// >>> "B09" in db.items, len(db.items), sorted(db.items)
/// (False, 2, ['B01', 'B02'])
#[pyclass(frozen, module = "twinspire", mapping)]
pub struct Items {
    database: Py<Database>,
}

impl Items {
    fn handle(&self) -> Result<Arc<twinspire::Database>, Failure> {
        self.database.get().handle()
    }

    fn iterate(&self, py: Python<'_>, shows: Shows) -> Result<ItemIterator, Failure> {
        let database = self.handle()?;
        let items = py.detach(|| database.export().run())?;
        let state = Mutex::new((items, Vec::new().into_iter()));
        Ok(ItemIterator { state, shows })
    }
}

#[pymethods]
impl Items {
    /// Store a record, which replaces the item with the same id.
    ///
    /// Parameters
    /// ----------
    /// item : dict
    ///     A record with a string `id`.
    ///
    /// Returns
    /// -------
    /// int
    ///     The revision of the write, which is durable.
    ///
    /// Examples
    /// --------
    /// >>> revision = db.items.put({"id": "B03", "tags": ["red"], "price": 12.5})
    fn put(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> Result<u64, Failure> {
        let (database, item) = (self.handle()?, json::to_object(item)?);
        Ok(py.detach(|| database.items().put(&item))?.0)
    }

    /// Store many records, `batch` at a time. Each batch is durable and whole or not at all.
    ///
    /// Parameters
    /// ----------
    /// items : iterable of dict, or a frame
    ///     A frame is anything with `__arrow_c_stream__` (polars, pandas, pyarrow, DuckDB), with a column `id`.
    /// batch : int or None, default 2000
    ///     Records of one call; sooner ended at 16 MiB. With None all records are one call of at most 64 MiB.
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress`.
    ///
    /// Returns
    /// -------
    /// int
    ///     The number of records.
    ///
    /// Raises
    /// ------
    /// ItemError
    ///     A record that cannot be stored, or two with one id in a batch. Earlier batches are stored.
    ///
    /// Examples
    /// --------
    /// >>> db.items.put_many({"id": f"C{n}", "price": n} for n in range(3))
    /// 3
    #[pyo3(signature = (items, *, batch=Some(loading::BATCH_ITEMS), progress=None),
        text_signature = "($self, items, *, batch=2000, progress=None)")]
    fn put_many(
        &self,
        py: Python<'_>,
        items: &Bound<'_, PyAny>,
        batch: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> Result<u64, Failure> {
        let database = self.handle()?;
        let records = Records::new(items, Kind::Items)?;
        let batches = Batches::new(records, batch);
        loading::put_all(py, batches, progress, |items| {
            database.items().put_many(items).map(drop)
        })
    }

    /// The record of an id, or `default`.
    #[pyo3(signature = (id, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        id: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        let database = self.handle()?;
        match py.detach(|| database.items().get(id))? {
            Some(record) => Ok(json::to_python(py, &record)?),
            None => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    /// The versions of an item that are still stored, newest first, deletes included. Seals and merges drop versions
    /// that were replaced.
    ///
    /// Returns
    /// -------
    /// list of ItemRevision
    ///     Empty for an unknown id.
    ///
    /// Examples
    /// --------
    /// >>> newest = db.items.revisions("B01")[0]
    /// >>> newest.record["price"], newest.replaced
    /// (10, False)
    fn revisions(&self, py: Python<'_>, id: &str) -> Result<Vec<Py<PyAny>>, Failure> {
        let database = self.handle()?;
        let revisions = py.detach(|| database.items().revisions(id))?;
        info::records(py, "ItemRevision", &revisions)
    }

    /// Delete the item with this id. False if no item has it.
    fn delete(&self, py: Python<'_>, id: &str) -> Result<bool, Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.items().delete(id))?)
    }

    /// Delete many items in one call, all or none.
    ///
    /// Parameters
    /// ----------
    /// ids : iterable of str
    ///
    /// Returns
    /// -------
    /// int
    ///     How many of the ids there were.
    fn delete_many(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> Result<u64, Failure> {
        let (database, ids) = (self.handle()?, arrays::ids(ids)?);
        Ok(py.detach(|| database.items().delete_many(ids))?)
    }

    /// Delete every item that passes a filter.
    ///
    /// Parameters
    /// ----------
    /// filter : str or Filter
    ///
    /// Returns
    /// -------
    /// int
    ///     Their number.
    ///
    /// Examples
    /// --------
    /// >>> db.items.delete_where("price > 15")
    /// 1
    fn delete_where(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> Result<u64, Failure> {
        let (database, filter) = (self.handle()?, Filter::of(filter)?);
        Ok(py.detach(|| database.items().delete_where(filter))?)
    }

    /// The number of items that pass a filter.
    fn count_where(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> Result<u64, Failure> {
        let (database, filter) = (self.handle()?, Filter::of(filter)?);
        Ok(py.detach(|| database.items().count_where(filter))?)
    }

    /// The ids of all items that pass a filter, sorted.
    ///
    /// Examples
    /// --------
    /// >>> db.items.ids_where("price < 15")
    /// ['B01']
    fn ids_where(&self, py: Python<'_>, filter: &Bound<'_, PyAny>) -> Result<Vec<String>, Failure> {
        let (database, filter) = (self.handle()?, Filter::of(filter)?);
        Ok(py.detach(|| database.items().ids_where(filter))?)
    }

    /// Put a whole new catalogue: store its records, then remove every item that is not among them.
    ///
    /// Parameters
    /// ----------
    /// items : iterable of dict, or a frame
    /// max_removed : float, default 0.5
    ///     The largest share of all items that may be removed. Guards against a catalogue that is cut short.
    /// batch, progress
    ///     As those of `put_many`.
    ///
    /// Returns
    /// -------
    /// Replaced
    ///     Counts of items: `added`, `changed`, `unchanged`, `removed`.
    ///
    /// Examples
    /// --------
    /// >>> db.items.replace_all([{"id": "B01", "price": 11}]).removed
    /// 1
    #[pyo3(signature = (items, *, max_removed=twinspire::DEFAULT_MAX_REMOVED, batch=Some(loading::BATCH_ITEMS),
        progress=None), text_signature = "($self, items, *, max_removed=0.5, batch=2000, progress=None)")]
    fn replace_all(
        &self,
        py: Python<'_>,
        items: &Bound<'_, PyAny>,
        max_removed: f64,
        batch: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let batches = Batches::new(Records::new(items, Kind::Items)?, batch);
        loading::replace_all(py, &database, batches, max_removed, progress)
    }

    /// Import items from a file or a directory.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    ///     JSON lines, CSV, Parquet, or a MovieLens directory; text may be compressed with gzip or Zstandard.
    /// format : {'json-lines', 'csv', 'parquet', 'movielens', 'export'}, optional
    ///     Where the name does not tell.
    /// id : str, optional
    ///     The column of the id.
    /// columns, drop : list of str, optional
    ///     Read these columns alone; leave these out.
    /// lists, text : list of str, optional
    ///     CSV: columns that are lists separated by ``|``; columns that are strings even where they look like numbers.
    /// delimiter : str, optional
    ///     CSV: separates cells by this.
    /// header : list of str, optional
    ///     CSV: the names of the columns of a file without a header row.
    /// skip_bad : bool, default False
    ///     Skip bad records and count them, instead of stopping at the first.
    /// replace : bool, default False
    ///     The file is the whole catalogue: remove every item that is not in it.
    /// max_removed : float, default 0.5
    ///     With `replace`: the largest share of all items that may be removed.
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress` in bytes.
    ///
    /// Returns
    /// -------
    /// Imported
    ///     `items` read, `skipped` records, and with `replace` counts as `replaced`.
    ///
    /// Raises
    /// ------
    /// ReadError
    ///     A bad record or a file that cannot be read; names file and line. Earlier batches are stored.
    #[pyo3(signature = (path, *, skip_bad=false, replace=false, max_removed=twinspire::DEFAULT_MAX_REMOVED,
        progress=None, **options), text_signature = "($self, path, *, format=None, id=None, columns=None, drop=None, \
        lists=None, text=None, delimiter=None, header=None, skip_bad=False, replace=False, max_removed=0.5, \
        progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn import_file(
        &self,
        py: Python<'_>,
        path: std::path::PathBuf,
        skip_bad: bool,
        replace: bool,
        max_removed: f64,
        progress: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let source = loading::source(&path, options)?;
        let removal = replace.then_some(max_removed);
        loading::import(py, &database, source, skip_bad, removal, progress)
    }

    /// Write every item of this moment to a file of JSON lines, in the order in which ids were first stored.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    ///     The file, which is replaced once the export is complete.
    /// vectors : list of str, optional
    ///     Spaces whose vectors are written too. A line is then ``{"item": …, "vectors": {…}}``, which
    ///     ``import_file(path, format="export")`` reads.
    ///
    /// Returns
    /// -------
    /// int
    ///     The number of items.
    #[pyo3(signature = (path, *, vectors=None))]
    fn export_file(
        &self,
        py: Python<'_>,
        path: std::path::PathBuf,
        vectors: Option<&Bound<'_, PyAny>>,
    ) -> Result<u64, Failure> {
        let database = self.handle()?;
        let spaces = vectors.map(arrays::ids).transpose()?.unwrap_or_default();
        loading::export(py, &database, &path, spaces)
    }

    /// An iterator over the ids.
    fn keys(&self, py: Python<'_>) -> Result<ItemIterator, Failure> {
        self.iterate(py, Shows::Ids)
    }

    /// An iterator over the records.
    fn values(&self, py: Python<'_>) -> Result<ItemIterator, Failure> {
        self.iterate(py, Shows::Records)
    }

    /// An iterator over ids and records.
    fn items(&self, py: Python<'_>) -> Result<ItemIterator, Failure> {
        self.iterate(py, Shows::Both)
    }

    fn __iter__(&self, py: Python<'_>) -> Result<ItemIterator, Failure> {
        self.keys(py)
    }

    fn __len__(&self, py: Python<'_>) -> Result<usize, Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.items().count())? as usize)
    }

    fn __contains__(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> Result<bool, Failure> {
        let Ok(id) = id.extract::<String>() else {
            return Ok(false);
        };
        let database = self.handle()?;
        Ok(py.detach(|| database.items().contains(&id))?)
    }

    fn __getitem__<'py>(&self, py: Python<'py>, id: &str) -> Result<Bound<'py, PyAny>, Failure> {
        let database = self.handle()?;
        match py.detach(|| database.items().get(id))? {
            Some(record) => Ok(json::to_python(py, &record)?),
            None => Err(unknown(id)),
        }
    }

    fn __setitem__(
        &self,
        py: Python<'_>,
        id: &str,
        item: &Bound<'_, PyAny>,
    ) -> Result<(), Failure> {
        let (database, mut item) = (self.handle()?, json::to_object(item)?);
        if let Some(own) = item.get("id")
            && own != id
        {
            let reason = format!("the record of item \"{id}\" has the id {own}; leave it out");
            return Err(Failure::new("ItemError", reason));
        }
        item["id"] = id.into();
        py.detach(|| database.items().put(&item))?;
        Ok(())
    }

    fn __delitem__(&self, py: Python<'_>, id: &str) -> Result<(), Failure> {
        match self.delete(py, id)? {
            true => Ok(()),
            false => Err(unknown(id)),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String, Failure> {
        Ok(format!("Items({} items)", self.__len__(py)?))
    }
}

/// The failure of an id that is not stored.
fn unknown(id: &str) -> Failure {
    let id = id.to_owned();
    twinspire::Error::UnknownItem { id }.into()
}

/// What an iterator gives of each item.
#[derive(Clone, Copy)]
enum Shows {
    Ids,
    Records,
    Both,
}

/// Items as of one moment, in the order in which their ids were first stored.
#[pyclass(frozen, module = "twinspire")]
pub struct ItemIterator {
    /// What is left, and the records that were read ahead.
    state: Mutex<(ExportedItems, std::vec::IntoIter<Value>)>,
    shows: Shows,
}

#[pymethods]
impl ItemIterator {
    fn __iter__(iterator: PyRef<'_, Self>) -> PyRef<'_, Self> {
        iterator
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        crate::process::check()?;
        let read = || -> Result<Option<Value>, twinspire::Error> {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (items, ready) = &mut *state;
            if ready.as_slice().is_empty() {
                let ahead = items.by_ref().take(ITERATED).map(|item| Ok(item?.record));
                *ready = ahead
                    .collect::<Result<Vec<_>, twinspire::Error>>()?
                    .into_iter();
            }
            Ok(ready.next())
        };
        let Some(record) = py.detach(read)? else {
            return Ok(None);
        };
        let id = || PyString::new(py, record["id"].as_str().unwrap_or_default()).into_any();
        Ok(Some(match self.shows {
            Shows::Ids => id(),
            Shows::Records => json::to_python(py, &record)?,
            Shows::Both => (id(), json::to_python(py, &record)?)
                .into_pyobject(py)?
                .into_any(),
        }))
    }
}

#[pymethods]
impl Database {
    /// The items: a mapping from ids to records.
    #[getter]
    fn items(database: PyRef<'_, Self>) -> Items {
        let database = database.into();
        Items { database }
    }
}
