//! Lexical spaces: a mapping from names to definitions.

use crate::database::Database;
use crate::failure::Failure;
use crate::{info, json};
use pyo3::prelude::*;
use std::sync::Arc;
use twinspire::GenerationNo;

/// The lexical spaces of a database: a mapping from names to definitions, which are dicts. As `Database.lexical`.
///
/// A lexical space ranks items by BM25 over the words of some of their fields; ensembles name it like any other space.
/// A definition has ``fields`` (boosts by path, or a list of paths), and optionally ``language``, ``stop_words``, ``k1``,
/// ``b`` and ``query``, the field of the user with the text.
///
/// Examples
/// --------
/// >>> db.lexical["words"] = {"fields": {"title": 2, "id": 1}, "language": "english"}
/// >>> db.lexical["words"]["k1"]
/// 1.2
/// >>> db.recall("words", text="b02 or others").ids
/// ['B02']
/// >>> del db.lexical["words"]
#[pyclass(frozen, module = "twinspire", mapping)]
pub struct LexicalSpaces {
    database: Py<Database>,
}

impl LexicalSpaces {
    fn handle(&self) -> Result<Arc<twinspire::Database>, Failure> {
        self.database.get().handle()
    }
}

fn definition<'py>(
    py: Python<'py>,
    lexical: &twinspire::Lexical,
) -> Result<Bound<'py, PyAny>, Failure> {
    Ok(json::to_python(py, &info::value(lexical)?)?)
}

/// The failure of a name that no lexical space has.
fn unknown(name: &str, database: &twinspire::Database) -> Failure {
    let known = database.lexical().list().into_keys().collect::<Vec<_>>();
    Failure::unknown_name("lexical space", name, &known)
}

#[pymethods]
impl LexicalSpaces {
    fn __len__(&self) -> Result<usize, Failure> {
        Ok(self.handle()?.lexical().list().len())
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> Result<bool, Failure> {
        let Ok(name) = name.extract::<String>() else {
            return Ok(false);
        };
        Ok(self.handle()?.lexical().get(&name).is_some())
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>, Failure> {
        let database = self.handle()?;
        let found = database.lexical().get(name);
        definition(py, &found.ok_or_else(|| unknown(name, &database))?)
    }

    fn __setitem__(
        &self,
        py: Python<'_>,
        name: &str,
        definition: &Bound<'_, PyAny>,
    ) -> Result<(), Failure> {
        let database = self.handle()?;
        let lexical: twinspire::Lexical = serde_json::from_value(json::to_object(definition)?)
            .map_err(|error| Failure::invalid(format!("not a lexical space: {error}")))?;
        py.detach(|| database.lexical().define(name, lexical))?;
        Ok(())
    }

    fn __delitem__(&self, py: Python<'_>, name: &str) -> Result<(), Failure> {
        let database = self.handle()?;
        match py.detach(|| database.lexical().remove(name))? {
            true => Ok(()),
            false => Err(unknown(name, &database)),
        }
    }

    /// The names, sorted.
    fn keys(&self) -> Result<Vec<String>, Failure> {
        Ok(self.handle()?.lexical().list().into_keys().collect())
    }

    /// The definitions, by the order of their names.
    fn values<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyAny>>, Failure> {
        let all = self.handle()?.lexical().list();
        all.values()
            .map(|lexical| definition(py, lexical))
            .collect()
    }

    /// Names and definitions.
    fn items<'py>(&self, py: Python<'py>) -> Result<Vec<(String, Bound<'py, PyAny>)>, Failure> {
        let all = self.handle()?.lexical().list().into_iter();
        all.map(|(name, lexical)| Ok((name, definition(py, &lexical)?)))
            .collect()
    }

    /// The definition of this name, or `default`.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        match self.handle()?.lexical().get(name) {
            Some(lexical) => definition(py, &lexical),
            None => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    /// The definitions that a space keeps, oldest first: dicts with ``number``, ``active``, ``created_unix_ms`` and
    /// ``lexical``.
    fn generations<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>, Failure> {
        let kept = self.handle()?.lexical().generations(name)?;
        Ok(json::to_python(py, &info::value(&kept)?)?)
    }

    /// Make another kept definition active: generation `to`, or the one before the active one. Returns its number.
    #[pyo3(signature = (name, to=None))]
    fn rollback(&self, py: Python<'_>, name: &str, to: Option<u64>) -> Result<u64, Failure> {
        let database = self.handle()?;
        let number = py.detach(|| database.lexical().rollback(name, to.map(GenerationNo)))?;
        Ok(number.0)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        let names = self.keys()?.into_pyobject(py)?;
        Ok(names.try_iter()?.into_any())
    }

    fn __repr__(&self) -> Result<String, Failure> {
        let all = self.handle()?.lexical().list().into_iter();
        let each = all.map(|(name, lexical)| format!("{name}: {lexical}"));
        let each = each.collect::<Vec<_>>();
        Ok(format!("LexicalSpaces({})", each.join(", ")))
    }
}

#[pymethods]
impl Database {
    /// The lexical spaces: a mapping from names to definitions.
    #[getter]
    fn lexical(database: PyRef<'_, Self>) -> LexicalSpaces {
        let database = database.into();
        LexicalSpaces { database }
    }
}
