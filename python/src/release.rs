//! Publishing on trial.

use crate::arguments::feature_check;
use crate::database::Database;
use crate::failure::Failure;
use crate::publish::Options;
use crate::towers::Towers;
use crate::{info, sources};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};
use twinspire::train::Dataset;
use twinspire::train::release::{self, Cases, Standing};

/// Most cases of a trial unless the caller says otherwise.
const MOST_CASES: usize = 10_000;

#[pymethods]
impl Database {
    /// Publish towers on trial: the new and the earlier generation recall for the users of held-out events, and the new
    /// one is rolled back if its hit@10 is lower with 95 % confidence. The first generation of a space is always kept.
    ///
    /// Parameters
    /// ----------
    /// space : str
    /// towers : Towers, str or os.PathLike
    ///     Towers that did not learn from `test`, or the directory of some.
    /// events : path, frame or iterable of dict
    ///     What users did before; these items are their histories.
    /// test : path, frame or iterable of dict
    ///     The held-out events, such as `split_events` gives them. Each with an item that is new to its user is a case.
    /// users : path, frame or iterable of dict, optional
    ///     Records of users.
    /// tolerance : float, default 0.0
    ///     How much lower hit@10 may be, beyond what may be chance.
    /// most : int, default 10000
    ///     Of more cases, every n-th is taken.
    /// check_features : {'described', 'strict', 'lenient'}
    ///     How strictly users are read. They have the field `history`, which towers without it read leniently alone.
    /// repeats : bool
    ///     Whether items that their user had before are to be found too, and nothing is excluded: for towers that were
    ///     trained with `repeats`.
    /// retain, storage, index, graph, calibrate_users, force, leave_out, progress
    ///     As those of `publish`; `retain` is 2 or more.
    ///
    /// Returns
    /// -------
    /// Verdict
    ///     Both generations with their metrics, and whether the new one was kept.
    ///
    /// Examples
    /// --------
    /// >>> test = [{"user": f"u{n}", "item": "B01", "timestamp": n} for n in range(12)]
    /// >>> users = [{"user_id": f"u{n}", "price": 11} for n in range(12)]
    /// >>> logs = {"events": [], "test": test, "users": users}
    /// >>> verdict = db.release("by-price", models / "price", **logs, check_features="lenient")
    /// >>> verdict.kept, verdict.after.generation, verdict.after.metrics["hit@1"]
    /// (True, 2, 1.0)
    #[pyo3(signature = (space, towers, *, events, test, users=None, tolerance=0.0, most=MOST_CASES,
        repeats=false, check_features="described", **options), text_signature = "($self, space, towers, *, events, test, users=None, \
        tolerance=0.0, most=10000, repeats=False, check_features='described', retain=3, storage='full', index='auto', graph='batches', \
        calibrate_users=None, force=False, leave_out=False, progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn release(
        &self,
        py: Python<'_>,
        space: &str,
        towers: &Bound<'_, PyAny>,
        events: &Bound<'_, PyAny>,
        test: &Bound<'_, PyAny>,
        users: Option<&Bound<'_, PyAny>>,
        tolerance: f64,
        most: usize,
        repeats: bool,
        check_features: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let options = Options::new(py, false, options)?;
        if options.retain < 2 {
            let reason = format!(
                "retain is {}: a trial needs 2 generations or more",
                options.retain
            );
            return Err(Failure::invalid(reason));
        }
        let check = feature_check(check_features)?;
        let towers = Towers::of(towers)?;
        let data = Dataset {
            items: Vec::new(),
            users: users.map(sources::users).transpose()?.unwrap_or_default(),
            events: sources::events(events)?,
        };
        let test = sources::events(test)?;
        let cases = py.detach(|| match repeats {
            true => Cases::with_repeats(&data, &test, most),
            false => Cases::new(&data, &test, most),
        })?;
        let cases = cases.check_features(check);
        let verdict = options.complete(py, |job| {
            let publish = database.publish(space).towers(towers);
            let publish = options.of_towers(publish, job);
            Ok(release::release(publish, &cases, tolerance)?)
        })?;
        let fields = json!({
            "before": verdict.before.as_ref().map(tried).transpose()?,
            "after": tried(&verdict.after)?,
            "difference": info::value(&verdict.difference)?,
            "kept": verdict.kept,
        });
        info::record(py, "Verdict", &fields)
    }
}

/// A generation of a trial as a record.
fn tried(standing: &Standing) -> Result<Value, Failure> {
    let metrics = info::value(&standing.metrics)?;
    Ok(json!({"generation": standing.generation.0, "metrics": metrics}))
}
