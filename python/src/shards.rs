//! Answers over several databases with different items.

use crate::arguments::{by_space, feature_check};
use crate::database::Database;
use crate::failure::Failure;
use crate::options::{Call, Options};
use crate::towers::Towers;
use crate::{arrays, info, json, process};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyType};
use std::collections::BTreeMap;
use twinspire::{Merged, ShardStatistics, UserContext};

/// What one shard contributes to an answer over several; made by `Database.top_of_shard`, read by `merge_shards`. It can be
/// pickled, for another process of the same version.
///
/// Examples
/// --------
/// >>> part = db.top_of_shard("clip", vector=[0.0, 1.0], k=1)
/// >>> twinspire.merge_shards([part]).hits
/// [{'id': 'B02', 'score': 0.8...}]
#[pyclass(frozen, module = "twinspire")]
pub struct ShardHits(twinspire::ShardHits);

#[pymethods]
impl ShardHits {
    #[new]
    fn new(bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self(twinspire::ShardHits::from_bytes(bytes)?))
    }

    /// The contribution as bytes; `ShardHits` reads them.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyBytes>, Failure> {
        Ok(PyBytes::new(py, &self.0.to_bytes()?))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> Result<(Bound<'py, PyType>, (Bound<'py, PyBytes>,)), Failure> {
        Ok((py.get_type::<Self>(), (self.to_bytes(py)?,)))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("ShardHits({} items)", self.0.len())
    }
}

/// Merge the contributions of all shards into the answer that one database with all of their items would give; in exact
/// mode that very answer, ids and scores.
///
/// Parameters
/// ----------
/// parts : iterable of ShardHits
///     One of each shard, for the same request.
/// vectors : dict, optional
///     Vectors of items by id, as an earlier merge of the same parts asked for.
///
/// Returns
/// -------
/// Merged
///     The hits; or figures of all shards, with which every shard is to be asked again (`statistics`); or the items of
///     which vectors are needed (`ids`, in `space`), with which the same parts are to be merged again.
///
/// Raises
/// ------
/// InvalidInputError, ConflictError
///     The parts do not belong together: other requests, other towers, an item in two shards.
/// FilterError
///     A filter does not fit the fields of the items of all shards.
#[pyfunction]
#[pyo3(signature = (parts, vectors=None))]
pub fn merge_shards(
    py: Python<'_>,
    parts: &Bound<'_, PyAny>,
    vectors: Option<&Bound<'_, PyAny>>,
) -> Result<Py<PyAny>, Failure> {
    let each = parts.try_iter()?;
    let each = each.map(|part| Ok(part?.cast::<ShardHits>()?.get().0.clone()));
    let parts: Vec<_> = each.collect::<Result<_, Failure>>()?;
    let vectors = vectors.map(read_vectors).transpose()?;
    let merged = py.detach(|| twinspire::merge(&parts, vectors.as_ref()))?;
    let fields = PyDict::new(py);
    match merged {
        Merged::Hits(hits) => {
            let hits = hits
                .iter()
                .map(|hit| Ok(json::to_python(py, &info::value(hit)?)?));
            fields.set_item("hits", hits.collect::<Result<Vec<_>, Failure>>()?)?;
        }
        Merged::Statistics(statistics) => {
            fields.set_item("statistics", PyBytes::new(py, &statistics.to_bytes()?))?;
        }
        Merged::Vectors { space, ids } => {
            fields.set_item("space", space)?;
            fields.set_item("ids", ids)?;
        }
    }
    let merged = info::class(py, "Merged")?.call((), Some(&fields))?;
    Ok(merged.unbind())
}

/// The figures of all shards that a normalised sum by calibration needs, for `Database.top_of_shard`.
///
/// Parameters
/// ----------
/// calibrations : dict
///     Of each space the mean scores of the hundredth and of the best item of a query.
///
/// Returns
/// -------
/// bytes
#[pyfunction]
pub fn shard_statistics<'py>(
    py: Python<'py>,
    calibrations: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyBytes>, Failure> {
    let each = by_space(calibrations, |scale| scale.extract::<(f32, f32)>())?;
    let statistics = each.into_iter().fold(
        ShardStatistics::default(),
        |statistics, (space, (hundredth, best))| {
            statistics.with_calibration(space, hundredth, best)
        },
    );
    Ok(PyBytes::new(py, &statistics.to_bytes()?))
}

