//! Seals, merges and what looks at a database as a whole.

use crate::arrays;
use crate::database::Database;
use crate::failure::Failure;
use crate::jobs::{self, Listener};
use crate::publish::report;
use crate::{info, json, process};
use pyo3::prelude::*;
use std::path::PathBuf;

/// Restore a snapshot into a directory that is absent or empty, after a check of every byte.
///
/// Parameters
/// ----------
/// snapshot, path : str or os.PathLike
///     Where the snapshot is, and where the database is to be. The snapshot stays.
///
/// Raises
/// ------
/// CorruptError
///     The snapshot is damaged.
///
/// Examples
/// --------
/// >>> db.snapshot(tmp / "backup")
/// >>> twinspire.restore(tmp / "backup", tmp / "restored.twin")
/// >>> twinspire.open(tmp / "restored.twin").items.get("B01")["price"]
/// 10
#[pyfunction]
pub fn restore(py: Python<'_>, snapshot: PathBuf, path: PathBuf) -> Result<(), Failure> {
    process::check()?;
    Ok(py.detach(|| twinspire::Database::restore(snapshot, path))?)
}

/// Make a damaged database usable again with everything that can still be read. A sound one is left as it is.
///
/// Parameters
/// ----------
/// path : str or os.PathLike
///     The directory of the database, which nothing else has open.
///
/// Returns
/// -------
/// RepairReport
///     What was wrong, and what was lost.
///
/// Examples
/// --------
/// >>> db.close()
/// >>> twinspire.repair(path).problems
/// []
#[pyfunction]
pub fn repair(py: Python<'_>, path: PathBuf) -> Result<Py<PyAny>, Failure> {
    process::check()?;
    let report = py.detach(|| twinspire::Database::repair(path))?;
    info::record(py, "RepairReport", &report)
}

#[pymethods]
impl Database {
    /// Move every write acknowledged so far from the journal into segments. Returns the revision up to which
    /// everything is sealed. The background does so by itself once enough was written.
    fn seal(&self, py: Python<'_>) -> Result<u64, Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.seal())?.0)
    }

    /// Merge the segments of the items, and those of each space, into one. Frees the space of overwritten and
    /// deleted items.
    fn merge(&self, py: Python<'_>) -> Result<(), Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.merge())?)
    }

    /// Unlink files that nothing needs any more.
    ///
    /// Parameters
    /// ----------
    /// dry_run : bool, default False
    ///     Unlink nothing.
    ///
    /// Returns
    /// -------
    /// list of pathlib.Path
    ///     The files.
    #[pyo3(signature = (*, dry_run=false))]
    fn gc(&self, py: Python<'_>, dry_run: bool) -> Result<Vec<PathBuf>, Failure> {
        let database = self.handle()?;
        let files = py.detach(|| match dry_run {
            true => database.garbage(),
            false => database.collect(),
        });
        Ok(files?)
    }

