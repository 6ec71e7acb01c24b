//! `twinspire eval`: spaces, ensembles and generations judged on held-out events, beside baselines.
#![expect(
    clippy::disallowed_methods,
    reason = "a report is not a file of a database and can be written again"
)]

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use twinspire::FeatureCheck;
use twinspire::train::evaluate::{Bootstrap, Judge, Measure, SegmentBy, SplitBy};
use twinspire::train::{DEFAULT_MAX_USERS, EvaluateError, EvaluationProgress, TrainError};

use super::train::DataArgs;
use crate::args::{DatabaseArg, StateArg, TieArgs, at_least_one, recall_share, split};
use crate::output::{Exit, Failure, Output, Unit};
use crate::view::evaluation::text;

const EXAMPLES: &str = "\
Examples:
  twinspire train youtube --items items.jsonl --events log.csv --leave-out last --out models/shop
  twinspire publish shop.twin shop models/shop
  twinspire eval shop.twin --events log.csv --split last
  twinspire eval shop.twin shop shop@3 home --events log.csv --split 0.1 --by item.genre,user.country
  twinspire eval shop.twin shop --events before.csv --test after.csv --report eval.html --require-better

Each user with held-out events is asked for once, as of the split: the record of --users, and the earlier
items as `history`. All items of the database are ranked. Items that the user had seen are left out, unless
--repeats asks for them.

  --split last         the last event of each user with three or more
  --split SHARE        the latest share of all events, such as 0.1
  --split TIME         all events from a date or a time on
  --test FILE          these events; those of --events come before

Towers that learnt from the test are judged too well. `twinspire train --leave-out` with the same value as
--split, and the same files, leaves exactly the test out.

NAME is a space or an ensemble, SPACE@GENERATION another generation that it keeps, and
ENSEMBLE,SPACE@GENERATION an ensemble with it. The metrics are those of exact searches; what the index loses
of them stands apart. Baselines learn from the events before the split. Intervals are those of the bootstrap
over users, differences are paired by user and tested by random sign flips. The JSON document and the HTML
page have everything; the text has the metric of --metric and the most important others.";

/// Judge spaces, ensembles and generations on held-out events, beside baselines.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent")]
pub struct EvalArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// What to judge: SPACE, SPACE@GENERATION, ENSEMBLE, or ENSEMBLE,SPACE@GENERATION [default: every space and
    /// ensemble]
    #[arg(value_name = "NAME")]
    names: Vec<StateArg>,
    #[command(flatten)]
    data: DataArgs,
    /// The test: `last`, a share of the latest events, or the time at which it begins
    #[arg(long, value_name = "last|SHARE|TIME", default_value = "last", value_parser = split)]
    split: SplitBy,
    /// The test as a file of events, in place of --split
    #[arg(long, value_name = "FILE", conflicts_with = "split")]
    test: Option<PathBuf>,
    #[command(flatten)]
    ties: TieArgs,
    /// Numbers of best items that count, rising
    #[arg(long, value_name = "K", value_delimiter = ',', default_value = "10,100", value_parser = at_least_one)]
    k: Vec<usize>,
    /// The metric by which models are compared with baselines: hit@K, recall@K, ndcg@K, mrr@K or map@K
    #[arg(long, value_name = "METRIC", default_value = "hit@10")]
    metric: Measure,
    /// Segments by a field of users or items besides history, popularity, cold users and cold items
    #[arg(long, value_name = "user.FIELD|item.FIELD", value_delimiter = ',')]
    by: Vec<SegmentBy>,
    /// Items that a user had seen are to be found too
    #[arg(long)]
    repeats: bool,
    /// Leave out the baselines
    #[arg(long, conflicts_with = "require_better")]
    no_baselines: bool,
    /// Exit with 1 if a model is below the best baseline
    #[arg(long)]
    require_better: bool,
    /// Maximum number of users; of more, every n-th is asked for
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_USERS, value_parser = at_least_one)]
    most: usize,
    /// The field of users that towers read histories from
    #[arg(long, value_name = "FIELD", default_value = "history")]
    history_field: String,
    /// Beam width of the index (efSearch)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    ef: Option<usize>,
    /// Recall target of the index, in place of --ef
    #[arg(long, value_name = "SHARE", conflicts_with = "ef", value_parser = recall_share)]
    recall_target: Option<f32>,
    /// Ignore fields of users that the towers do not read, and values that they cannot read
    #[arg(long)]
    lenient: bool,
    /// Number of bootstrap resamples
    #[arg(long, value_name = "N", default_value_t = 1000)]
    resamples: usize,
    /// Confidence of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.95)]
    confidence: f64,
    /// Seed of resamples, sign flips and the order of equal scores of baselines
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write the report as a page of HTML
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

