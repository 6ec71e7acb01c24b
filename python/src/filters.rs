//! Filters that are built by operators.

use crate::failure::Failure;
use crate::json;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::PyString;
use serde_json::Value;
use twinspire::{FilterField, FilterLiteral};

/// A field of the items, to be compared with values; made by `field`.
///
/// Values are booleans, numbers, texts, and what a record stores as one of these, such as a `datetime`.
///
/// Examples
/// --------
/// >>> price = twinspire.field("price")
/// >>> db.recall("clip", vector=[0.0, 1.0], filter=(price > 5) & (price <= 15)).ids
/// ['B01']
/// >>> twinspire.field("title").starts_with("it's")
/// Filter("title starts with 'it''s'")
#[pyclass(frozen, module = "twinspire")]
pub struct Field(String);

/// A field of the items, to be compared with values.
///
/// Parameters
/// ----------
/// path : str
///     A name, or a path such as ``seller.city``.
///
/// Returns
/// -------
/// Field
///
/// Examples
/// --------
/// >>> twinspire.field("seller.city") == "Seattle"
/// Filter("seller.city = 'Seattle'")
#[pyfunction]
pub fn field(path: String) -> Field {
    Field(path)
}

impl Field {
    fn field(&self) -> FilterField {
        twinspire::Filter::field(self.0.as_str())
    }
}

#[pymethods]
impl Field {
    fn __richcmp__(&self, value: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Filter> {
        let (field, value) = (self.field(), literal(value)?);
        Ok(Filter(match op {
            CompareOp::Lt => field.lt(value),
            CompareOp::Le => field.le(value),
            CompareOp::Eq => field.eq(value),
            CompareOp::Ne => field.ne(value),
            CompareOp::Gt => field.gt(value),
            CompareOp::Ge => field.ge(value),
        }))
    }

    /// From `low` to `high`, both included.
    fn between(&self, low: &Bound<'_, PyAny>, high: &Bound<'_, PyAny>) -> PyResult<Filter> {
        let range = literal(low)?..=literal(high)?;
        Ok(Filter(self.field().between(range)))
    }

    /// One of these values.
    fn one_of(&self, values: &Bound<'_, PyAny>) -> PyResult<Filter> {
        Ok(Filter(self.field().one_of(literals(values)?)))
    }

    /// A list that contains this value.
    fn has(&self, value: &Bound<'_, PyAny>) -> PyResult<Filter> {
        Ok(Filter(self.field().has(literal(value)?)))
    }

    /// A list that contains any of these values.
    fn has_any(&self, values: &Bound<'_, PyAny>) -> PyResult<Filter> {
        Ok(Filter(self.field().has_any(literals(values)?)))
    }

    /// A list that contains all of these values.
    fn has_all(&self, values: &Bound<'_, PyAny>) -> PyResult<Filter> {
        Ok(Filter(self.field().has_all(literals(values)?)))
    }

    /// A text with this prefix.
    fn starts_with(&self, prefix: &str) -> Filter {
        Filter(self.field().starts_with(prefix))
    }

    /// Items without the field.
    fn is_null(&self) -> Filter {
        Filter(self.field().is_null())
    }

    /// Items with the field.
    fn is_not_null(&self) -> Filter {
        Filter(self.field().is_not_null())
    }

    /// A place (a dict of `lat` and `lon`, in degrees) at most `km` kilometres from this point.
    fn within(&self, lat: f64, lon: f64, km: f64) -> Filter {
        Filter(self.field().within(lat, lon, km))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Field({})", PyString::new(py, &self.0).repr()?))
    }
}

/// Which items may be hits; made by comparing a `field`, or from text by `Filter.parse`. ``&``, ``|`` and ``~`` combine
/// filters, also with texts.
///
/// Examples
/// --------
/// >>> cheap = twinspire.field("price") < 15
/// >>> cheap | "tags has 'red'"
/// Filter("price < 15 or tags has 'red'")
/// >>> db.items.count_where(~cheap)
/// 1
#[pyclass(frozen, module = "twinspire")]
pub struct Filter(twinspire::Filter);

impl Filter {
    /// A filter, or the text of one.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<twinspire::Filter> {
        if let Ok(filter) = object.cast::<Self>() {
            return Ok(filter.get().0.clone());
        }
        let text = object.cast::<PyString>().map_err(|_| {
            let found = object.get_type().name();
            let found = found.map_or_else(|_| "another object".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!("a filter or its text expected, found {found}"))
        })?;
        Ok(text.to_str()?.into())
    }

