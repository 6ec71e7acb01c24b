//! Training: the four recipes.

use crate::failure::Failure;
use crate::jobs::{self, Job, Listener, Report};
use crate::towers::Towers;
use crate::{info, json, process, sources};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::ControlFlow;
use twinspire::MinedPair;
use twinspire::train::mobius::{self, Categories, Similarity, Teacher};
use twinspire::train::report::samples;
use twinspire::train::{
    AutoParams, Dataset, MissingData, StopTraining, TrainError, Trained as Outcome,
    TrainingProgress, dssm, ebr, youtube,
};

/// Number of queries and of answers in the samples of a report.
const SAMPLES: (usize, usize) = (5, 10);

/// What a recipe learns from, besides the dataset.
struct Inputs {
    data: Dataset,
    earlier: Option<twinspire::Towers>,
    mined: Vec<MinedPair>,
    teacher: GivenTeacher,
    settings: Map<String, Value>,
}

/// Where the settings of a training come from.
#[derive(Clone, Copy)]
enum How {
    /// Those that are not given are chosen by validation.
    Auto(AutoParams),
    /// As given.
    Given,
}

/// The teacher of Mobius, as it is given.
enum GivenTeacher {
    /// The categories of these fields; of all fields without any.
    Fields(Vec<String>),
    Towers(twinspire::Towers),
}

/// The result of a training.
#[pyclass(frozen, module = "twinspire")]
pub struct Trained {
    outcome: Outcome,
    recipe: &'static str,
    settings: Value,
    queries: Vec<Value>,
    items: Vec<Value>,
}

#[pymethods]
impl Trained {
    /// The towers, ready to be saved or published, with the report of the training.
    #[getter]
    fn towers(&self) -> Towers {
        let reported = self.outcome.reported_towers(self.recipe, &self.settings);
        reported.into()
    }

    /// How the training went: a dict with losses, validations, baselines, recall by popularity, and what was read of
    /// the data.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        Ok(json::to_python(py, &info::value(&self.outcome.report)?)?)
    }

    /// If the towers rank held-out items worse than the best baseline: a sentence that says so, and what to try.
    #[getter]
    fn warning(&self) -> Option<String> {
        self.outcome.report.baselines.as_ref()?.warning()
    }

    /// The settings of the training, defaults included: a dict.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, Failure> {
        Ok(json::to_python(py, &self.settings)?)
    }

    /// The report as one page of HTML, with the settings and the answers to sample queries.
    ///
    /// Parameters
    /// ----------
    /// title : str
    #[pyo3(signature = (title="Training"))]
    fn to_html(&self, py: Python<'_>, title: &str) -> Result<String, Failure> {
        process::check()?;
        let Outcome { towers, report, .. } = &self.outcome;
        let page = py.detach(|| {
            let samples = samples(towers, &self.queries, &self.items, SAMPLES.1)?;
            Ok(report.to_html(title, &self.settings, &samples))
        });
        page.map_err(|error: twinspire::TowersError| error.into())
    }

    fn __repr__(&self) -> String {
        let (towers, report) = (&self.outcome.towers, &self.outcome.report);
        let loss = report.losses.last().copied().unwrap_or_default();
        let (name, epochs) = (towers.name(), report.losses.len());
        format!(
            "Trained('{name}', {epochs} epochs, loss {loss:.4}, {:.1} s)",
            report.seconds
        )
    }
}

