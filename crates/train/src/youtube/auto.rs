//! Settings chosen by validation.

use super::config::Config;
use super::train::{Source, course, train};
use crate::auto::{
    AutoParams, EVENTS_PER_SECOND, Found, ProgressFn, Space, Trial, Tunable, all_settings, float,
    search, settings,
};
use crate::baselines::compare;
use crate::blend::{Backtest, HISTORY, Parts, attach, choose, fits, ranks_of};
use crate::checkpoint::{CheckpointDirectory, Fingerprint, search_once};
use crate::data_report::check_ids;
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::hold_out::{HeldOut, HoldOut};
use crate::meter::Meter;
use crate::sampler::Logs;
use crate::trained::Trained;
use crate::training_progress::{IntoControlFlow, StopTraining, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::ControlFlow;
use twinspire_towers::Towers;

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Held-out events that the weights of baselines are chosen by, if there are as many: of smaller logs, those of several
/// holdouts.
const BACKTEST_EVENTS: usize = 2000;
/// Largest number of holdouts.
const MAX_BACKTESTS: usize = 5;
/// Largest number of uniform negatives that are tried.
const MAX_UNIFORM: usize = 512;

/// As [`train`], with settings chosen by validation: settings that `config` leaves at their defaults are varied, the
/// better candidates are trained further, and the best one is trained on everything. The report says what was tried.
///
/// # Errors
/// As [`train`], and [`TrainError::Empty`] if the log is too small for a holdout.
pub fn train_auto<C: IntoControlFlow>(
    data: &Dataset,
    config: &Config,
    params: AutoParams,
    mut progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    config.check()?;
    params.check()?;
    let mut progress = |at: TrainingProgress| progress(at).into_control_flow();
    let step = params.step(data.events.len(), EVENTS_PER_SECOND);
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        let search = Fingerprint::new("youtube", config).data(data);
        search.with(&params.seconds).value()
    });
    let mut chosen = search_once(checkpoint.as_ref(), || {
        let tuning = Tuning::new(data, config, step)?;
        let found = search(&tuning, config, params, step, &mut progress)?;
        blend(&tuning, found, step, &mut progress)
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

/// Adds the baselines that help on holdouts to what was found.
fn blend(
    tuning: &Tuning<'_>,
    mut found: Found<Config>,
    step: usize,
    progress: &mut dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining>,
) -> Result<Found<Config>, TrainError> {
    let config = &mut found.config;
    let towers = &found.judged.towers;
    if config.blend.is_some() || config.factors == 0 || !fits(&towers.model().schema) {
        return Ok(found);
    }
    let (logs, held_out) = (&tuning.logs, &tuning.held_out);
    let parts_of = |logs: &Logs| Parts::new(logs, config.factors, config.training.seed);
    let parts = parts_of(logs);
    let mut earlier = Vec::new();
    let count = match config.log.hold_out {
        HoldOut::Last => BACKTEST_EVENTS.div_ceil(held_out.len()).min(MAX_BACKTESTS),
        HoldOut::Latest(_) => 1,
    };
    for steps in 1..count {
        let mut logs = config.log.logs_of(tuning.data)?;
        logs.keep_every(step);
        let held_out = logs.hold_out_earlier(steps);
        let towers = tuning.train(&logs, config, progress)?;
        let parts = parts_of(&logs);
        earlier.push((towers, logs, parts, held_out));
    }
    let mut backtests = vec![Backtest {
        towers,
        logs,
        parts: &parts,
        held_out,
    }];
    let of_earlier = earlier
        .iter()
        .map(|(towers, logs, parts, held_out)| Backtest {
            towers,
            logs,
            parts,
            held_out,
        });
    backtests.extend(of_earlier);
    let longest = config.log.longest_history();
    let choice = choose(&backtests, longest);
    config.blend = Some(choice.weights);
    let towers = attach(towers, logs, &parts, &choice.weights)?;
    let ranks = ranks_of(&towers, logs, held_out, HISTORY.max(longest));
    found.judged.report.baselines = compare(logs, held_out, &ranks);
    found.report.settings = all_settings(config);
    found.report.blend = Some(choice);
    Ok(found)
}

/// The data of a search.
struct Tuning<'a> {
    data: &'a Dataset,
    logs: Logs,
    held_out: Vec<HeldOut>,
    unknown_ids: Vec<UnknownIds>,
}

impl<'a> Tuning<'a> {
    fn new(data: &'a Dataset, config: &Config, step: usize) -> Result<Self, TrainError> {
        let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
        let mut logs = config.log.logs_of(data)?;
        logs.keep_every(step);
        let held_out = logs.hold_out(config.log.hold_out, config.since);
        Ok(Self {
            data,
            logs,
            held_out,
            unknown_ids,
        })
    }

    /// What the towers learn from some logs, by these settings.
    fn train(
        &self,
        logs: &Logs,
        config: &Config,
        progress: &mut dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining>,
    ) -> Result<Towers, TrainError> {
        let source = Source {
            data: self.data,
            logs,
            held_out: &[],
            unknown_ids: &self.unknown_ids,
        };
        let searching = |at| {
            progress(TrainingProgress {
                searching: true,
                ..at
            })
        };
        let course = course(source, None, config, Meter::start(searching))?;
        Ok(course.run()?.0.towers)
    }

    /// Whether users take items again.
    fn has_repeats(&self) -> bool {
        self.logs.seen.iter().any(|met| {
            let mut known = HashSet::new();
            met.iter().any(|(item, _)| !known.insert(*item))
        })
    }

    /// Days from the first event to the last.
    fn days(&self) -> f64 {
        let times = || self.logs.times.iter().flatten().copied();
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        last.abs_diff(first) as f64 / DAY
    }
}

impl Tunable for Tuning<'_> {
    type Config = Config;

    fn space(&self) -> Space {
        let uniform = self.logs.items.len().min(MAX_UNIFORM);
        let days = self.days();
        let half_life = |share: f64| json!((days * share) as f32);
        let linear = |more: Value| {
            let mut point = settings(json!({
                "start": "cooccurrence", "uniform_negatives": uniform, "user_dimension": 0,
                "history": [200], "learning_rate": 0.001, "id_dropout": 0, "repeat_weight": 0,
            }));
            point.extend(settings(more));
            point
        };
        let cautious = [
            json!({}),
            json!({"dimension": 128}),
            json!({"half_life": half_life(0.1)}),
            json!({"half_life": half_life(0.03)}),
        ];
        let mixed = |more: Value| {
            let mut point = settings(json!({"uniform_negatives": uniform, "user_dimension": 0}));
            point.extend(settings(more));
            point
        };
        let starts = [
            json!({}),
            json!({"temperature": 0.2, "history": [1, 5, 50]}),
            json!({"temperature": 0.3, "history": [50], "dimension": 128}),
            json!({"history": [1, 5, 50], "repeat_weight": 0}),
            json!({"temperature": 0.07, "history": [1], "learning_rate": 0.1}),
            json!({"history": [1, 5, 50], "half_life": half_life(0.1)}),
            json!({"history": [3, 50], "history_decay": 0.9, "dimension": 128}),
            json!({"start": "cooccurrence", "history": [200], "learning_rate": 0.01}),
            json!({"start": "cooccurrence", "history": [1, 5, 50], "learning_rate": 0.01, "temperature": 0.2}),
            json!({"start": "cooccurrence", "history": [1, 5, 50], "learning_rate": 0.01, "half_life": half_life(0.1)}),
            json!({"start": "cooccurrence", "history": [3, 50], "history_decay": 0.9, "learning_rate": 0.02,
                   "dimension": 128}),
        ];
        let mut space = Space {
            cautious: cautious.map(linear).into(),
            // The defaults first.
            starts: std::iter::once(settings(json!({})))
                .chain(starts.map(mixed))
                .collect(),
            axes: vec![
                (
                    "temperature",
                    [0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5].map(float).into(),
                ),
                (
                    "history",
                    vec![
                        json!([1]),
                        json!([1, 3, 20]),
                        json!([1, 5, 50]),
                        json!([5, 50]),
                        json!([50]),
                        json!([200]),
                    ],
                ),
                ("history_decay", [1.0, 0.9, 0.7].map(float).into()),
                ("history_distinct", [false, true].map(|x| json!(x)).into()),
                (
                    "start",
                    ["random", "cooccurrence"].map(|start| json!(start)).into(),
                ),
                (
                    "learning_rate",
                    [0.001, 0.003, 0.01, 0.02, 0.05, 0.1].map(float).into(),
                ),
                (
                    "uniform_negatives",
                    [0, uniform / 4, uniform].map(|n| json!(n)).into(),
                ),
                ("user_dimension", [0, 32].map(|n| json!(n)).into()),
                ("dimension", [32, 64, 128].map(|n| json!(n)).into()),
                ("id_dropout", [0.0, 0.1, 0.3].map(float).into()),
                (
                    "half_life",
                    vec![json!(0.0), half_life(0.3), half_life(0.1), half_life(0.03)],
                ),
                ("repeat_weight", vec![json!(1.0), json!(0.0)]),
                ("batch", [256, 512, 1024].map(|n| json!(n)).into()),
            ],
        };
        let needless = |setting: &str| match setting {
            "half_life" => days == 0.0,
            "repeat_weight" | "history_distinct" => !self.has_repeats(),
            _ => false,
        };
        space.axes.retain(|(setting, _)| !needless(setting));
        let points = space.cautious.iter_mut().chain(&mut space.starts);
        points.for_each(|point| point.retain(|setting, _| !needless(setting)));
        space
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
        };
        Ok(Box::new(course(
            source,
            None,
            config,
            Meter::start(progress),
        )?))
    }
}
