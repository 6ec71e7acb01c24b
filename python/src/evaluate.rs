//! Evaluation of spaces and ensembles on held-out items.

use crate::arguments::{choice, feature_check, of_argument, strings};
use crate::database::Database;
use crate::failure::Failure;
use crate::jobs::{self, Listener, Report};
use crate::pinned::Pinned;
use crate::records::{Kind, Records};
use crate::{arrays, info, json, process, sources};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use twinspire::train::evaluate::{Bootstrap, Judge, SegmentBy, SplitBy, TieOrder, metrics};
use twinspire::train::{DEFAULT_MAX_USERS, Dataset, EvaluationProgress};
use twinspire::{Event, Moment};

/// The deepest rank that counts.
const DEPTH: usize = 100;

/// Measure how well recalls find a held-out item of each user. `Database.evaluate` does the same from logs, with
/// intervals and baselines.
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

#[pymethods]
impl Database {
    /// Judge spaces and ensembles on held-out events, beside baselines, with confidence intervals.
    ///
    /// Each user with held-out events is asked for once, as of the split: its record, and the earlier items as its
    /// history. All items of the database are ranked. Nothing is written. Towers that learnt from the test are judged
    /// too well.
    ///
    /// Parameters
    /// ----------
    /// names : str or iterable of str, optional
    ///     Spaces and ensembles; all of them by default.
    /// events : path, frame or iterable of dict
    ///     What users did; with `test`, what they did before.
    /// users : path, frame or iterable of dict, optional
    ///     Records of users.
    /// test : path, frame or iterable of dict, optional
    ///     The held-out events, in place of `split`.
    /// split : str, float or int
    ///     ``'last'`` holds out the last event of each user with three or more, a share from 0 to 0.5 the latest of all
    ///     events, a date, a time or seconds since 1970 the events from then on.
    /// ties : str
    ///     The order of a user's events of the same time: ``'random'``, ``'log'`` or ``'id'``.
    /// tie_seed : int
    ///     Seed of the random order.
    /// states : dict of str to tuple of Pinned and str, optional
    ///     More to be judged, by label: a pinned state, such as one with another generation, and a name in it.
    /// k : int or iterable of int
    ///     Numbers of best items that count, rising.
    /// metric : str
    ///     The metric by which models are compared with baselines: hit, recall, ndcg, mrr or map at a number.
    /// by : str or iterable of str, optional
    ///     Segments besides history, popularity and cold start: ``'user.FIELD'`` or ``'item.FIELD'``.
    /// repeats : bool
    ///     Look for items that the user had seen as well.
    /// baselines : bool
    ///     Compare with popularity, transitions and EASE.
    /// max_users : int
    ///     Of more users, every n-th is asked for.
    /// history_field : str
    ///     The field of users that towers read histories from.
    /// ef, recall_target : optional
    ///     How hard the index is searched. Metrics are those of exact searches; what the index loses stands apart.
    /// check_features : {'described', 'strict', 'lenient'}
    ///     How strictly users are read.
    /// resamples, confidence, seed
    ///     How intervals are drawn.
    /// progress : bool or callable, optional
    ///     Show a bar, or call this with a `Progress`.
    ///
    /// Returns
    /// -------
    /// Evaluation
    ///     Metrics of each model and baseline, paired differences, segments.
    ///
    /// Raises
    /// ------
    /// TrainError
    ///     Nothing is held out, or a setting is out of range.
    /// FeatureError
    ///     No user can be read.
    ///
    /// Examples
    /// --------
    /// >>> events = [{"user": f"u{n}", "item": "B02", "timestamp": n} for n in range(12)]
    /// >>> users = [{"user_id": f"u{n}", "price": 15} for n in range(12)]
    /// >>> found = db.evaluate("by-price", events=[], users=users, test=events, k=(1, 2))
    /// >>> found.standing("by-price").metrics["hit@1"]
    /// Estimate(value=0.0, low=0.0, high=0.0)
    /// >>> found.standing("by-price").metrics["mrr@10"].value
    /// 0.5
    #[pyo3(signature = (names=None, *, events, users=None, test=None, split=None, ties="random", tie_seed=0, states=None,
        k=None, metric="hit@10", by=None, repeats=false, baselines=true, max_users=DEFAULT_MAX_USERS, history_field="history",
        ef=None, recall_target=None, check_features="described", resamples=1000, confidence=0.95, seed=0,
        progress=None),
        text_signature = "($self, names=None, *, events, users=None, test=None, split='last', ties='random', \
        tie_seed=0, states=None, k=(10, 100), metric='hit@10', by=None, repeats=False, baselines=True, max_users=10000, \
        history_field='history', ef=None, recall_target=None, check_features='described', resamples=1000, \
        confidence=0.95, seed=0, progress=None)")]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn evaluate(
        &self,
        py: Python<'_>,
        names: Option<&Bound<'_, PyAny>>,
        events: &Bound<'_, PyAny>,
        users: Option<&Bound<'_, PyAny>>,
        test: Option<&Bound<'_, PyAny>>,
        split: Option<&Bound<'_, PyAny>>,
        ties: &str,
        tie_seed: u64,
        states: Option<BTreeMap<String, (PyRef<'_, Pinned>, String)>>,
        k: Option<&Bound<'_, PyAny>>,
        metric: &str,
        by: Option<&Bound<'_, PyAny>>,
        repeats: bool,
        baselines: bool,
        max_users: usize,
        history_field: &str,
        ef: Option<usize>,
        recall_target: Option<f32>,
        check_features: &str,
        resamples: usize,
        confidence: f64,
        seed: u64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> Result<Py<PyAny>, Failure> {
        let database = self.handle()?;
        let listener = Listener::new(progress)?;
        let judge = Judge {
            ks: match k {
                Some(k) => numbers(k).map_err(|error| of_argument(k, "k", error))?,
                None => Judge::default().ks,
            },
            primary: metric.parse()?,
            bootstrap: Bootstrap {
                resamples,
                confidence,
                seed,
            },
            ..Judge::default()
        };
        let by = by.map(strings).transpose()?.unwrap_or_default();
        let by = by
            .iter()
            .map(|by| by.parse())
            .collect::<Result<Vec<SegmentBy>, _>>()?;
        let names = names.map(strings).transpose()?.unwrap_or_default();
        let states = states.unwrap_or_default().into_iter();
        let states = states.map(|(label, (state, name))| Ok((label, name, state.state()?)));
        let states = states.collect::<Result<Vec<_>, Failure>>()?;
        let check = feature_check(check_features)?;
        let order = tie_order(ties, tie_seed)?;
        let mut data = Dataset {
            items: Vec::new(),
            users: users.map(sources::users).transpose()?.unwrap_or_default(),
            events: sources::events(events)?,
        };
        let (test, described) = match (test, split) {
            (Some(_), Some(_)) => {
                return Err(PyValueError::new_err("either 'test' or 'split' expected").into());
            }
            (Some(test), None) => {
                order.sort(&mut data.events);
                (sources::events(test)?, "given events".to_owned())
            }
            (None, split) => {
                let split = given_split(split)?;
                (
                    split.hold_out(&mut data, order),
                    format!("{split}; {order}"),
                )
            }
        };
        let evaluated = jobs::run(py, &listener, |job| {
            let on_progress = |at: EvaluationProgress| {
                job.report(Report {
                    stage: "recalling",
                    done: at.done,
                    total: at.total,
                    loss: None,
                })
            };
            let mut evaluation = database
                .evaluate(&data, &test)
                .judge(judge)
                .max_users(max_users)
                .history_field(history_field)
                .check_features(check)
                .progress(on_progress);
            for name in &names {
                evaluation = evaluation.of(name);
            }
            for (label, name, state) in &states {
                evaluation = evaluation.of_state(label, name, state);
            }
            for by in by {
                evaluation = evaluation.segment_by(by);
            }
            if repeats {
                evaluation = evaluation.repeats();
            }
            if !baselines {
                evaluation = evaluation.no_baselines();
            }
            if let Some(ef) = ef {
                evaluation = evaluation.ef(ef);
            }
            if let Some(share) = recall_target {
                evaluation = evaluation.recall_target(share);
            }
            evaluation.run()
        });
        let mut report = evaluated?;
        report.split = described;
        let mut fields = info::value(&report)?;
        fields["warnings"] = report.warnings().into();
        fields["html"] = report.to_html("Evaluation").into();
        info::record(py, "Evaluation", &fields)
    }
}

/// Take a test out of a log: the events before it, and the test. Train on the first; `Database.evaluate` judges on the
/// second, or by itself with the same arguments.
///
/// Parameters
/// ----------
/// events : path, frame or iterable of dict
/// split, ties, tie_seed
///     As those of `Database.evaluate`.
///
/// Returns
/// -------
/// tuple of list of dict
///     Events as dicts with ``user``, ``item``, ``timestamp`` (seconds since 1970) and ``weight``.
///
/// Examples
/// --------
/// >>> events = [{"user": "u", "item": f"i{n}", "timestamp": n} for n in range(4)]
/// >>> before, test = twinspire.split_events(events)
/// >>> [event["item"] for event in before], test
/// (['i0', 'i1', 'i2'], [{'user': 'u', 'item': 'i3', 'timestamp': 3, 'weight': 1.0}])
#[pyfunction]
#[pyo3(signature = (events, *, split=None, ties="random", tie_seed=0),
    text_signature = "(events, *, split='last', ties='random', tie_seed=0)")]
