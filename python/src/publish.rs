//! Publishing: towers, vectors from elsewhere, fused spaces.

use crate::arguments::choice;
use crate::arrays;
use crate::database::Database;
use crate::failure::Failure;
use crate::info;
use crate::jobs::{self, Job, Listener, Report};
use crate::records::{Kind, Records};
use crate::towers::{Towers, metric};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use twinspire::{
    DEFAULT_RETAIN, GenerationInfo, GraphBuilder, IndexChoice, IndexKind, Progress, Publish,
    Storage,
};

/// The options of a publish, as the keyword arguments of a call.
pub struct Options {
    pub retain: usize,
    storage: Storage,
    index: IndexChoice,
    graph: GraphBuilder,
    users: Vec<Value>,
    force: bool,
    left_out: Option<LeftOut>,
    listener: Listener,
}

/// Whom to tell of items that are left out: nobody, or a callable.
struct LeftOut {
    callback: Option<Py<PyAny>>,
    errors: Mutex<Vec<Failure>>,
}

impl Options {
    /// Reads keyword arguments. A fused space has no options for its vectors.
    pub fn new(
        py: Python<'_>,
        is_fused: bool,
        arguments: Option<&Bound<'_, PyDict>>,
    ) -> Result<Self, Failure> {
        let mut options = Self {
            retain: DEFAULT_RETAIN,
            storage: Storage::default(),
            index: IndexChoice::default(),
            graph: GraphBuilder::default(),
            users: Vec::new(),
            force: false,
            left_out: None,
            listener: Listener::new(None)?,
        };
        for (name, value) in arguments.into_iter().flatten() {
            let name = name.cast::<PyString>()?.to_cow()?.into_owned();
            match &*name {
                "retain" => options.retain = value.extract()?,
                "storage" if !is_fused => {
                    options.storage = match &*value.extract::<String>()? {
                        "full" => Storage::Full,
                        "half" => Storage::Half,
                        other => return Err(choice(other, "'full' or 'half'").into()),
                    };
                }
                "index" => {
                    options.index = match &*value.extract::<String>()? {
                        "auto" => IndexChoice::Auto,
                        "graph" => IndexChoice::Only(IndexKind::Graph),
                        "partitions" => IndexChoice::Only(IndexKind::Partitions),
                        other => {
                            let expected = "'auto', 'graph' or 'partitions'";
                            return Err(choice(other, expected).into());
                        }
                    };
                }
                "graph" => {
                    options.graph = match &*value.extract::<String>()? {
                        "batches" => GraphBuilder::Batches,
                        "instant-distance" => GraphBuilder::InstantDistance,
                        other => {
                            let expected = "'batches' or 'instant-distance'";
                            return Err(choice(other, expected).into());
                        }
                    };
                }
                "calibrate_users" if value.is_none() => {}
                "calibrate_users" => options.users = Records::new(&value, Kind::Any)?.all(py)?,
                "force" => options.force = value.extract()?,
                "leave_out" if !is_fused => options.left_out = left_out(&value)?,
                "progress" => options.listener = Listener::new(Some(&value))?,
                other => {
                    let reason = format!("unexpected keyword argument '{other}'");
                    return Err(PyTypeError::new_err(reason).into());
                }
            }
        }
        Ok(options)
    }

    /// Publishes on a thread of its own, then tells what was left out.
    fn run(
        &self,
        py: Python<'_>,
        publish: impl FnOnce(&Job) -> Result<GenerationInfo, Failure> + Send,
    ) -> Result<Py<PyAny>, Failure> {
        info::record(py, "Generation", &self.complete(py, publish)?)
    }

    /// Does work that publishes, on a thread of its own, then tells what was left out.
    pub fn complete<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Job) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let done = jobs::run(py, &self.listener, work)?;
        if let Some(LeftOut {
            callback: Some(callback),
            errors,
        }) = &self.left_out
        {
            let errors =
                std::mem::take(&mut *errors.lock().unwrap_or_else(PoisonError::into_inner));
            for failure in errors {
                callback.call1(py, (failure.into_exception(py),))?;
            }
        }
        Ok(done)
    }

    /// The options that every publish has.
    fn apply<'a, S>(&'a self, publish: Publish<'a, S>, job: &'a Job) -> Publish<'a, S> {
        let publish = publish
            .retain(self.retain)
            .index(self.index)
            .graph_builder(self.graph)
            .calibrate_users(self.users.iter().cloned())
            .progress(|progress| job.report(report(progress)));
        match self.force {
            true => publish.force(),
            false => publish,
        }
    }
}

