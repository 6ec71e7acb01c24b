//! Pinned states.

use crate::arrays;
use crate::batch::BatchHits;
use crate::database::Database;
use crate::failure::Failure;
use crate::hits::Hits;
use crate::options::{Call, Options};
use crate::process;
use crate::records::{Kind, Records};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// One state of a database, held until it is closed; made by `Database.pin`. It takes the recalls of a database, and
/// can be used after the database is closed.
///
/// Examples
/// --------
/// >>> with db.pin() as state:
/// ...     state.active_generation("clip")
/// 1
#[pyclass(frozen, module = "twinspire")]
pub struct Pinned(Mutex<Option<twinspire::Pinned>>);

impl From<twinspire::Pinned> for Pinned {
    fn from(state: twinspire::Pinned) -> Self {
        Self(Mutex::new(Some(state)))
    }
}

impl Pinned {
    /// The state. Cloning it is cheap.
    pub fn state(&self) -> Result<twinspire::Pinned, Failure> {
        process::check()?;
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || Failure::new("ClosedError", "the pinned state is closed; pin again");
        state.clone().ok_or_else(closed)
    }

    fn take(&self) -> Option<twinspire::Pinned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        Python::attach(|py| self.close(py));
    }
}

#[pymethods]
impl Pinned {
    /// Find the best items of a space or an ensemble for one query in this state; as `Database.recall`.
    #[pyo3(signature = (name, **options), text_signature = "($self, name, *, user=None, vector=None, similar=None, \
        users_in=None, vectors_in=None, text=None, k=10, min_score=None, filter=None, exclude=None, recall_target=None, ef=None, \
        exact=False, offset=0, records=False, exact_ranks=False, check_features='described', explain=False)")]
    fn recall(
        &self,
        py: Python<'_>,
        name: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Hits, Failure> {
        let (state, options) = (self.state()?, Options::new(Call::Recall, options)?);
        Ok(py.detach(|| options.run(state.recall(name)))?.into())
    }

    /// Find the items most similar to an item in this state; as `Database.similar`.
    #[pyo3(signature = (name, id, **options), text_signature = "($self, name, id, *, k=10, min_score=None, filter=None, \
        exclude=None, recall_target=None, ef=None, exact=False, offset=0, records=False, exact_ranks=False, \
        check_features='described', explain=False)")]
    fn similar(
        &self,
        py: Python<'_>,
        name: &str,
        id: String,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Hits, Failure> {
        let state = self.state()?;
        let options = Options::new(Call::Similar, options)?.similar_to(id);
        Ok(py.detach(|| options.run(state.recall(name)))?.into())
    }

    /// Find the best items for many users in this state; as `Database.recall_many`.
    #[pyo3(signature = (name, users, **options), text_signature = "($self, name, users, *, users_in=None, \
        vectors_in=None, text=None, k=10, min_score=None, filter=None, exclude=None, exclude_each=None, recall_target=None, \
        ef=None, exact=False, offset=0, records=False, exact_ranks=False, check_features='described', explain=False, \
        on_error='raise')")]
    fn recall_many(
        &self,
        py: Python<'_>,
        name: &str,
        users: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<BatchHits, Failure> {
        let (state, options) = (self.state()?, Options::new(Call::Batch, options)?);
        let users = Records::new(users, Kind::Any)?;
        let answers = users.stream(py, |users| options.run_many(state.recall(name), users))?;
        Ok(answers?.into())
    }

    /// The vectors of items in a space of this state; as `Database.vectors`.
    fn vectors(
        &self,
        py: Python<'_>,
        space: &str,
        ids: &Bound<'_, PyAny>,
    ) -> Result<Py<numpy::PyArray2<f32>>, Failure> {
        let (state, ids) = (self.state()?, arrays::ids(ids)?);
        let rows = py.detach(|| state.vectors(space, &ids))?;
        let dimension = rows.len() / ids.len().max(1);
        arrays::from_rows(py, rows, dimension)
    }

    /// This state with another generation of a space active, as if the database had been rolled back to it. Nothing
    /// is committed.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// number : int
    ///
    /// Returns
    /// -------
    /// Pinned
    ///
    /// Examples
    /// --------
    /// >>> _ = db.publish_vectors("clip", ["B01", "B02"], [[0.0, 1.0], [1.0, 0.0]])
    /// >>> now = db.pin()
    /// >>> before = now.generation("clip", 1)
    /// >>> before.recall("clip", vector=[0.0, 1.0]).compare(now.recall("clip", vector=[0.0, 1.0])).overlap
    /// 2
    fn generation(&self, py: Python<'_>, space: &str, number: u64) -> Result<Self, Failure> {
        let state = self.state()?;
        Ok(py.detach(|| state.generation(space, number.into()))?.into())
    }

    /// The number of a space's active generation in this state.
    fn active_generation(&self, space: &str) -> Result<u64, Failure> {
        Ok(self.state()?.active_generation(space)?.0)
    }

    /// Whether the user tower of a space, or of any space of an ensemble, reads a field of users.
    ///
    /// Examples
    /// --------
    /// >>> with db.pin() as state:
    /// ...     state.reads_user_field("by-price", "price"), state.reads_user_field("by-price", "age")
    /// (True, False)
    fn reads_user_field(&self, name: &str, field: &str) -> Result<bool, Failure> {
        Ok(self.state()?.reads_user_field(name, field)?)
    }

    /// Let go of the state. Closing it again does nothing.
    fn close(&self, py: Python<'_>) {
        let Some(state) = self.take() else { return };
        match process::is_fork() {
            true => mem::forget(state),
            // It may be the last owner of files.
            false => py.detach(|| drop(state)),
        }
    }

    fn __enter__(state: PyRef<'_, Self>) -> Result<PyRef<'_, Self>, Failure> {
        state.state()?;
        Ok(state)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        match self.state() {
            Ok(state) => format!("Pinned({state:?})"),
            Err(_) => "Pinned(closed)".to_owned(),
        }
    }
}

#[pymethods]
impl Database {
    /// Pin the state of this moment: recalls of it see the same items, generations and ensembles, whatever is
    /// written and published meanwhile. Copies nothing.
    ///
    /// Returns
    /// -------
    /// Pinned
    ///
    /// Examples
    /// --------
    /// >>> with db.pin() as state:
    /// ...     del db.items["B02"]
    /// ...     state.recall("clip", vector=[0.0, 1.0], k=1).ids
    /// ['B02']
    fn pin(&self) -> Result<Pinned, Failure> {
        Ok(self.handle()?.pin().into())
    }
}
