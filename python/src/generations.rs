//! Spaces and their generations.

use crate::database::Database;
use crate::failure::Failure;
use crate::jobs::{self, Listener};
use crate::publish::report;
use crate::towers::Towers;
use crate::{info, json};
use pyo3::prelude::*;
use std::collections::BTreeMap;

#[pymethods]
impl Database {
    /// The names of all spaces, sorted.
    fn spaces(&self) -> Result<Vec<String>, Failure> {
        Ok(self.handle()?.spaces())
    }

    /// The generations that a space keeps, oldest first.
    ///
    /// Parameters
    /// ----------
    /// space : str
    ///
    /// Returns
    /// -------
    /// list of Generation
    ///
    /// Examples
    /// --------
    /// >>> [(g.number, g.active, g.items) for g in db.generations("clip")]
    /// [(1, True, 2)]
    fn generations(&self, py: Python<'_>, space: &str) -> Result<Vec<Py<PyAny>>, Failure> {
        let database = self.handle()?;
        let generations = py.detach(|| database.generations(space))?;
        info::records(py, "Generation", &generations)
    }

    /// Make an earlier generation of a space active again, towers and vectors together. Newer items are kept: they
    /// are embedded with its towers first.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// to : int, optional
    ///     The generation; the one before the active one by default.
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress`. Ctrl-C cancels: nothing has changed then.
    ///
    /// Returns
    /// -------
    /// Generation
    ///
    /// Examples
    /// --------
    /// >>> db.publish_vectors("clip", ["B01", "B02"], [[0.0, 1.0], [1.0, 0.0]]).number
    /// 2
    /// >>> db.rollback("clip").number
    /// 1
    #[pyo3(signature = (space, to=None, *, progress=None))]
    fn rollback(
        &self,
        py: Python<'_>,
        space: &str,
        to: Option<u64>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let generation = jobs::run(py, &Listener::new(progress)?, |job| {
            let rollback = database
                .rollback(space)
                .progress(|done| job.report(report(done)));
            match to {
                Some(number) => rollback.to(number).run(),
                None => rollback.run(),
            }
        })?;
        info::record(py, "Generation", &generation)
    }

    /// Remove the oldest generations of a space until it keeps this many. The active one is always kept.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// generations : int
    fn retain(&self, py: Python<'_>, space: &str, generations: usize) -> Result<(), Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.retain(space, generations))?)
    }

    /// The members of a fused space, each with its generation. Empty for a space of its own.
    fn members(&self, space: &str) -> Result<BTreeMap<String, u64>, Failure> {
        let members = self.handle()?.members(space)?.into_iter();
        Ok(members.map(|(space, number)| (space, number.0)).collect())
    }

    /// The report of the training of a generation that a space keeps.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// generation : int
    ///
    /// Returns
    /// -------
    /// dict or None
    ///     With ``recipe``, ``settings``, ``warnings`` and ``report``; None if its towers carry none.
    ///
    /// Examples
    /// --------
    /// >>> db.training_report("by-price", 1) is None
    /// True
    fn training_report<'py>(
        &self,
        py: Python<'py>,
        space: &str,
        generation: u64,
    ) -> Result<Option<Bound<'py, PyAny>>, Failure> {
        let (database, number) = (self.handle()?, twinspire::GenerationNo(generation));
        let report = py.detach(|| database.training_report(space, number))?;
        Ok(report
            .map(|report| json::to_python(py, &report))
            .transpose()?)
    }

    /// The towers of a space's active generation, as they were published.
    ///
    /// Examples
    /// --------
    /// >>> db.towers("by-price").dimension
    /// 1
    fn towers(&self, py: Python<'_>, space: &str) -> Result<Towers, Failure> {
        let database = self.handle()?;
        Ok(py.detach(|| database.towers(space))?.into())
    }
}
