//! Evaluation of a space or an ensemble on held-out items.

use crate::arrays;
use crate::database::Database;
use crate::failure::Failure;
use crate::info;
use crate::records::{Kind, Records};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::ops::ControlFlow;
use twinspire::train::evaluate::metrics;

/// The deepest rank that counts.
const DEPTH: usize = 100;

/// Measure how well recalls find a held-out item of each user.
///
/// Parameters
/// ----------
/// database : Database
/// name : str
///     A space or an ensemble.
/// users : iterable of dict, or a frame
///     Features of each user as of before the held-out event.
/// truth : iterable of str
///     The item that each user took next.
/// exclude_each : iterable of iterables of str, optional
///     For each user, the items it had seen, which are left out of its ranks.
///
/// Returns
/// -------
/// dict
///     Means over users: ``hit@1``, ``hit@10``, ``hit@50``, ``hit@100`` and ``ndcg@10``.
///
/// Examples
/// --------
/// >>> metrics = twinspire.evaluate(db, "by-price", [{"price": 15}, {"price": 12}], ["B01", "B02"])
/// >>> metrics["hit@1"], metrics["hit@10"]
/// (0.5, 1.0)
#[pyfunction]
#[pyo3(signature = (database, name, users, truth, *, exclude_each=None))]
pub fn evaluate(
    py: Python<'_>,
    database: &Database,
    name: &str,
    users: &Bound<'_, PyAny>,
    truth: &Bound<'_, PyAny>,
    exclude_each: Option<&Bound<'_, PyAny>>,
) -> Result<Py<PyAny>, Failure> {
    let database = database.handle()?;
    let users = Records::new(users, Kind::Any)?.all(py)?;
    let truth = arrays::ids(truth)?;
    if users.len() != truth.len() {
        let reason = format!("{} items for {} users", truth.len(), users.len());
        return Err(PyValueError::new_err(reason).into());
    }
    let exclude: Vec<Vec<String>> = match exclude_each {
        Some(each) => each
            .try_iter()?
            .map(|ids| arrays::ids(&ids?))
            .collect::<PyResult<_>>()?,
        None => Vec::new(),
    };
    let mut ranks = vec![None; users.len()];
    let mut failed = None;
    py.detach(|| {
        let recall = database.recall(name).users(&users).exclude_each(&exclude);
        recall.each(DEPTH, |at, answer| {
            let hits = match answer {
                Ok(hits) => hits,
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            };
            if let (Some(rank), Some(wanted)) = (ranks.get_mut(at), truth.get(at)) {
                *rank = hits.iter().position(|hit| hit.id == *wanted);
            }
            ControlFlow::Continue(())
        })
    })?;
    match failed {
        Some(error) => Err(error.into()),
        None => {
            let metrics = info::value(&metrics(&ranks))?;
            Ok(crate::json::to_python(py, &metrics)?.unbind())
        }
    }
}