    /// One filter, or several; none for `None`.
    pub fn each(object: &Bound<'_, PyAny>) -> PyResult<Vec<twinspire::Filter>> {
        if object.is_none() {
            return Ok(Vec::new());
        }
        if object.is_instance_of::<PyString>() || object.is_instance_of::<Self>() {
            return Ok(vec![Self::of(object)?]);
        }
        object.try_iter()?.map(|one| Self::of(&one?)).collect()
    }
}

#[pymethods]
impl Filter {
    /// A filter from text.
    ///
    /// Parameters
    /// ----------
    /// text : str
    ///
    /// Raises
    /// ------
    /// FilterError
    ///     Shows the place where parsing fails.
    ///
    /// Examples
    /// --------
    /// >>> twinspire.Filter.parse("price < 15") == (twinspire.field("price") < 15)
    /// True
    #[staticmethod]
    fn parse(text: &str) -> Result<Self, Failure> {
        let filter = twinspire::Filter::parse(text);
        Ok(Self(filter.map_err(twinspire::Error::from)?))
    }

    /// A filter that matches an item if all of `filters` do. An empty list matches every item.
    ///
    /// Parameters
    /// ----------
    /// filters : iterable of Filter or str
    #[staticmethod]
    fn all(filters: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(twinspire::Filter::all(Self::each(filters)?)))
    }

    /// A filter that matches an item if any of `filters` does. An empty list matches no item.
    ///
    /// Parameters
    /// ----------
    /// filters : iterable of Filter or str
    #[staticmethod]
    fn any(filters: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(twinspire::Filter::any(Self::each(filters)?)))
    }

    fn __and__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(self.0.clone().and(Self::of(other)?)))
    }

    fn __or__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(self.0.clone().or(Self::of(other)?)))
    }

    fn __rand__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Self::of(other)?.and(self.0.clone())))
    }

    fn __ror__(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Self::of(other)?.or(self.0.clone())))
    }

    fn __invert__(&self) -> Self {
        Self(!self.0.clone())
    }

    fn __bool__(&self) -> PyResult<bool> {
        let reason = "a filter is neither true nor false; combine filters by `&`, `|` and `~`, each in parentheses";
        Err(PyTypeError::new_err(reason))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = PyString::new(py, &self.0.to_string());
        Ok(format!("Filter({})", text.repr()?))
    }
}

/// A value that fields are compared with, by the rules of records.
fn literal(value: &Bound<'_, PyAny>) -> PyResult<FilterLiteral> {
    let found = match json::to_value(value)? {
        Value::Bool(flag) => Some(flag.into()),
        Value::String(text) => Some(text.into()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Some(number.into()),
            (None, Some(number), _) => Some(number.into()),
            (None, None, number) => number.map(FilterLiteral::from),
        },
        _ => None,
    };
    let expected = "a boolean, a number, a text or a time expected";
    found.ok_or_else(|| match value.repr() {
        Ok(found) => PyValueError::new_err(format!("{expected}, found {found}")),
        Err(error) => error,
    })
}

fn literals(values: &Bound<'_, PyAny>) -> PyResult<Vec<FilterLiteral>> {
    if values.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(
            "an iterable of values expected, found a string",
        ));
    }
    values.try_iter()?.map(|value| literal(&value?)).collect()
}
