//! Runs a recipe: settings file, warm start, towers and report.
#![expect(
    clippy::disallowed_methods,
    reason = "a report is not a file of a database and can be written again"
)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use twinspire::Towers;
use twinspire::import::regular_file;
use twinspire::train::evaluate::{SplitBy, TieOrder};
use twinspire::train::report::samples;
use twinspire::train::{
    AutoParams, AutoReport, Comparison, DataReport, Dataset, MissingData, StopTraining, TrainError,
    TrainParams, Trained, TrainingProgress, remove_checkpoint,
};

use super::data::DataArgs;
use super::display::Display;
use crate::args::{TieArgs, split};
use crate::output::{Exit, Failure, Output, Table, counted, outline, short};

/// Number of sample queries in a report.
pub const SAMPLES: usize = 8;
/// Number of candidates of a search that are printed.
const CANDIDATES: usize = 10;
/// Number of answers to each of them.
const TOP: usize = 5;

/// Where the settings of a training come from.
#[derive(Clone, Copy)]
pub enum How<'a> {
    /// Those that are not given are chosen by validation.
    Auto(AutoParams),
    /// As given, with a warm start from these towers if there are any.
    Given(Option<&'a Towers>),
}

/// What a training tells of its progress, and is told whether to stop.
pub type ProgressFn<'a> = &'a mut dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining>;

/// Flags of every recipe.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Output directory of the towers; towers that are there are replaced
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Settings as a JSON object; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Warm start: continue from these towers, which need the same features and layers
    #[arg(long, value_name = "DIR")]
    warm_start: Option<PathBuf>,
    /// Save the state of the training to this directory after each epoch, and continue from the state that is there;
    /// removed once the towers are saved
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Leave a test out of the training, for `twinspire eval --split` with the same value: `last`, a share of the
    /// latest events, or the time at which it begins
    #[arg(long, value_name = "last|SHARE|TIME", value_parser = split)]
    leave_out: Option<SplitBy>,
    #[command(flatten)]
    ties: TieArgs,
    /// Exit with 1, after saving, if the towers rank the holdout worse than the best baseline; needs a holdout
    #[arg(long)]
    require_better: bool,
    /// Choose the settings that no flag and no file sets by validation, then train on everything: the default if no
    /// setting is given
    #[arg(long, conflicts_with_all = ["warm_start", "patience"])]
    auto: bool,
    /// Train with the default settings if none is given
    #[arg(long, conflicts_with = "auto")]
    no_auto: bool,
    /// Budget of --auto in seconds, each counted as 50,000 examples (dssm: 8,000): larger logs are sampled for the
    /// search
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_auto", default_value_t = AutoParams::default().seconds)]
    budget: f64,
    /// Write the settings of the training as JSON, for --config of a later one or of `twinspire loop`
    #[arg(long, value_name = "FILE.json")]
    write_config: Option<PathBuf>,
    /// Write a page of HTML: settings, curves, recall by popularity, sample answers
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// The settings of a file, or the defaults.
pub fn config_of<C: DeserializeOwned + Default>(path: Option<&Path>) -> Result<C, Failure> {
    let Some(path) = path else {
        return Ok(C::default());
    };
    let name = path.display().to_string();
    let text = regular_file(path).and_then(std::io::read_to_string);
    let text = text.map_err(|error| Failure::reading(&name, error))?;
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
}

impl RunArgs {
    /// The settings of the file, or the defaults.
    pub fn config<C: DeserializeOwned + Default>(&self) -> Result<C, Failure> {
        config_of(self.config.as_deref())
    }

    /// The directory of checkpoints: that of the flag, or else that of the settings.
    pub fn set_checkpoint(&self, training: &mut TrainParams) {
        if self.checkpoint.is_some() {
            training.checkpoint.clone_from(&self.checkpoint);
        }
    }

