//! The answers of a recall for many users.

use crate::failure::Failure;
use crate::hits::Hits;
use crate::{frames, info};
use arrow_array::{ArrayRef, Float32Array, StringArray, UInt32Array};
use arrow_schema::DataType;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyIterator, PyList, PyString};
use std::sync::Arc;
use twinspire::{ComparisonSummary, Hit};

/// The hits of many users, in their order: a sequence of `Hits`. With `on_error='keep'`, the place of a user that cannot
/// be answered raises the reason.
///
/// It is a frame too: `polars.DataFrame(many)` has the columns `user` (its place in the batch, from 0), `rank`, `id`
/// and `score`.
#[pyclass(frozen, module = "twinspire", sequence)]
pub struct BatchHits {
    /// None for a user that failed.
    answers: Vec<Option<Arc<twinspire::Hits>>>,
    /// Why users have no answer, by their places.
    failed: Vec<(usize, Failure)>,
    /// The length of the longest answer.
    width: usize,
}

/// Answers of a batch, and the users that failed.
type Answers = Vec<Result<twinspire::Hits, twinspire::Error>>;

impl From<Answers> for BatchHits {
    fn from(answers: Answers) -> Self {
        let mut failed = Vec::new();
        let answers = answers.into_iter().enumerate();
        let answers = answers.map(|(at, answer)| match answer {
            Ok(hits) => Some(Arc::new(hits)),
            Err(error) => {
                failed.push((at, error.into()));
                None
            }
        });
        let answers: Vec<_> = answers.collect();
        Self {
            width: answers
                .iter()
                .map(|hits| slice(hits.as_ref()).len())
                .max()
                .unwrap_or(0),
            answers,
            failed,
        }
    }
}

/// The hits of an answer; none of a user that failed.
fn slice(hits: Option<&Arc<twinspire::Hits>>) -> &[Hit] {
    hits.map_or(&[], |hits| hits)
}

impl BatchHits {
    /// The hits of each user.
    fn each(&self) -> impl Iterator<Item = &[Hit]> {
        self.answers.iter().map(|hits| slice(hits.as_ref()))
    }
}

#[pymethods]
impl BatchHits {
    fn __len__(&self) -> usize {
        self.answers.len()
    }

    fn __getitem__(&self, py: Python<'_>, at: isize) -> PyResult<Hits> {
        let count = self.answers.len();
        let place = if at < 0 { at + count as isize } else { at };
        let hits = usize::try_from(place)
            .ok()
            .and_then(|place| self.answers.get(place));
        match hits {
            Some(Some(hits)) => Ok(Arc::clone(hits).into()),
            Some(None) => {
                let failed = self.failed.iter().find(|(at, _)| *at as isize == place);
                Err(failed.map_or_else(
                    || PyIndexError::new_err("no answer"),
                    |(_, failure)| failure.copy(py).into(),
                ))
            }
            None => Err(PyIndexError::new_err(format!("user {at} of {count}"))),
        }
    }

    fn __iter__<'py>(batch: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        let py = batch.py();
        let each =
            (0..batch.get().answers.len() as isize).map(|at| batch.get().__getitem__(py, at));
        PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// The ids: an array of objects, a row for each user, None where a user has fewer hits than others.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArray2<Py<PyAny>>>, Failure> {
        let none = py.None();
        let mut ids = Vec::with_capacity(self.answers.len() * self.width);
        for hits in self.each() {
            let known = hits
                .iter()
                .map(|hit| PyString::new(py, &hit.id).into_any().unbind());
            let absent = (hits.len()..self.width).map(|_| none.clone_ref(py));
            ids.extend(known.chain(absent));
        }
        Ok(PyArray1::from_vec(py, ids).reshape([self.answers.len(), self.width])?)
    }

    /// The scores: float32, a row for each user, NaN where a user has fewer hits than others.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArray2<f32>>, Failure> {
        let mut scores = Vec::with_capacity(self.answers.len() * self.width);
        for hits in self.each() {
            scores.extend(hits.iter().map(|hit| hit.score));
            scores.extend((hits.len()..self.width).map(|_| f32::NAN));
        }
        Ok(PyArray1::from_vec(py, scores).reshape([self.answers.len(), self.width])?)
    }

    /// The number of hits of each user.
    #[getter]
    fn counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        PyArray1::from_iter(py, self.each().map(|hits| hits.len() as u64))
    }

    /// Why users have no hits, by their places in the batch: a dict of exceptions. Empty unless `on_error='keep'`.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        let errors = PyDict::new(py);
        for (at, failure) in &self.failed {
            errors.set_item(at, failure.copy(py).into_exception(py))?;
        }
        Ok(errors)
    }

    /// Compare these answers with others to the same users.
    ///
    /// Parameters
    /// ----------
    /// other : BatchHits
    ///
    /// Returns
    /// -------
    /// ComparisonSummary
    ///     Means over users, and the items that moved most. Users that failed on a side are left out. `str()` of it is a
    ///     table.
    ///
    /// Examples
    /// --------
    /// >>> users = [{"price": 11}, {"price": 18}]
    /// >>> one, other = db.recall_many("by-price", users, k=1), db.recall_many("by-price", users, k=1, offset=1)
    /// >>> summary = one.compare(other)
    /// >>> summary.users, summary.mean_overlap_share, [mover.id for mover in summary.movers]
    /// (2, 0.0, ['B01', 'B02'])
    fn compare(&self, py: Python<'_>, other: &Self) -> Result<Py<PyAny>, Failure> {
        let (count, others) = (self.answers.len(), other.answers.len());
        if count != others {
            let reason = format!("{others} users to compare with {count}");
            return Err(PyValueError::new_err(reason).into());
        }
        let summary: ComparisonSummary = py.detach(|| {
            let pairs = self.answers.iter().zip(&other.answers);
            let pairs =
                pairs.filter_map(|(one, other)| Some(one.as_ref()?.compare(other.as_ref()?)));
            pairs.collect()
        });
        let mut fields = info::value(&summary)?;
        fields["table"] = summary.to_string().into();
        info::record(py, "ComparisonSummary", &fields)
    }

    /// The hits as a stream of record batches: `user`, `rank`, `id`, `score`.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>, Failure> {
        let _ = requested_schema;
        let columns = py.detach(|| {
            let hits = || self.each().flatten();
            let each = || (0..).zip(self.each().map(<[Hit]>::len));
            let users = each().flat_map(|(user, count)| std::iter::repeat_n(user, count));
            let users = UInt32Array::from_iter_values(users);
            let ranks = each().flat_map(|(_, count)| (1..).take(count));
            let ranks = UInt32Array::from_iter_values(ranks);
            let ids = StringArray::from_iter_values(hits().map(|hit| &hit.id));
            let scores = Float32Array::from_iter_values(hits().map(|hit| hit.score));
            let columns: [(&str, DataType, ArrayRef); 4] = [
                ("user", DataType::UInt32, Arc::new(users)),
                ("rank", DataType::UInt32, Arc::new(ranks)),
                ("id", DataType::Utf8, Arc::new(ids)),
                ("score", DataType::Float32, Arc::new(scores)),
            ];
            columns
        });
        frames::export(py, columns.into())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "hits cannot be pickled; pickle `ids` and `scores`",
        ))
    }

    fn __repr__(&self) -> String {
        format!(
            "BatchHits({} users, up to {} hits each)",
            self.answers.len(),
            self.width
        )
    }
}