impl EvalArgs {
    /// What to measure.
    fn judge(&self) -> Judge {
        let mut judge = Judge {
            ks: self.k.clone(),
            primary: self.metric,
            bootstrap: Bootstrap {
                resamples: self.resamples,
                confidence: self.confidence,
                seed: self.seed,
            },
            ..Judge::default()
        };
        judge.ks.sort_unstable();
        judge.ks.dedup();
        let new = self.by.iter().filter(|by| !judge.segments.contains(by));
        let new: Vec<SegmentBy> = new.cloned().collect();
        judge.segments.extend(new);
        judge
    }
}

/// Runs the command.
pub fn run(args: EvalArgs, output: &Output) -> Result<Exit, Failure> {
    let judge = args.judge();
    judge
        .check()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let db = args.target.open_to_read()?;
    let now = db.pin();
    let states = args
        .names
        .iter()
        .map(|name| Ok((name, name.resolve(&now, &db)?)));
    let states: Vec<_> = states.collect::<Result<_, Failure>>()?;
    let mut data = args.data.read(output)?;
    let order = args.ties.order().unwrap_or_default();
    let (test, split) = match &args.test {
        Some(path) => {
            order.sort(&mut data.events);
            let test = args.data.read_events(path, output)?;
            (test, path.display().to_string())
        }
        None => {
            let test = args.split.hold_out(&mut data, order);
            (test, format!("{}; {order}", args.split))
        }
    };
    let bar = output.bar("recalling", 1, Unit::Count);
    let mut evaluation = db
        .evaluate(&data, &test)
        .judge(judge)
        .max_users(args.most)
        .history_field(&args.history_field)
        .progress(|progress: EvaluationProgress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        });
    for (name, state) in &states {
        evaluation = evaluation.of_state(name.to_string(), &name.name, state);
    }
    if args.repeats {
        evaluation = evaluation.repeats();
    }
    if args.no_baselines {
        evaluation = evaluation.no_baselines();
    }
    if args.lenient {
        evaluation = evaluation.check_features(FeatureCheck::Lenient);
    }
    if let Some(ef) = args.ef {
        evaluation = evaluation.ef(ef);
    }
    if let Some(share) = args.recall_target {
        evaluation = evaluation.recall_target(share);
    }
    let report = evaluation.run();
    bar.finish_and_clear();
    let mut report = report.map_err(failure)?;
    report.split = split;
    let warnings = report.warnings();
    if let Some(path) = &args.report {
        let page = report.to_html(&format!(
            "twinspire eval {}",
            args.target.database.display()
        ));
        let failed = |error| Failure::writing(&path.display().to_string(), error);
        std::fs::write(path, page).map_err(failed)?;
    }
    output.result(&json!(report), || text(&report))?;
    for warning in &warnings {
        output.note(&format!("WARNING: {warning}"));
    }
    match args.require_better && !warnings.is_empty() {
        true => Ok(Exit::Failed),
        false => Ok(Exit::Done),
    }
}

/// Why an evaluation failed, and what to do.
fn failure(error: EvaluateError) -> Failure {
    match error {
        EvaluateError::Recall(error) => Failure::of_users(error),
        EvaluateError::Data(error @ TrainError::Empty { .. }) => Failure::failed(error).hint(
            "--split says which events are held out; --repeats looks for items that users had seen as well",
        ),
        error => Failure::failed(error),
    }
}
