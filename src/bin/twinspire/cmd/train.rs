//! `twinspire train`: towers from raw logs.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use twinspire::import::{Format, Records, Source, open};
use twinspire::train::{Dataset, Progress, Trained, youtube};

use crate::args::CsvArgs;
use crate::output::{Exit, Failure, Output, Unit, counted, outline, short};

const EXAMPLES: &str = "\
Examples:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire train youtube --items items.jsonl --events log.csv --out models/shop

Then:
  twinspire publish movies.twin movies models/movies";

const YOUTUBE_EXAMPLES: &str = "\
Examples:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire train youtube --items items.jsonl --users users.csv --events log.csv --out models/shop
  twinspire train youtube --items items.csv --lists tags --events log.jsonl --out models/shop

Files (JSON lines or CSV, told by the name):
  items   one object each, with an `id`; every other field becomes a feature of the item tower
  users   one object each, with a `user_id`; every other field becomes a feature of the user tower
  events  `user`, `item`, `at` (seconds since 1970) and perhaps `weight`

The towers ask a query for the user's fields and for `history`, the ids of the items met last, the
latest at the end. Whatever is missing counts as unknown.";

/// Learn towers from raw logs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(subcommand)]
    recipe: Recipe,
}

/// The recipes.
#[derive(Debug, Subcommand)]
enum Recipe {
    /// Two towers, in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019)
    Youtube(YoutubeArgs),
}

/// Where the logs are.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("logs").required(true).args(["movielens", "events"]))]
struct DataArgs {
    /// A MovieLens-100K directory: items, users and events in one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["items", "users"])]
    movielens: Option<PathBuf>,
    /// The items
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// The users, where something is known of them
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// What the users did
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    #[command(flatten)]
    csv: CsvArgs,
}

/// Two towers, in-batch softmax corrected for sampling bias.
#[derive(Debug, Args)]
#[command(after_help = YOUTUBE_EXAMPLES)]
struct YoutubeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Where to write the towers: a directory, replaced whole when it holds towers
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Components of the vectors
    #[arg(long, value_name = "N", default_value_t = youtube::Config::default().dimension)]
    dimension: usize,
    /// Units of each hidden layer, as in 128,64 [default: none]
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// How many of the items met last are averaged, for each of these numbers
    #[arg(long, value_name = "N", value_delimiter = ',',
          default_values_t = youtube::Config::default().history)]
    history: Vec<usize>,
    /// Passes over the events
    #[arg(long, value_name = "N", default_value_t = youtube::Config::default().epochs)]
    epochs: usize,
    /// Events in a batch, whose items are each other's negatives
    #[arg(long, value_name = "N", default_value_t = youtube::Config::default().batch)]
    batch: usize,
    /// What scores are divided by before the softmax
    #[arg(long, value_name = "X", default_value_t = youtube::Config::default().temperature)]
    temperature: f32,
    /// The learning rate of Adagrad
    #[arg(long, value_name = "X", default_value_t = youtube::Config::default().learning_rate)]
    learning_rate: f32,
    /// What the random numbers start from
    #[arg(long, value_name = "N", default_value_t = youtube::Config::default().seed)]
    seed: u64,
}

/// Runs the command.
pub fn run(args: TrainArgs, output: &Output) -> Result<Exit, Failure> {
    match args.recipe {
        Recipe::Youtube(args) => run_youtube(args, output),
    }
}

fn run_youtube(args: YoutubeArgs, output: &Output) -> Result<Exit, Failure> {
    let config = youtube::Config {
        dimension: args.dimension,
        hidden: args.hidden,
        history: args.history,
        epochs: args.epochs,
        batch: args.batch,
        temperature: args.temperature,
        learning_rate: args.learning_rate,
        seed: args.seed,
        ..youtube::Config::default()
    };
    let data = args.data.read(output)?;
    let bar = output.bar("training", 1, Unit::Count);
    let trained = youtube::train(&data, &config, |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        let Progress {
            epoch,
            epochs,
            loss,
            ..
        } = progress;
        bar.set_message(format!("pass {epoch} of {epochs}, loss {loss:.3}"));
    });
    bar.finish_and_clear();
    let Trained { towers, report, .. } = trained.map_err(Failure::failed)?;
    towers.save(&args.out)?;
    let losses: Vec<Value> = report.losses.iter().map(|loss| short(*loss)).collect();
    let document = json!({
        "towers": args.out,
        "items": data.items.len(),
        "users": data.users.len(),
        "events": report.examples,
        "parameters": report.parameters,
        "dimension": towers.dimension(),
        "metric": towers.metric().to_string(),
        "loss_of_each_pass": losses,
        "seconds": (report.seconds * 100.0).round() / 100.0,
    });
    output.result(&document, || {
        format!(
            "trained on {}\n{}",
            counted(report.examples, "event"),
            outline(&document)
        )
    })?;
    Ok(Exit::Done)
}

impl DataArgs {
    fn read(&self, output: &Output) -> Result<Dataset, Failure> {
        let options = self.csv.options()?;
        let source = |path: &PathBuf| -> Result<Source, Failure> {
            let source = match &self.movielens {
                Some(_) => Source::new(path, Format::MovieLens),
                None => open(path)?,
            };
            Ok(source.csv_options(options.clone()))
        };
        let (items, users, events) = match &self.movielens {
            Some(dir) => (Some(dir), Some(dir), Some(dir)),
            None => (
                self.items.as_ref(),
                self.users.as_ref(),
                self.events.as_ref(),
            ),
        };
        let (items, users, events) = (
            items.map(source).transpose()?,
            users.map(source).transpose()?,
            events.map(source).transpose()?,
        );
        Ok(Dataset {
            items: all(items.map(|from| from.items()).transpose()?, "items", output)?,
            users: all(users.map(|from| from.users()).transpose()?, "users", output)?,
            events: all(
                events.map(|from| from.events()).transpose()?,
                "events",
                output,
            )?,
        })
    }
}

/// Every record there is, with a bar.
fn all<T>(
    records: Option<Records<T>>,
    what: &'static str,
    output: &Output,
) -> Result<Vec<T>, Failure> {
    let Some(mut records) = records else {
        return Ok(Vec::new());
    };
    let bar = output.bar(what, records.bytes_total().unwrap_or(0), Unit::Bytes);
    let mut all = Vec::new();
    while let Some(record) = records.next() {
        all.push(record?);
        bar.set_position(records.bytes_read());
    }
    bar.finish_and_clear();
    Ok(all)
}