    /// Reads the logs, without the test. The order of events of the same time is that of the flags, or else `ties`,
    /// which becomes it.
    pub fn read(
        &self,
        data: &DataArgs,
        ties: &mut TieOrder,
        output: &Output,
    ) -> Result<Dataset, Failure> {
        *ties = self.ties.order().unwrap_or(*ties);
        let mut data = data.read(output)?;
        if let Some(by) = self.leave_out {
            let test = by.hold_out(&mut data, *ties);
            output.note(&format!(
                "{} left out as a test: {by}",
                counted(test.len() as u64, "event")
            ));
        }
        Ok(data)
    }

    /// The towers of the warm start, if any.
    pub fn earlier(&self) -> Result<Option<Towers>, Failure> {
        Ok(self.warm_start.as_ref().map(Towers::open).transpose()?)
    }

    /// Whether the settings are to be chosen by validation: if that is asked for, or if neither a flag nor a file gives
    /// one.
    pub fn is_auto(&self, is_given: bool) -> bool {
        let nothing = !is_given && self.config.is_none() && self.warm_start.is_none();
        self.auto || (nothing && !self.no_auto)
    }

    /// Whether a search for settings was asked for.
    pub fn asks_for_auto(&self) -> bool {
        self.auto
    }

    /// Trains, saves the towers and prints the result. `train` gets the towers of the warm start, if any.
    #[expect(clippy::too_many_arguments, reason = "called once by each recipe")]
    pub fn run<C: Serialize>(
        &self,
        recipe: &str,
        config: &C,
        data: &Dataset,
        queries: &[Value],
        is_auto: bool,
        output: &Output,
        mut train: impl FnMut(How<'_>, ProgressFn<'_>) -> Result<Trained, TrainError>,
    ) -> Result<Exit, Failure> {
        if self.require_better && !is_auto && json!(config)["patience"] == 0 {
            let message = "--require-better needs a holdout, and patience 0 holds nothing out";
            return Err(Failure::usage(message).hint("--patience N holds events out"));
        }
        let earlier = self.earlier()?;
        let mut display = Display::new(output);
        let mut show = |progress: TrainingProgress| display.show(&progress);
        let params = AutoParams {
            seconds: self.budget,
        };
        if is_auto && !self.auto {
            output.note(&format!(
                "No setting is given: they are chosen by validation, within {} seconds of {} examples each (--budget). \
                 --no-auto trains with the defaults.",
                params.seconds,
                if recipe == "dssm" { "8,000" } else { "50,000" },
            ));
        }
        let trained = match is_auto {
            true => train(How::Auto(params), &mut show),
            false => train(How::Given(earlier.as_ref()), &mut show),
        };
        let trained = match trained {
            Err(TrainError::Empty {
                missing: MissingData::TestCases,
            }) if is_auto && !self.auto => {
                output.note(
                    "The log is too small to choose settings by validation: the defaults are used.",
                );
                train(How::Given(None), &mut show)
            }
            trained => trained,
        };
        display.finish(trained.as_ref().ok().map(|trained| &trained.report));
        let trained = trained.map_err(training_failure)?;
        let towers = trained.reported_towers(recipe, config);
        let report = trained.report;
        if let Some(auto) = &report.auto {
            print_auto(auto, output);
        }
        print_baselines(report.baselines.as_ref(), output);
        if report.metric.is_none() {
            output.note(
                "nothing was held out, so these towers are not compared with baselines: --patience N holds events \
                 out, and `twinspire eval` judges on a test that --leave-out takes out",
            );
        }
        towers.save(&self.out)?;
        if let Some(checkpoint) = &self.checkpoint
            && !report.stopped
        {
            remove_checkpoint(checkpoint).map_err(training_failure)?;
        }
        let settings = match &report.auto {
            Some(auto) => json!(auto.settings),
            None => json!(config),
        };
        if let Some(path) = &self.write_config {
            write(path, &format!("{settings:#}\n"))?;
        }
        if let Some(path) = &self.report {
            let samples = samples(&towers, queries, &data.items, TOP)?;
            let title = format!("twinspire train {recipe}");
            write(path, &report.to_html(&title, &settings, &samples))?;
        }
        let losses: Vec<Value> = report.losses.iter().map(|loss| short(*loss)).collect();
        let mut document = json!({
            "towers": self.out,
            "items": data.items.len(),
            "users": data.users.len(),
            "events": data.events.len(),
            "examples": report.examples,
            "stopped": report.stopped,
            "parameters": report.parameters,
            "dimension": towers.dimension(),
            "metric": towers.metric().to_string(),
            "loss_of_each_pass": losses,
            "examples_per_second": report.examples_per_second.round(),
            "seconds": (report.seconds * 100.0).round() / 100.0,
        });
        let columns = document_of(&report.data);
        if let Some(metric) = &report.metric {
            let each = report.validations.iter();
            document["validation"] = json!({
                "metric": metric,
                "of_each_pass": each.map(|value| short(*value as f32)).collect::<Vec<_>>(),
                "kept": report.kept,
            });
        }
        let text = document.clone();
        document["data"] = columns;
        document["baselines"] = json!(report.baselines);
        document["auto"] = json!(report.auto);
        output.result(&document, || {
            let document = text;
            format!(
                "trained on {}\n{}",
                counted(report.examples, "example"),
                outline(&document)
            )
        })?;
        let better = report.baselines.as_ref().map(|all| all.better_baseline());
        match better {
            Some(Some(_)) if self.require_better => Ok(Exit::Failed),
            _ => Ok(Exit::Done),
        }
    }
}