impl Options {
    /// The options of a publish of towers.
    pub fn of_towers<'a>(
        &'a self,
        publish: Publish<'a, twinspire::Towers>,
        job: &'a Job,
    ) -> Publish<'a, twinspire::Towers> {
        let publish = self.apply(publish, job).storage(self.storage);
        match &self.left_out {
            Some(left_out) => publish.leave_out(|error| left_out.add(error)),
            None => publish,
        }
    }
}

/// The argument `leave_out`: a boolean or a callable.
fn left_out(value: &Bound<'_, PyAny>) -> PyResult<Option<LeftOut>> {
    let callback = match value.cast::<PyBool>() {
        Ok(flag) if !flag.is_true() => return Ok(None),
        Ok(_) => None,
        Err(_) if value.is_none() => return Ok(None),
        Err(_) if value.is_callable() => Some(value.clone().unbind()),
        Err(_) => {
            let reason = "argument 'leave_out': a boolean or a callable expected";
            return Err(PyTypeError::new_err(reason));
        }
    };
    Ok(Some(LeftOut {
        callback,
        errors: Mutex::default(),
    }))
}

impl LeftOut {
    fn add(&self, error: &twinspire::Error) {
        if self.callback.is_some() {
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.push(Failure::of(error));
        }
    }
}

/// Progress of a publish or a rollback, as jobs report it.
pub fn report(progress: &Progress) -> Report {
    Report {
        stage: progress.stage.as_str(),
        done: progress.done,
        total: progress.total,
        loss: None,
    }
}