/// Vectors by id.
fn read_vectors(vectors: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, Vec<f32>>> {
    Ok(by_space(vectors, arrays::vector)?.into_iter().collect())
}

#[pymethods]
impl Database {
    /// What this database contributes to an answer over several databases with different items; see `merge_shards`.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     A space or an ensemble, which all shards have.
    /// prepared_in : dict, optional
    ///     Query vectors by space that are used as they are, without normalisation: those of `Towers.embed_user_with` and
    ///     `known_vectors`.
    /// statistics : bytes, optional
    ///     Figures of all shards, as an earlier merge asked for.
    /// **options
    ///     As those of `recall`. A filter may name fields that only items of other shards have.
    ///
    /// Returns
    /// -------
    /// ShardHits
    #[pyo3(signature = (name, **options), text_signature = "($self, name, *, user=None, vector=None, similar=None, \
        users_in=None, vectors_in=None, prepared_in=None, text=None, k=10, min_score=None, filter=None, exclude=None, \
        recall_target=None, ef=None, exact=False, offset=0, check_features='described', statistics=None)")]
    fn top_of_shard(
        &self,
        py: Python<'_>,
        name: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<ShardHits, Failure> {
        let database = self.handle()?;
        let options = Options::new(Call::Shard, options)?;
        let hits = py.detach(|| options.run_shard(database.recall(name)))?;
        Ok(ShardHits(hits))
    }

    /// The vectors of those of some items that have one in a space, by id; otherwise as `vectors`.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// ids : iterable of str
    ///
    /// Returns
    /// -------
    /// dict
    ///     float32 arrays by id.
    ///
    /// Examples
    /// --------
    /// >>> db.known_vectors("clip", ["B02", "B99"])
    /// {'B02': array([0.6, 0.8], dtype=float32)}
    fn known_vectors<'py>(
        &self,
        py: Python<'py>,
        space: &str,
        ids: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyDict>, Failure> {
        let (database, ids) = (self.handle()?, arrays::ids(ids)?);
        let found = py.detach(|| database.known_vectors(space, &ids))?;
        let vectors = PyDict::new(py);
        for (id, vector) in found {
            vectors.set_item(id, PyArray1::from_vec(py, vector))?;
        }
        Ok(vectors)
    }
}

#[pymethods]
impl Towers {
    /// The ids of the items whose vectors the user tower looks up for a user: those of features over past items.
    ///
    /// Parameters
    /// ----------
    /// user : dict
    ///
    /// Returns
    /// -------
    /// list of str
    fn items_of_user(&self, user: &Bound<'_, PyAny>) -> Result<Vec<String>, Failure> {
        process::check()?;
        Ok(self.towers().items_of_user(&json::to_object(user)?))
    }

    /// Embed a user as a recall of a database with these items does.
    ///
    /// Parameters
    /// ----------
    /// user : dict
    /// vectors : dict, optional
    ///     The vectors of items that the tower may look up, by id; `items_of_user` lists the ids.
    /// others : iterable of Towers, optional
    ///     Other towers that get the same features, as in a recall of an ensemble: fields that they read are right.
    /// fields : iterable of str, optional
    ///     Fields that others read, such as the text of a lexical space.
    /// check_features : {'described', 'strict', 'lenient'}
    ///     How strictly features are read.
    ///
    /// Returns
    /// -------
    /// numpy.ndarray
    ///     float32.
    ///
    /// Examples
    /// --------
    /// >>> twinspire.Towers.open(models / "price").embed_user_with({"price": 3})
    /// array([3.], dtype=float32)
    #[pyo3(signature = (user, *, vectors=None, others=None, fields=None, check_features="described"))]
    fn embed_user_with<'py>(
        &self,
        py: Python<'py>,
        user: &Bound<'py, PyAny>,
        vectors: Option<&Bound<'py, PyAny>>,
        others: Option<&Bound<'py, PyAny>>,
        fields: Option<&Bound<'py, PyAny>>,
        check_features: &str,
    ) -> Result<Bound<'py, PyArray1<f32>>, Failure> {
        process::check()?;
        let (user, check) = (json::to_object(user)?, feature_check(check_features)?);
        let vectors = vectors.map(read_vectors).transpose()?.unwrap_or_default();
        let fields = fields.map(arrays::ids).transpose()?.unwrap_or_default();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let mut towers = Vec::new();
        if let Some(others) = others {
            for other in others.try_iter()? {
                let other = other?;
                let Ok(other) = other.cast::<Self>() else {
                    let reason = "argument 'others': towers expected";
                    return Err(PyTypeError::new_err(reason).into());
                };
                towers.push(other.get().towers().clone());
            }
        }
        let context = UserContext::new()
            .vectors(&vectors)
            .check(check)
            .others(&towers)
            .fields(&fields);
        let vector = py.detach(|| self.towers().embed_user_with(&user, &context))?;
        Ok(PyArray1::from_vec(py, vector))
    }
}
