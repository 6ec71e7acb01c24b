//! Settings chosen by validation.

use super::config::Config;
use super::student::Student;
use super::teacher::Teacher;
use super::train::{Source, course, train_from};
use crate::auto::{
    AutoParams, EVENTS_PER_SECOND, ProgressFn, Space, Trial, Tunable, float, search, settings,
};
use crate::checkpoint::{CheckpointDirectory, Fingerprint, search_once};
use crate::data_report::check_ids;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::hold_out::HeldOut;
use crate::meter::Meter;
use crate::sampler::Logs;
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use serde_json::json;

/// As [`train_from`], with settings chosen by validation: settings that `config` leaves at their defaults are varied, the
/// better candidates are trained further, and the best one is trained on everything. The report says what was tried.
///
/// What is relevant stays as given: `relevance`, `score`, and whether and how bad cases are drawn.
///
/// # Errors
/// As [`train_from`], and [`TrainError::Empty`] if the log is too small for a holdout.
pub fn train_auto<C: IntoControlFlow>(
    data: &Dataset,
    teacher: &dyn Teacher,
    config: &Config,
    params: AutoParams,
    mut progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Student, TrainError> {
    config.check()?;
    params.check()?;
    let mut progress = |at: TrainingProgress| progress(at).into_control_flow();
    let step = params.step(data.events.len(), EVENTS_PER_SECOND);
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        let search = Fingerprint::new("mobius", config).data(data);
        search.with(&params.seconds).value()
    });
    let mut chosen = search_once(checkpoint.as_ref(), || {
        let tuning = Tuning::new(data, teacher, config, step)?;
        search(&tuning, config, params, step, &mut progress)
    })?;
    chosen
        .config
        .training
        .checkpoint
        .clone_from(&config.training.checkpoint);
    let mut student = train_from(None, data, teacher, &chosen.config, progress)?;
    chosen.report_in(&mut student.report);
    Ok(student)
}

/// The data of a search.
struct Tuning<'a> {
    data: &'a Dataset,
    logs: Logs,
    held_out: Vec<HeldOut>,
    unknown_ids: Vec<UnknownIds>,
    teacher: &'a dyn Teacher,
}

impl<'a> Tuning<'a> {
    fn new(
        data: &'a Dataset,
        teacher: &'a dyn Teacher,
        config: &Config,
        step: usize,
    ) -> Result<Self, TrainError> {
        let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
        let mut logs = config.log.logs_of(data)?.with_min_reward(config.click);
        logs.keep_every(step);
        let held_out = logs.hold_out(config.log.hold_out, None);
        Ok(Self {
            data,
            logs,
            held_out,
            unknown_ids,
            teacher,
        })
    }
}

impl Tunable for Tuning<'_> {
    type Config = Config;

    fn space(&self) -> Space {
        let starts = [
            json!({}),
            json!({"batch": 128, "gamma": 4}),
            json!({"user_dimension": 0}),
            json!({"user_dimension": 0, "history": [1, 5, 50], "gamma": 10}),
            json!({"user_dimension": 0, "history": [50], "part": 64, "item_dimension": 128}),
            json!({"user_dimension": 0, "history": [1], "learning_rate": 0.1}),
            json!({"user_dimension": 0, "bad": 3}),
        ];
        Space {
            cautious: Vec::new(),
            starts: starts.map(settings).into(),
            axes: vec![
                ("gamma", [3.0, 4.0, 6.0, 10.0, 15.0].map(float).into()),
                // Without bad cases the teacher would not be heard.
                ("bad", [0.5, 1.0, 2.0, 3.0].map(float).into()),
                ("batch", [128, 256, 512].map(|n| json!(n)).into()),
                ("learning_rate", [0.01, 0.02, 0.05, 0.1].map(float).into()),
                (
                    "history",
                    [vec![1], vec![1, 3, 20], vec![1, 5, 50], vec![50]]
                        .map(|n| json!(n))
                        .into(),
                ),
                ("history_decay", [1.0, 0.9, 0.7].map(float).into()),
                ("user_dimension", [0, 32].map(|n| json!(n)).into()),
                ("item_dimension", [32, 64, 128].map(|n| json!(n)).into()),
                ("part", [16, 32, 64].map(|n| json!(n)).into()),
                ("id_dropout", [0.0, 0.1, 0.3].map(float).into()),
            ],
        }
    }

    fn held_out(&self) -> usize {
        self.held_out.len()
    }

    fn open<'a>(
        &'a self,
        config: &Config,
        progress: ProgressFn<'a>,
    ) -> Result<Box<dyn Trial + 'a>, TrainError> {
        let source = Source {
            data: self.data,
            logs: &self.logs,
            held_out: &self.held_out,
            unknown_ids: &self.unknown_ids,
            teacher: self.teacher,
        };
        let (course, _) = course(source, None, config, Meter::start(progress))?;
        Ok(Box::new(course))
    }
}
