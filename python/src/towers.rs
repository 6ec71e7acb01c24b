//! Towers: a user tower and an item tower that were trained together.

use crate::arguments::choice;
use crate::arrays;
use crate::failure::Failure;
use crate::records::{Kind, Records};
use crate::{info, json, process};
use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::types::PyType;
use serde_json::{Value, json};
use std::path::PathBuf;
use twinspire::{Metric, TowersError};

/// A user tower and an item tower that were trained together.
///
/// Opened from a directory by `Towers.open`, trained by `twinspire.train`, taken from a database by `Database.towers`.
///
/// Examples
/// --------
/// >>> towers = twinspire.Towers.open(models / "price")
/// >>> towers
/// Towers('price', 1 components, l2)
/// >>> towers.embed_users([{"price": 3}, {"price": 4}])
/// array([[3.],
///        [4.]], dtype=float32)
#[pyclass(frozen, module = "twinspire")]
pub struct Towers(twinspire::Towers);

impl From<twinspire::Towers> for Towers {
    fn from(towers: twinspire::Towers) -> Self {
        Self(towers)
    }
}

/// A metric, by name.
pub fn metric(name: &str) -> PyResult<Metric> {
    match name {
        "cosine" => Ok(Metric::Cosine),
        "inner_product" => Ok(Metric::InnerProduct),
        "l2" => Ok(Metric::L2),
        other => Err(choice(other, "'cosine', 'inner_product' or 'l2'")),
    }
}

/// The function that embeds a side.
type Embed = fn(&twinspire::Towers, &[Value], &mut Vec<f32>) -> Result<(), TowersError>;

impl Towers {
    /// Towers, or those in a directory.
    pub fn of(object: &Bound<'_, PyAny>) -> Result<twinspire::Towers, Failure> {
        process::check()?;
        if let Ok(towers) = object.cast::<Self>() {
            return Ok(towers.get().0.clone());
        }
        let path: PathBuf = object.extract()?;
        Ok(object.py().detach(|| twinspire::Towers::open(path))?)
    }

    /// The towers.
    pub fn towers(&self) -> &twinspire::Towers {
        &self.0
    }

    fn embed(
        &self,
        records: &Bound<'_, PyAny>,
        embed: Embed,
    ) -> Result<Py<PyArray2<f32>>, Failure> {
        process::check()?;
        let py = records.py();
        let records = Records::new(records, Kind::Any)?.all(py)?;
        let mut vectors = Vec::new();
        py.detach(|| embed(&self.0, &records, &mut vectors))?;
        arrays::from_rows(py, vectors, self.0.dimension())
    }
}

#[pymethods]
impl Towers {
    /// Read a towers directory: `tower.json` and its weights. The self-test is run if there is one.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    ///
    /// Returns
    /// -------
    /// Towers
    ///
    /// Raises
    /// ------
    /// TowersError
    ///     Names the file, the place in it, and what would be right.
    #[classmethod]
    fn open(_class: &Bound<'_, PyType>, py: Python<'_>, path: PathBuf) -> Result<Self, Failure> {
        process::check()?;
        Ok(Self(py.detach(|| twinspire::Towers::open(path))?))
    }

    /// The user tower of one pair and the item tower of another, of the same dimension and metric.
    ///
    /// Parameters
    /// ----------
    /// user, item : Towers
    ///
    /// Returns
    /// -------
    /// Towers
    #[classmethod]
    fn combine(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        user: &Self,
        item: &Self,
    ) -> Result<Self, Failure> {
        process::check()?;
        Ok(Self(
            py.detach(|| twinspire::Towers::combine(&user.0, &item.0))?,
        ))
    }

    /// Towers of an encoder of text: both embed texts by the same model.
    ///
    /// The directory is one of Hugging Face, on the disk: `tokenizer.json`, and `model.onnx`, or `model.safetensors` of
    /// a BERT, RoBERTa or XLM-RoBERTa model with its `config.json`, or a table of static embeddings (model2vec).
    ///
    /// Parameters
    /// ----------
    /// encoder : str or os.PathLike
    ///     The directory.
    /// fields : list of str, default ['text']
    ///     The fields of an item, whose texts are joined by spaces.
    /// query : list of str, default ['query']
    ///     The fields of a user.
    /// max_tokens : int, optional
    ///     Tokens of a text that are read at most; by default as the encoder says, else 512.
    /// name : str, optional
    ///     The name of the model; by default that of its directory.
    ///
    /// Returns
    /// -------
    /// Towers
    ///
    /// Raises
    /// ------
    /// TowersError
    ///     Names the file, the place in it, and what would be right.
    #[classmethod]
    #[pyo3(signature = (encoder, *, fields=None, query=None, max_tokens=None, name=None))]
    fn text(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        encoder: PathBuf,
        fields: Option<Vec<String>>,
        query: Option<Vec<String>>,
        max_tokens: Option<usize>,
        name: Option<String>,
    ) -> Result<Self, Failure> {
        process::check()?;
        let mut towers = twinspire::TextTowers::new();
        if let Some(fields) = fields {
            towers = towers.fields(fields);
        }
        if let Some(query) = query {
            towers = towers.query(query);
        }
        if let Some(tokens) = max_tokens {
            towers = towers.max_tokens(tokens);
        }
        if let Some(name) = name {
            towers = towers.name(&name);
        }
        Ok(Self(py.detach(|| towers.open(encoder))?))
    }

