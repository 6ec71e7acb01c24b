//! Settings chosen by validation.

use super::config::Config;
use super::examples::Examples;
use super::train::{Source, course, train_mined};
use crate::auto::{
    AutoParams, EVENTS_PER_SECOND, ProgressFn, Space, Trial, Tunable, float, search, settings,
};
use crate::checkpoint::{CheckpointDirectory, Fingerprint, search_once};
use crate::data_report::check_ids;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::meter::Meter;
use crate::trained::Trained;
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use serde_json::{Value, json};
use twinspire_towers::MinedPair;

/// As [`train_mined`], with settings chosen by validation: settings that `config` leaves at their defaults are varied,
/// the better candidates are trained further, and the best one is trained on everything. The report says what was tried.
///
/// # Errors
/// As [`train_mined`], and [`TrainError::Empty`] if the log is too small for a holdout.
pub fn train_auto<C: IntoControlFlow>(
    data: &Dataset,
    mined: impl IntoIterator<Item = MinedPair>,
    config: &Config,
    params: AutoParams,
    mut progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    config.check()?;
    params.check()?;
    let mined: Vec<MinedPair> = mined.into_iter().collect();
    let mut progress = |at: TrainingProgress| progress(at).into_control_flow();
    let step = params.step(data.events.len(), EVENTS_PER_SECOND);
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        let search = Fingerprint::new("ebr", config).data(data);
        search.with(&mined).with(&params.seconds).value()
    });
    let mut chosen = search_once(checkpoint.as_ref(), || {
        let tuning = Tuning::new(data, &mined, config, step)?;
        search(&tuning, config, params, step, &mut progress)
    })?;
    chosen
        .config
        .training
        .checkpoint
        .clone_from(&config.training.checkpoint);
    let mut trained = train_mined(None, data, mined, &chosen.config, progress)?;
    chosen.report_in(&mut trained.report);
    Ok(trained)
}

/// The data of a search.
struct Tuning<'a> {
    data: &'a Dataset,
    /// Examples and holdout, which no setting that is varied changes.
    examples: Examples,
    unknown_ids: Vec<UnknownIds>,
}

impl<'a> Tuning<'a> {
    fn new(
        data: &'a Dataset,
        mined: &[MinedPair],
        config: &Config,
        step: usize,
    ) -> Result<Self, TrainError> {
        let mut config = config.clone();
        config.training.patience = 1;
        Ok(Self {
            data,
            unknown_ids: check_ids(data, config.training.max_unknown_ids)?,
            examples: Examples::sampled(data, mined.iter().cloned(), &config, step)?,
        })
    }
}

impl Tunable for Tuning<'_> {
    type Config = Config;

    fn space(&self) -> Space {
        let list = |values: &[Value]| values.to_vec();
        let starts = [
            json!({}),
            json!({"margin": 0.3, "nearest": 1, "user_dimension": 0}),
            json!({"margin": 0.2, "user_dimension": 0, "history": [1, 5, 50]}),
            json!({"margin": 0.2, "user_dimension": 0, "history": [50], "negatives": 301}),
            json!({"margin": 0.4, "user_dimension": 0, "nearest": 2, "learning_rate": 0.02}),
            json!({"margin": 0.2, "user_dimension": 0, "history": [1], "learning_rate": 0.1}),
            json!({"margin": 0.2, "user_dimension": 0, "item_dimension": 0, "negatives": 301}),
            json!({"margin": 0.2, "dimension": 128, "item_dimension": 128, "user_dimension": 0}),
        ];
        Space {
            cautious: Vec::new(),
            starts: starts.map(settings).into(),
            axes: vec![
                ("margin", [0.05, 0.1, 0.2, 0.3, 0.4, 0.6].map(float).into()),
                ("nearest", [0, 1, 2].map(|n| json!(n)).into()),
                ("negatives", [31, 101, 301].map(|n| json!(n)).into()),
                (
                    "learning_rate",
                    [0.005, 0.01, 0.02, 0.05, 0.1].map(float).into(),
                ),
                (
                    "history",
                    list(&[
                        json!([1]),
                        json!([1, 3, 20]),
                        json!([1, 5, 50]),
                        json!([50]),
                    ]),
                ),
                ("history_decay", [1.0, 0.9, 0.7].map(float).into()),
                ("user_dimension", [0, 32].map(|n| json!(n)).into()),
                ("item_dimension", [0, 64, 128].map(|n| json!(n)).into()),
                ("dimension", [32, 64, 128].map(|n| json!(n)).into()),
                ("id_dropout", [0.0, 0.1, 0.3].map(float).into()),
                ("words", [0, 1].map(|n| json!(n)).into()),
                ("average", [0.0, 0.98].map(float).into()),
                ("batch", [256, 512, 1024].map(|n| json!(n)).into()),
            ],
        }
    }

    fn held_out(&self) -> usize {
        self.examples.held_out.len()
    }

    fn open<'a>(
        &'a self,
        config: &Config,
        progress: ProgressFn<'a>,
    ) -> Result<Box<dyn Trial + 'a>, TrainError> {
        let source = Source {
            data: self.data,
            examples: &self.examples,
            unknown_ids: &self.unknown_ids,
        };
        Ok(Box::new(course(
            source,
            None,
            config,
            Meter::start(progress),
        )?))
    }
}