    /// Write a snapshot into a directory that is absent or empty: a database of its own, of hard links where the
    /// file system has them.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    fn snapshot(&self, py: Python<'_>, path: PathBuf) -> Result<(), Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.snapshot(path))?)
    }

    /// Check every file against its checksums, every table against what it points to, and the files against each
    /// other. Changes nothing. Ctrl-C ends it.
    ///
    /// Parameters
    /// ----------
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress` in bytes.
    ///
    /// Returns
    /// -------
    /// CheckReport
    ///
    /// Examples
    /// --------
    /// >>> db.check().problems
    /// []
    #[pyo3(signature = (*, progress=None))]
    fn check(
        &self,
        py: Python<'_>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let found = jobs::run(py, &Listener::new(progress)?, |job| {
            database.check_with_progress(|done| job.report(report(done)))
        })?;
        info::record(py, "CheckReport", &found)
    }

    /// Statistics of the database and its spaces.
    ///
    /// Returns
    /// -------
    /// Stats
    ///
    /// Examples
    /// --------
    /// >>> stats = db.stats()
    /// >>> stats.items, stats.spaces["clip"].dimension
    /// (2, 2)
    fn stats(&self, py: Python<'_>) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let stats = py.detach(|| database.stats())?;
        info::record(py, "Stats", &stats)
    }

    /// Measure the recall of a space's graph by beam width, against exact answers.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// users : iterable of dict or frame, optional
    ///     Users to measure with, best such that the towers were not trained on. Without them, queries that were
    ///     answered or are made up.
    /// store : bool, default False
    ///     Store the result: recalls with a `recall_target` choose by it from now on.
    ///
    /// Returns
    /// -------
    /// Calibration
    ///
    /// Examples
    /// --------
    /// >>> db.audit("clip").samples[0].kind
    /// 'near'
    #[pyo3(signature = (space, users=None, *, store=false))]
    fn audit(
        &self,
        py: Python<'_>,
        space: &str,
        users: Option<&Bound<'_, PyAny>>,
        store: bool,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let users = match users {
            Some(users) => {
                use crate::records::{Kind, Records};
                Some(Records::new(users, Kind::Any)?.all(py)?)
            }
            None => None,
        };
        let audited = py.detach(|| match (&users, store) {
            (None, false) => database.audit(space),
            (None, true) => database.calibrate(space),
            (Some(users), false) => database.audit_users(space, users),
            (Some(users), true) => database.calibrate_users(space, users),
        });
        info::record(py, "Calibration", &audited?)
    }

    /// Keep fields of the items out of filters: they are stored, but not indexed. For large fields that nobody
    /// filters by.
    ///
    /// Parameters
    /// ----------
    /// fields : iterable of str
    ///     Names, or paths such as ``seller.city``.
    ///
    /// Examples
    /// --------
    /// >>> db.exclude_from_filters(["embedding"])
    /// >>> db.excluded_from_filters()
    /// ['embedding']
    fn exclude_from_filters(
        &self,
        py: Python<'_>,
        fields: &Bound<'_, PyAny>,
    ) -> Result<(), Failure> {
        let (database, fields) = (self.handle()?, arrays::ids(fields)?);
        Ok(py.detach(|| database.exclude_from_filters(fields))?)
    }

    /// Let filters read fields again that were excluded.
    fn include_in_filters(&self, py: Python<'_>, fields: &Bound<'_, PyAny>) -> Result<(), Failure> {
        let (database, fields) = (self.handle()?, arrays::ids(fields)?);
        Ok(py.detach(|| database.include_in_filters(fields))?)
    }

    /// The fields that filters do not read.
    fn excluded_from_filters(&self) -> Result<Vec<String>, Failure> {
        Ok(self.handle()?.excluded_from_filters())
    }

    /// All that is wrong with the features of a user for a space or an ensemble, taken strictly.
    ///
    /// Parameters
    /// ----------
    /// name : str
    /// user : dict
    ///
    /// Returns
    /// -------
    /// list of str
    ///     A problem each; empty if all is well.
    ///
    /// Examples
    /// --------
    /// >>> db.check_user("by-price", {"price": "cheap"})
    /// ['field `price`...']
    fn check_user(
        &self,
        py: Python<'_>,
        name: &str,
        user: &Bound<'_, PyAny>,
    ) -> Result<Vec<String>, Failure> {
        let (database, user) = (self.handle()?, json::to_object(user)?);
        let problems = py.detach(|| database.check_user_for(name, &user))?;
        let each = problems
            .into_iter()
            .map(|(space, problem)| match space == name {
                true => problem.to_string(),
                false => format!("space {space:?}: {problem}"),
            });
        Ok(each.collect())
    }

    /// Embed a user for a space or an ensemble, and show what each feature gave to the first layer.
    ///
    /// Parameters
    /// ----------
    /// name : str
    /// user : dict
    ///
    /// Returns
    /// -------
    /// dict from str to Embedded
    ///     By space.
    ///
    /// Examples
    /// --------
    /// >>> db.embed_user("by-price", {"price": 15})["by-price"].vector
    /// [15.0]
    fn embed_user(
        &self,
        py: Python<'_>,
        name: &str,
        user: &Bound<'_, PyAny>,
    ) -> Result<std::collections::BTreeMap<String, Py<PyAny>>, Failure> {
        let (database, user) = (self.handle()?, json::to_object(user)?);
        let shown = py.detach(|| database.embed_user(name, &user))?.into_iter();
        let each = shown.map(|(space, shown)| Ok((space, info::record(py, "Embedded", &shown)?)));
        each.collect()
    }

    /// Embed a record by the item tower of a space; as `embed_user`. The record need not be stored.
    fn embed_item(
        &self,
        py: Python<'_>,
        space: &str,
        item: &Bound<'_, PyAny>,
    ) -> Result<Py<PyAny>, Failure> {
        let (database, item) = (self.handle()?, json::to_object(item)?);
        let shown = py.detach(|| database.embed_item(space, &item))?;
        info::record(py, "Embedded", &shown)
    }
}
