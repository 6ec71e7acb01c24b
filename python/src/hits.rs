//! The answer of a recall.

use crate::failure::Failure;
use crate::{frames, info, json};
use arrow_array::{ArrayRef, Float32Array, StringArray, UInt32Array};
use arrow_schema::DataType;
use numpy::PyArray1;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyIterator, PyList, PySlice};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// The hits of a recall, best first: a sequence of `Hit`.
///
/// It is a frame too: `polars.DataFrame(hits)` has the columns `rank`, `id` and `score`.
#[pyclass(frozen, module = "twinspire", sequence)]
pub struct Hits(Arc<twinspire::Hits>);

/// One item of an answer.
#[pyclass(frozen, module = "twinspire")]
pub struct Hit {
    hits: Arc<twinspire::Hits>,
    at: usize,
}

impl From<twinspire::Hits> for Hits {
    fn from(hits: twinspire::Hits) -> Self {
        Self(Arc::new(hits))
    }
}

impl From<Arc<twinspire::Hits>> for Hits {
    fn from(hits: Arc<twinspire::Hits>) -> Self {
        Self(hits)
    }
}

impl Hits {
    fn hit(&self, at: usize) -> Hit {
        let hits = Arc::clone(&self.0);
        Hit { hits, at }
    }
}

#[pymethods]
impl Hits {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__<'py>(&self, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, count) = (at.py(), self.0.len() as isize);
        if let Ok(slice) = at.cast::<PySlice>() {
            let range = slice.indices(count)?;
            let places = (0..range.slicelength as isize).map(|n| range.start + n * range.step);
            let list = PyList::empty(py);
            for at in places {
                list.append(Bound::new(py, self.hit(at as usize))?)?;
            }
            return Ok(list.into_any());
        }
        let at: isize = at.extract()?;
        let place = if at < 0 { at + count } else { at };
        match (0..count).contains(&place) {
            true => Ok(Bound::new(py, self.hit(place as usize))?.into_any()),
            false => Err(PyIndexError::new_err(format!("hit {at} of {count}"))),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let hits = (0..self.0.len()).map(|at| Bound::new(py, self.hit(at)));
        PyList::new(py, hits.collect::<PyResult<Vec<_>>>()?)?.try_iter()
    }

