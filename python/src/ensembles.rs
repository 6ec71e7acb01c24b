//! Ensembles: a mapping from names to recipes.

use crate::database::Database;
use crate::failure::Failure;
use crate::{info, json};
use pyo3::prelude::*;
use std::sync::Arc;

/// A recipe that fuses several spaces. Built by `weighted`, `cascade`, `rank_fusion`, `normalised` or `quotas`, or from
/// the JSON of a recipe as a dict.
///
/// Examples
/// --------
/// >>> twinspire.Ensemble({"method": "weighted", "spaces": {"text": 0.4, "unified": 0.6}})
/// Ensemble(0.4 × text + 0.6 × unified)
#[pyclass(frozen, module = "twinspire")]
pub struct Ensemble(twinspire::Ensemble);

impl Ensemble {
    /// An ensemble, or the recipe of one as a dict.
    fn of(object: &Bound<'_, PyAny>) -> Result<twinspire::Ensemble, Failure> {
        if let Ok(ensemble) = object.cast::<Self>() {
            return Ok(ensemble.get().0.clone());
        }
        let recipe = json::to_object(object)?;
        serde_json::from_value(recipe).map_err(|error| {
            let reason =
                format!("not a recipe: {error}; `twinspire.weighted` and others make them");
            Failure::new("EnsembleError", reason)
        })
    }
}

#[pymethods]
impl Ensemble {
    #[new]
    fn new(recipe: &Bound<'_, PyAny>) -> Result<Self, Failure> {
        Ok(Self(Self::of(recipe)?))
    }

    /// The recipe as a dict.
    #[getter]
    fn recipe<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        Ok(json::to_python(py, &info::value(&self.0)?)?)
    }

    /// The method: ``'weighted'``, ``'cascade'``, ``'rank_fusion'``, ``'normalised'`` or ``'quotas'``.
    #[getter]
    fn method(&self) -> &'static str {
        self.0.method()
    }

    /// The spaces that are searched.
    #[getter]
    fn spaces(&self) -> Vec<&str> {
        self.0.spaces().collect()
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Ensemble({})", self.0)
    }
}

/// The ensembles of a database: a mapping from names to `Ensemble`. As `Database.ensembles`.
///
/// Examples
/// --------
/// >>> db.ensembles["home"] = twinspire.weighted({"clip": 0.4, "by-price": 0.6}, missing=0.0)
/// >>> list(db.ensembles), db.ensembles["home"].spaces
/// (['home'], ['by-price', 'clip'])
/// >>> del db.ensembles["home"]
#[pyclass(frozen, module = "twinspire", mapping)]
pub struct Ensembles {
    database: Py<Database>,
}

impl Ensembles {
    fn handle(&self) -> Result<Arc<twinspire::Database>, Failure> {
        self.database.get().handle()
    }
}

/// The failure of a name that no ensemble has.
fn unknown(name: &str, database: &twinspire::Database) -> Failure {
    let known = database.ensembles().list().into_keys().collect::<Vec<_>>();
    Failure::unknown_name("ensemble", name, &known)
}

#[pymethods]
impl Ensembles {
    fn __len__(&self) -> Result<usize, Failure> {
        Ok(self.handle()?.ensembles().list().len())
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> Result<bool, Failure> {
        let Ok(name) = name.extract::<String>() else {
            return Ok(false);
        };
        Ok(self.handle()?.ensembles().get(&name).is_some())
    }

    fn __getitem__(&self, name: &str) -> Result<Ensemble, Failure> {
        let database = self.handle()?;
        let found = database.ensembles().get(name);
        found.map(Ensemble).ok_or_else(|| unknown(name, &database))
    }

    fn __setitem__(
        &self,
        py: Python<'_>,
        name: &str,
        ensemble: &Bound<'_, PyAny>,
    ) -> Result<(), Failure> {
        let (database, ensemble) = (self.handle()?, Ensemble::of(ensemble)?);
        Ok(py.detach(|| database.ensembles().define(name, ensemble))?)
    }

    fn __delitem__(&self, py: Python<'_>, name: &str) -> Result<(), Failure> {
        let database = self.handle()?;
        match py.detach(|| database.ensembles().remove(name))? {
            true => Ok(()),
            false => Err(unknown(name, &database)),
        }
    }

    /// The names, sorted.
    fn keys(&self) -> Result<Vec<String>, Failure> {
        Ok(self.handle()?.ensembles().list().into_keys().collect())
    }

    /// The ensembles, by the order of their names.
    fn values(&self) -> Result<Vec<Ensemble>, Failure> {
        let all = self.handle()?.ensembles().list();
        Ok(all.into_values().map(Ensemble).collect())
    }

    /// Names and ensembles.
    fn items(&self) -> Result<Vec<(String, Ensemble)>, Failure> {
        let all = self.handle()?.ensembles().list().into_iter();
        Ok(all
            .map(|(name, ensemble)| (name, Ensemble(ensemble)))
            .collect())
    }

    /// The ensemble of this name, or `default`.
    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>, Failure> {
        match self.handle()?.ensembles().get(name) {
            Some(ensemble) => Ok(Bound::new(py, Ensemble(ensemble))?.into_any()),
            None => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        let names = self.keys()?.into_pyobject(py)?;
        Ok(names.try_iter()?.into_any())
    }

    fn __repr__(&self) -> Result<String, Failure> {
        let all = self.handle()?.ensembles().list().into_iter();
        let each = all.map(|(name, ensemble)| format!("{name}: {ensemble}"));
        Ok(format!(
            "Ensembles({})",
            each.collect::<Vec<_>>().join(", ")
        ))
    }
}

#[pymethods]
impl Database {
    /// The ensembles: a mapping from names to recipes.
    #[getter]
    fn ensembles(database: PyRef<'_, Self>) -> Ensembles {
        let database = database.into();
        Ensembles { database }
    }
}