    /// Write a towers directory. Towers at `path` are replaced whole.
    ///
    /// Parameters
    /// ----------
    /// path : str or os.PathLike
    fn save(&self, py: Python<'_>, path: PathBuf) -> Result<(), Failure> {
        process::check()?;
        Ok(py.detach(|| self.0.save(path))?)
    }

    /// The name of the model.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// Components of a vector.
    #[getter]
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    /// How vectors are compared: ``'cosine'``, ``'inner_product'`` or ``'l2'``.
    #[getter]
    fn metric(&self) -> &'static str {
        match self.0.metric() {
            Metric::Cosine => "cosine",
            Metric::InnerProduct => "inner_product",
            Metric::L2 => "l2",
        }
    }

    /// Number of learned weights.
    #[getter]
    fn parameters(&self) -> usize {
        self.0.parameters()
    }

    /// A hash over the files, as `Generation.towers_hash`.
    #[getter]
    fn hash(&self) -> u64 {
        self.0.hash()
    }

    /// What the towers read, how they are built, how large they are: a dict.
    ///
    /// Examples
    /// --------
    /// >>> twinspire.Towers.open(models / "price").describe()["user"]["example"]
    /// {'price': 0.0}
    fn describe<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        process::check()?;
        Ok(json::to_python(py, &info::value(&self.0.describe())?)?)
    }

    /// All that is wrong with the features of a user, taken strictly: a list of problems.
    fn check_user(&self, user: &Bound<'_, PyAny>) -> Result<Vec<String>, Failure> {
        process::check()?;
        let problems = self.0.check_user(&json::to_object(user)?);
        Ok(problems.iter().map(ToString::to_string).collect())
    }

    /// The vectors of users.
    ///
    /// Parameters
    /// ----------
    /// users : iterable of dict, or a frame
    ///
    /// Returns
    /// -------
    /// numpy.ndarray
    ///     float32, a row for each user.
    fn embed_users(&self, users: &Bound<'_, PyAny>) -> Result<Py<PyArray2<f32>>, Failure> {
        self.embed(users, twinspire::Towers::embed_users_into)
    }

    /// The vectors of items; as `embed_users`.
    fn embed_items(&self, items: &Bound<'_, PyAny>) -> Result<Py<PyArray2<f32>>, Failure> {
        self.embed(items, twinspire::Towers::embed_items_into)
    }

    /// Embed a user, and show what each feature gave to the first layer.
    ///
    /// Parameters
    /// ----------
    /// user : dict
    ///
    /// Returns
    /// -------
    /// Embedded
    ///
    /// Examples
    /// --------
    /// >>> twinspire.Towers.open(models / "price").embed_user({"price": 3}).features[0].numbers
    /// [3.0]
    fn embed_user(&self, py: Python<'_>, user: &Bound<'_, PyAny>) -> Result<Py<PyAny>, Failure> {
        process::check()?;
        let user = json::to_object(user)?;
        let shown = py.detach(|| self.0.embed_user_shown(&user))?;
        info::record(py, "Embedded", &shown)
    }

    /// Embed an item, and show what each feature gave to the first layer; as `embed_user`.
    fn embed_item(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> Result<Py<PyAny>, Failure> {
        process::check()?;
        let item = json::to_object(item)?;
        let shown = py.detach(|| self.0.embed_item_shown(&item))?;
        info::record(py, "Embedded", &shown)
    }

    /// The self-test that the towers passed when they were opened; None if they have none.
    #[getter]
    fn self_test(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Failure> {
        let Some(test) = self.0.self_test() else {
            return Ok(None);
        };
        let fields = json!({"cases": test.cases, "difference": test.difference});
        Ok(Some(info::record(py, "SelfTest", &fields)?))
    }

    fn __repr__(&self) -> String {
        let (name, dimension, metric) = (self.0.name(), self.0.dimension(), self.metric());
        format!("Towers('{name}', {dimension} components, {metric})")
    }
}
