//! Settings chosen by validation.

use super::config::Config;
use super::examples::Examples;
use super::train::{Source, course, train};
use crate::auto::{AutoParams, ProgressFn, Space, Trial, Tunable, float, search, settings};
use crate::checkpoint::{CheckpointDirectory, Fingerprint, search_once};
use crate::data_report::check_ids;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::meter::Meter;
use crate::trained::Trained;
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Pairs of texts that a second of the budget stands for.
const PAIRS_PER_SECOND: f64 = 8_000.0;

/// As [`train`], with settings chosen by validation: settings that `config` leaves at their defaults are varied, the
/// better candidates are trained further, and the best one is trained on everything. The report says what was tried.
///
/// # Errors
/// As [`train`], and [`TrainError::Empty`] if there are too few texts for a holdout.
pub fn train_auto<C: IntoControlFlow>(
    data: &Dataset,
    config: &Config,
    params: AutoParams,
    mut progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    config.check()?;
    params.check()?;
    let config = &config.with_fields(data, None)?;
    let mut progress = |at: TrainingProgress| progress(at).into_control_flow();
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        let search = Fingerprint::new("dssm", config).data(data);
        search.with(&params.seconds).value()
    });
    let mut chosen = search_once(checkpoint.as_ref(), || {
        let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
        let all = Examples::new(data, config)?;
        let step = params.step(all.len(), PAIRS_PER_SECOND);
        let data_of_search = sample(data, step);
        let texts = match step {
            1 => all,
            _ => Examples::new(&data_of_search, config)?,
        };
        let tuning = Tuning {
            data: &data_of_search,
            held_out: texts.count_held_out(config.held_out, config.training.seed),
            texts,
            unknown_ids,
        };
        search(&tuning, config, params, step, &mut progress)
    })?;
    chosen
        .config
        .training
        .checkpoint
        .clone_from(&config.training.checkpoint);
    let mut trained = train(data, &chosen.config, progress)?;
    chosen.report_in(&mut trained.report);
    Ok(trained)
}

/// Every `step`-th query with its clicks, or every `step`-th document where there are none.
fn sample(data: &Dataset, step: usize) -> Cow<'_, Dataset> {
    if step == 1 {
        return Cow::Borrowed(data);
    }
    if data.events.is_empty() {
        return Cow::Owned(Dataset {
            items: data.items.iter().step_by(step).cloned().collect(),
            users: data.users.clone(),
            events: Vec::new(),
        });
    }
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let events = data.events.iter().filter(|event| {
        let next = numbers.len();
        numbers
            .entry(&event.user)
            .or_insert(next)
            .is_multiple_of(step)
    });
    Cow::Owned(Dataset {
        events: events.cloned().collect(),
        items: data.items.clone(),
        users: data.users.clone(),
    })
}

/// The data of a search.
struct Tuning<'a> {
    data: &'a Dataset,
    texts: Examples,
    held_out: usize,
    unknown_ids: Vec<UnknownIds>,
}

impl Tunable for Tuning<'_> {
    type Config = Config;

    fn space(&self) -> Space {
        let linear = |more: Value| {
            let mut point = settings(json!({
                "hidden": [], "activation": "linear", "words": 1, "negatives": 0, "batch": 512, "word_dropout": 0.5,
                "learning_rate": 0.003, "average": 0.98,
            }));
            point.extend(settings(more));
            point
        };
        let starts = [
            json!({}),
            json!({"gamma": 6}),
            json!({"gamma": 14}),
            json!({"words": 0, "word_dropout": 0.3}),
            json!({"hidden": [300, 300], "activation": "tanh"}),
        ];
        Space {
            cautious: Vec::new(),
            // The defaults first.
            starts: std::iter::once(settings(json!({})))
                .chain(starts.map(linear))
                .collect(),
            axes: vec![
                ("gamma", [4.0, 6.0, 10.0, 14.0, 20.0].map(float).into()),
                ("hidden", vec![json!([]), json!([300, 300])]),
                (
                    "activation",
                    ["linear", "relu", "tanh"].map(|name| json!(name)).into(),
                ),
                ("words", [0, 1].map(|n| json!(n)).into()),
                ("negatives", [0, 4].map(|n| json!(n)).into()),
                ("batch", [128, 256, 512].map(|n| json!(n)).into()),
                ("word_dropout", [0.0, 0.3, 0.5, 0.7].map(float).into()),
                (
                    "learning_rate",
                    [0.001, 0.002, 0.003, 0.006].map(float).into(),
                ),
                ("average", [0.0, 0.98].map(float).into()),
                ("dimension", [128, 256].map(|n| json!(n)).into()),
            ],
        }
    }

    fn held_out(&self) -> usize {
        self.held_out
    }

    fn open<'a>(
        &'a self,
        config: &Config,
        progress: ProgressFn<'a>,
    ) -> Result<Box<dyn Trial + 'a>, TrainError> {
        let source = Source {
            data: self.data,
            texts: &self.texts,
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