/// Trains by a recipe; `twinspire.train` has a function for each. `auto` is the budget of a search for settings, and
/// whether it was asked for: without being asked, a log that is too small for one is trained on with the defaults.
#[pyfunction]
#[pyo3(signature = (recipe, items, users, events, earlier, mined, teacher, progress, auto, settings))]
#[expect(clippy::too_many_arguments, reason = "called by twinspire.train alone")]
pub fn train(
    py: Python<'_>,
    recipe: &str,
    items: Option<&Bound<'_, PyAny>>,
    users: Option<&Bound<'_, PyAny>>,
    events: Option<&Bound<'_, PyAny>>,
    earlier: Option<&Bound<'_, PyAny>>,
    mined: Option<&Bound<'_, PyAny>>,
    teacher: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
    auto: Option<(f64, bool)>,
    settings: &Bound<'_, PyDict>,
) -> Result<Trained, Failure> {
    process::check()?;
    let Value::Object(settings) = json::to_object(settings.as_any())? else {
        return Err(PyTypeError::new_err("settings are keyword arguments").into());
    };
    let inputs = Inputs {
        data: Dataset {
            items: items.map(sources::items).transpose()?.unwrap_or_default(),
            users: users.map(sources::users).transpose()?.unwrap_or_default(),
            events: events.map(sources::events).transpose()?.unwrap_or_default(),
        },
        earlier: earlier.map(Towers::of).transpose()?,
        mined: mined.map(sources::mined).transpose()?.unwrap_or_default(),
        teacher: given_teacher(teacher)?,
        settings,
    };
    let listener = Listener::new(progress)?;
    match recipe {
        "youtube" => fit(
            py,
            "youtube",
            &listener,
            inputs,
            auto,
            youtube::queries,
            |inputs, config, how, job| {
                let data = &inputs.data;
                match how {
                    How::Auto(params) => youtube::train_auto(data, config, params, on_batch(job)),
                    How::Given => {
                        youtube::train_from(inputs.earlier.as_ref(), data, config, on_batch(job))
                    }
                }
            },
        ),
        "dssm" => fit(
            py,
            "dssm",
            &listener,
            inputs,
            auto,
            dssm::queries,
            |inputs, config, how, job| {
                let data = &inputs.data;
                match how {
                    How::Auto(params) => dssm::train_auto(data, config, params, on_batch(job)),
                    How::Given => {
                        dssm::train_from(inputs.earlier.as_ref(), data, config, on_batch(job))
                    }
                }
            },
        ),
        "ebr" => fit(
            py,
            "ebr",
            &listener,
            inputs,
            auto,
            ebr::queries,
            |inputs, config, how, job| {
                let (data, mined) = (&inputs.data, inputs.mined.iter().cloned());
                match how {
                    How::Auto(params) => {
                        ebr::train_auto(data, mined, config, params, on_batch(job))
                    }
                    How::Given => {
                        let earlier = inputs.earlier.as_ref();
                        ebr::train_mined(earlier, data, mined, config, on_batch(job))
                    }
                }
            },
        ),
        "mobius" => fit(
            py,
            "mobius",
            &listener,
            inputs,
            auto,
            mobius::queries,
            |inputs, config, how, job| {
                let data = &inputs.data;
                let teacher: Box<dyn Teacher> = match &inputs.teacher {
                    GivenTeacher::Fields(fields) => {
                        Box::new(Categories::new(data, fields, config.click)?)
                    }
                    GivenTeacher::Towers(towers) => Box::new(Similarity::new(towers, data)?),
                };
                let student = match how {
                    How::Auto(params) => {
                        mobius::train_auto(data, &*teacher, config, params, on_batch(job))
                    }
                    How::Given => {
                        let earlier = inputs.earlier.as_ref();
                        mobius::train_from(earlier, data, &*teacher, config, on_batch(job))
                    }
                };
                student?.trained()
            },
        ),
        other => Err(PyValueError::new_err(format!("no recipe '{other}'")).into()),
    }
}

/// Trains on a thread of its own with the settings over the defaults of the recipe.
fn fit<C: DeserializeOwned + Serialize + Send + Sync>(
    py: Python<'_>,
    recipe: &'static str,
    listener: &Listener,
    mut inputs: Inputs,
    auto: Option<(f64, bool)>,
    queries: fn(&Dataset, &C, usize) -> Vec<Value>,
    train: impl Fn(&Inputs, &C, How, &Job) -> Result<Outcome, TrainError> + Send + Sync,
) -> Result<Trained, Failure> {
    let settings = Value::Object(std::mem::take(&mut inputs.settings));
    let config: C = serde_json::from_value(settings)
        .map_err(|error| Failure::new("TrainError", format!("settings: {error}")))?;
    let outcome = jobs::run(py, listener, |job| {
        let Some((seconds, is_asked)) = auto else {
            return train(&inputs, &config, How::Given, job);
        };
        let params = AutoParams { seconds };
        match train(&inputs, &config, How::Auto(params), job) {
            Err(TrainError::Empty {
                missing: MissingData::TestCases,
            }) if !is_asked => train(&inputs, &config, How::Given, job),
            outcome => outcome,
        }
    })?;
    let settings = match &outcome.report.auto {
        Some(auto) => info::value(&auto.settings)?,
        None => info::value(&config)?,
    };
    Ok(Trained {
        outcome,
        recipe,
        settings,
        queries: py.detach(|| queries(&inputs.data, &config, SAMPLES.0)),
        items: inputs.data.items,
    })
}

/// Reports a training to its job.
fn on_batch(job: &Job) -> impl FnMut(TrainingProgress) -> ControlFlow<StopTraining> {
    |progress| {
        let flow = job.report(Report {
            stage: "training",
            done: progress.done,
            total: progress.total,
            loss: progress.loss,
        });
        match (flow, job.take_keep_best()) {
            (ControlFlow::Break(()), _) => ControlFlow::Break(StopTraining::Cancel),
            (ControlFlow::Continue(()), true) => ControlFlow::Break(StopTraining::KeepBest),
            (ControlFlow::Continue(()), false) => ControlFlow::Continue(()),
        }
    }
}

fn given_teacher(teacher: Option<&Bound<'_, PyAny>>) -> Result<GivenTeacher, Failure> {
    let Some(teacher) = teacher else {
        return Ok(GivenTeacher::Fields(Vec::new()));
    };
    if teacher.is_instance_of::<Towers>() {
        return Ok(GivenTeacher::Towers(Towers::of(teacher)?));
    }
    Ok(GivenTeacher::Fields(crate::arguments::strings(teacher)?))
}