    /// The ids, best first.
    #[getter]
    fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|hit| hit.id.as_str()).collect()
    }

    /// The scores, float32.
    #[getter]
    fn scores<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_iter(py, self.0.iter().map(|hit| hit.score))
    }

    /// The generation whose towers and vectors gave this answer; of an ensemble, that of its first space by name.
    #[getter]
    fn generation(&self) -> u64 {
        self.0.generation().0
    }

    /// Of an ensemble: the generation of each of its spaces.
    #[getter]
    fn generations(&self) -> BTreeMap<&str, u64> {
        let each = self.0.generations().iter();
        each.map(|(space, number)| (space.as_str(), number.0))
            .collect()
    }

    /// What a recall with a `recall_target` promises about this answer: a dict with `kind` and `detail`, or None.
    #[getter]
    fn promise<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let promise = self.0.promise();
        let promise = promise.map(|promise| Ok(json::to_python(py, &info::value(&promise)?)?));
        promise.transpose()
    }

    /// How the answer was found, as a dict; None without `explain=True`.
    #[getter]
    fn explain<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let explain = self.0.explained();
        let explain = explain.map(|explain| Ok(json::to_python(py, &info::value(explain)?)?));
        explain.transpose()
    }

    /// Compare this answer with another one to the same query.
    ///
    /// Parameters
    /// ----------
    /// other : Hits
    ///
    /// Returns
    /// -------
    /// Comparison
    ///     What both share, and how each item moved from this answer to the other. `str()` of it is a table.
    ///
    /// Examples
    /// --------
    /// >>> one = db.recall("clip", vector=[0.0, 1.0], k=2)
    /// >>> other = db.recall("clip", vector=[1.0, 0.0], k=2)
    /// >>> one.compare(other).overlap
    /// 2
    fn compare(&self, py: Python<'_>, other: &Self) -> Result<Py<PyAny>, Failure> {
        let comparison = self.0.compare(&other.0);
        let mut fields = info::value(&comparison)?;
        fields["table"] = comparison.to_string().into();
        info::record(py, "Comparison", &fields)
    }

    /// The hits as a list of dicts, with what each hit has.
    ///
    /// Examples
    /// --------
    /// >>> db.recall("clip", vector=[0.0, 1.0], k=1, records=["price"]).to_dicts()
    /// [{'id': 'B02', 'record': {'price': 20}, 'score': 0.8...}]
    fn to_dicts<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyAny>>, Failure> {
        let each = self.0.iter();
        each.map(|hit| Ok(json::to_python(py, &info::value(hit)?)?))
            .collect()
    }

    /// The hits as a stream of record batches: `rank`, `id`, `score`.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>, Failure> {
        let _ = requested_schema;
        let ranks = UInt32Array::from_iter_values((1..).take(self.0.len()));
        let ids = StringArray::from_iter_values(self.0.iter().map(|hit| &hit.id));
        let scores = Float32Array::from_iter_values(self.0.iter().map(|hit| hit.score));
        let columns: Vec<(&str, DataType, ArrayRef)> = vec![
            ("rank", DataType::UInt32, Arc::new(ranks)),
            ("id", DataType::Utf8, Arc::new(ids)),
            ("score", DataType::Float32, Arc::new(scores)),
        ];
        frames::export(py, columns)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "hits cannot be pickled; pickle `to_dicts()`, or `ids` and `scores`",
        ))
    }

    fn __repr__(&self) -> String {
        let hits = self.0.iter().take(3);
        let mut shown: Vec<String> = hits
            .map(|hit| format!("{} {:.3}", hit.id, hit.score))
            .collect();
        if self.0.len() > shown.len() {
            shown.push(format!("… {} in all", self.0.len()));
        }
        format!("Hits({})", shown.join(", "))
    }

    fn _repr_html_(&self) -> String {
        let mut page =
            String::from("<table><tr><th>rank</th><th>id</th><th>score</th><th>record</th></tr>");
        for (rank, hit) in (1..).zip(self.0.iter()) {
            let record = hit
                .record
                .as_ref()
                .map_or_else(String::new, ToString::to_string);
            let (id, record) = (escaped(&hit.id), escaped(&record));
            let score = hit.score;
            let _ = write!(
                page,
                "<tr><td>{rank}</td><td>{id}</td><td>{score:.4}</td><td>{record}</td></tr>"
            );
        }
        page + "</table>"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Hit {
    /// The hit. Its place is one of the answer.
    fn hit(&self) -> Result<&twinspire::Hit, Failure> {
        let hit = self.hits.get(self.at);
        hit.ok_or_else(|| Failure::new("InternalError", "a hit beyond its answer"))
    }
}

#[pymethods]
impl Hit {
    /// The item's id.
    #[getter]
    fn id(&self) -> Result<&str, Failure> {
        Ok(&self.hit()?.id)
    }

    /// The item's score; larger is better under every metric.
    #[getter]
    fn score(&self) -> Result<f32, Failure> {
        Ok(self.hit()?.score)
    }

    /// The item's record, if the recall asked for records; else None.
    #[getter]
    fn record<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let record = self.hit()?.record.as_ref();
        Ok(record
            .map(|record| json::to_python(py, record))
            .transpose()?)
    }

    /// Of an ensemble: the item's score in each of its spaces.
    #[getter]
    fn channels<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        let scores = PyDict::new(py);
        for (space, score) in &self.hit()?.channels {
            scores.set_item(space, score)?;
        }
        Ok(scores)
    }

    /// The item's rank in each space, from 1, where the recall has ranks.
    #[getter]
    fn ranks<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>, Failure> {
        let ranks = PyDict::new(py);
        for (space, rank) in &self.hit()?.ranks {
            ranks.set_item(space, rank)?;
        }
        Ok(ranks)
    }

    fn __eq__(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.hit()? == other.hit()?)
    }

    fn __repr__(&self) -> Result<String, Failure> {
        let hit = self.hit()?;
        Ok(format!("Hit({:?}, {:.4})", hit.id, hit.score))
    }
}