pub fn split_events(
    py: Python<'_>,
    events: &Bound<'_, PyAny>,
    split: Option<&Bound<'_, PyAny>>,
    ties: &str,
    tie_seed: u64,
) -> Result<(Py<PyAny>, Py<PyAny>), Failure> {
    process::check()?;
    let (split, order) = (given_split(split)?, tie_order(ties, tie_seed)?);
    let mut data = Dataset {
        events: sources::events(events)?,
        ..Dataset::default()
    };
    let test = py.detach(|| split.hold_out(&mut data, order));
    let dicts = |events: &[Event]| -> PyResult<Py<PyAny>> {
        let list = PyList::empty(py);
        for event in events {
            let dict = PyDict::new(py);
            dict.set_item("user", &event.user)?;
            dict.set_item("item", &event.item)?;
            dict.set_item("timestamp", event.at)?;
            dict.set_item("weight", event.weight)?;
            list.append(dict)?;
        }
        Ok(list.into_any().unbind())
    };
    Ok((dicts(&data.events)?, dicts(&test)?))
}

/// An order of events of the same time, by name.
fn tie_order(name: &str, seed: u64) -> PyResult<TieOrder> {
    match name {
        "random" => Ok(TieOrder::Random(seed)),
        "log" => Ok(TieOrder::Log),
        "id" => Ok(TieOrder::Id),
        other => Err(choice(other, "'random', 'log' or 'id'")),
    }
}

/// The split that is given, or the last events.
fn given_split(split: Option<&Bound<'_, PyAny>>) -> Result<SplitBy, Failure> {
    let Some(given) = split else {
        return Ok(SplitBy::Last);
    };
    let split = split_by(given).map_err(|error| of_argument(given, "split", error))?;
    split.check()?;
    Ok(split)
}

/// One number, or several.
fn numbers(value: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    match value.extract() {
        Ok(number) => Ok(vec![number]),
        Err(_) => value.try_iter()?.map(|number| number?.extract()).collect(),
    }
}

/// `'last'`, a share, or a time.
fn split_by(value: &Bound<'_, PyAny>) -> PyResult<SplitBy> {
    let time = |moment: Option<Moment>| moment.map(|moment| SplitBy::Since(moment.seconds));
    let found = match json::to_value(value)? {
        Value::String(text) if text == "last" => Some(SplitBy::Last),
        Value::String(text) => time(Moment::parse(&text)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => time(Moment::of_integer(number)),
            None => number.as_f64().map(SplitBy::Latest),
        },
        _ => None,
    };
    found.ok_or_else(|| PyValueError::new_err("'last', a share from 0 to 0.5, or a time expected"))
}