/// Why a training failed; the hint names the flag that allows unknown ids.
pub fn training_failure(error: TrainError) -> Failure {
    let unknown = matches!(error, TrainError::UnknownIds { .. });
    let failure = Failure::failed(error);
    match unknown {
        true => failure.hint("--max-unknown-ids 1 trains on them all the same"),
        false => failure,
    }
}

/// Prints the towers beside the baselines, and says so if they are worse.
pub fn print_baselines(comparison: Option<&Comparison>, output: &Output) {
    let Some(comparison) = comparison else {
        return;
    };
    let mut table = Table::new(&["on the holdout", ">hit@10", ">nDCG@10", ">hit@100"]);
    let towers = ("these towers", comparison.model);
    let others = comparison
        .baselines
        .iter()
        .map(|of| (&*of.name, of.metrics));
    for (name, of) in std::iter::once(towers).chain(others) {
        let numbers = [of.hit_10, of.ndcg_10, of.hit_100].map(|x| format!("{x:.4}"));
        table.row(std::iter::once(name.to_owned()).chain(numbers));
    }
    table.render().lines().for_each(|line| output.note(line));
    if let Some(warning) = comparison.warning() {
        output.note(&format!("WARNING: {warning}"));
    }
}

/// Prints the best candidates of a search for settings, and what was chosen.
fn print_auto(auto: &AutoReport, output: &Output) {
    let metric = format!(">{}", auto.metric);
    let mut table = Table::new(&["settings", &metric, ">at epoch", ">of"]);
    for of in auto.candidates.iter().take(CANDIDATES) {
        table.row([
            of.label(),
            format!("{:.4}", of.metric),
            of.epochs.to_string(),
            of.trained.to_string(),
        ]);
    }
    table.render().lines().for_each(|line| output.note(line));
    let more = auto.candidates.len().saturating_sub(CANDIDATES);
    if more > 0 {
        output.note(&format!("and {more} more, in --json and --report"));
    }
    output.note(&auto.why());
}

/// The same as JSON.
pub fn document_of(data: &DataReport) -> Value {
    serde_json::to_value(data).unwrap_or_default()
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let failed = |error| Failure::writing(&path.display().to_string(), error);
    std::fs::write(path, page).map_err(failed)
}

/// Asserts that the help of a recipe shows these defaults of its flags.
#[cfg(test)]
pub fn check_defaults<A: Args>(defaults: &[(&str, String)]) {
    let mut command = A::augment_args(clap::Command::new("train"));
    let help = command.render_long_help().to_string();
    let flags = help.split("Examples:").next().unwrap();
    // Line breaks do not matter.
    let flags = flags.split_whitespace().collect::<Vec<_>>().join(" ");
    for (flag, value) in defaults {
        let shown = flags.split(&format!("{flag} <")).nth(1).unwrap();
        let shown = shown.split("[default: ").nth(1).unwrap();
        assert_eq!(shown.split(']').next().unwrap(), value, "{flag}");
    }
}