#[pymethods]
impl Database {
    /// Publish towers: embed every item, build an index over the vectors, and make both the active generation of a
    /// space in one step. Recalls and writes continue meanwhile.
    ///
    /// Parameters
    /// ----------
    /// space : str
    ///     Created if it does not exist.
    /// towers : Towers, str or os.PathLike
    ///     Towers, or the directory of some.
    /// retain : int, default 3
    ///     Number of generations to keep.
    /// storage : {'full', 'half'}
    ///     Precision of the stored vectors.
    /// index : {'auto', 'graph', 'partitions'}
    ///     Index over the vectors: the faster one at equal recall, as measured, or this kind.
    /// graph : {'batches', 'instant-distance'}
    ///     Builder of the graph.
    /// calibrate_users : iterable of dict or frame, optional
    ///     Measure with these users what recall users get.
    /// force : bool, default False
    ///     Publish in spite of doubts: vectors nearly all equal, features that no item has.
    /// leave_out : bool or callable, default False
    ///     Leave out items that fail, instead of ending at the first. A callable is called with the exception of
    ///     each, at the end.
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress`. Ctrl-C, an exception or a returned False cancels: nothing has
    ///     changed then.
    ///
    /// Returns
    /// -------
    /// Generation
    ///
    /// Raises
    /// ------
    /// FeatureError
    ///     An item that the item tower cannot embed.
    /// PublishError
    ///     There are no items, or the towers do not seem to belong to them.
    ///
    /// Examples
    /// --------
    /// >>> generation = db.publish("by-price", models / "price", retain=2)
    /// >>> generation.number, generation.items
    /// (2, 2)
    #[pyo3(signature = (space, towers, **options), text_signature = "($self, space, towers, *, retain=3, \
        storage='full', index='auto', graph='batches', calibrate_users=None, force=False, leave_out=False, progress=None)")]
    fn publish(
        &self,
        py: Python<'_>,
        space: &str,
        towers: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let options = Options::new(py, false, options)?;
        let towers = Towers::of(towers)?;
        options.run(py, |job| {
            let publish = database.publish(space).towers(towers);
            Ok(options.of_towers(publish, job).run()?)
        })
    }

    /// Publish vectors of the items that were computed elsewhere.
    ///
    /// Parameters
    /// ----------
    /// space : str
    ///     Created if it does not exist.
    /// ids : iterable of str
    ///     The id of each row.
    /// vectors : array_like
    ///     A row for each id. A C-contiguous float32 array is read in place.
    /// metric : {'cosine', 'inner_product', 'l2'}
    ///     How vectors are compared; not with `towers`, which have a metric.
    /// towers : Towers, str or os.PathLike, optional
    ///     Towers without an item tower, whose user tower makes the queries. Without them queries are vectors.
    /// retain, storage, index, graph, calibrate_users, force, leave_out, progress
    ///     As those of `publish`.
    ///
    /// Returns
    /// -------
    /// Generation
    ///
    /// Raises
    /// ------
    /// VectorError
    ///     A vector that cannot be used, or an item without one.
    ///
    /// Examples
    /// --------
    /// >>> import numpy as np
    /// >>> vectors = np.eye(2, dtype=np.float32)
    /// >>> db.publish_vectors("one-hot", ["B01", "B02"], vectors, metric="l2").items
    /// 2
    #[pyo3(signature = (space, ids, vectors, *, metric=None, towers=None, **options), text_signature = "($self, space, \
        ids, vectors, *, metric=None, towers=None, retain=3, storage='full', index='auto', graph='batches', calibrate_users=None, \
        force=False, leave_out=False, progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn publish_vectors(
        &self,
        py: Python<'_>,
        space: &str,
        ids: &Bound<'_, PyAny>,
        vectors: &Bound<'_, PyAny>,
        metric: Option<&str>,
        towers: Option<&Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let options = Options::new(py, false, options)?;
        let (ids, matrix) = (arrays::ids(ids)?, arrays::matrix(vectors)?);
        let (count, dimension) = arrays::shape(&matrix);
        if count != ids.len() {
            let reason = format!("{} ids for {count} vectors", ids.len());
            return Err(PyValueError::new_err(reason).into());
        }
        let towers = match (towers, metric) {
            (Some(_), Some(_)) => {
                let reason = "towers have a metric; leave `metric` out";
                return Err(PyValueError::new_err(reason).into());
            }
            (Some(towers), None) => Towers::of(towers)?,
            (None, name) => {
                let metric = self::metric(name.unwrap_or("cosine"))?;
                twinspire::Towers::vectors_only(space, dimension, metric)?
            }
        };
        let numbers = matrix
            .as_slice()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        options.run(py, |job| {
            let rows = numbers.chunks_exact(dimension.max(1));
            let rows = ids
                .into_iter()
                .zip(rows)
                .map(|(id, row)| (id, row.to_vec()));
            let publish = database.publish(space).towers(towers).vectors(rows);
            let publish = options.apply(publish, job).storage(options.storage);
            let publish = match &options.left_out {
                Some(left_out) => publish.leave_out(|error| left_out.add(error)),
                None => publish,
            };
            Ok(publish.run()?)
        })
    }

    /// Publish a fused space: one graph over the concatenated vectors of several spaces. A weighted ensemble that
    /// names it is answered by one search.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// members : iterable of str
    ///     Two spaces or more, which do not compare by L2.
    /// retain, index, graph, calibrate_users, force, progress
    ///     As those of `publish`.
    ///
    /// Returns
    /// -------
    /// Generation
    ///
    /// Examples
    /// --------
    /// >>> db.publish_vectors("text", ["B01", "B02"], [[1.0, 0.0], [0.0, 1.0]]).number
    /// 1
    /// >>> db.publish_fused("both", ["clip", "text"]).dimension
    /// 4
    #[pyo3(signature = (space, members, **options), text_signature = "($self, space, members, *, retain=3, \
        index='auto', graph='batches', calibrate_users=None, force=False, progress=None)")]
    fn publish_fused(
        &self,
        py: Python<'_>,
        space: &str,
        members: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let options = Options::new(py, true, options)?;
        let members = arrays::ids(members)?;
        options.run(py, |job| {
            let publish = database.publish(space).fuse(members);
            Ok(options.apply(publish, job).run()?)
        })
    }
}
