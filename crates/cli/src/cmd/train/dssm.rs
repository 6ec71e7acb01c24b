//! `twinspire train dssm`.

use clap::{Args, ValueEnum};
use twinspire::train::dssm;
use twinspire::train::evaluate::TieOrder;

use super::data::DataArgs;
use super::flags::{TrainFlags, set, show_default};
use super::run::{How, RunArgs, SAMPLES};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train dssm --items documents.jsonl --out models/text
  twinspire train dssm --items documents.csv --out models/text --document title,text
  twinspire train dssm --items documents.jsonl --users queries.jsonl --events clicks.csv --out models/text
  twinspire train dssm --items documents.jsonl --out models/text --hidden= --words 1 --negatives 0 \\
      --word-dropout 0.3 --gamma 6 --config linear.json

Files (JSON lines, CSV or Parquet, by extension):
  items   the documents, one object each, with an `id` and texts: the fields of --document, or those of
          `title`, `name`, `text`, `description`, `body` and `query` that exist; without any of these,
          strings of several words
  users   the queries, one object each, with a `user_id` and texts: the fields of --query, or those that
          are found in the same way
  events  clicks: `user` (or `query`), `item`, `at` (seconds since 1970) and optionally `weight`; a query
          without an object has its id as its text

Without events the towers learn from the documents alone: each sentence is a query for the rest of its
document. Settings without a flag go into the --config file. With --no-auto the settings are the paper's,
which are for millions of documents.";

/// Text to text, softmax over a clicked document and negatives.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<dssm::Config>))]
pub struct DssmArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Text fields of a query [default: every text field, or query]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    query: Option<Vec<String>>,
    /// Text fields of an item, which make up the document [default: every text field]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    document: Option<Vec<String>>,
    /// Width of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Units of the layers before the vectors
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<String>>,
    /// Longest word n-gram beside the letter trigrams; 0 for trigrams alone
    #[arg(long, value_name = "N")]
    words: Option<usize>,
    /// Sharpness: cosines are multiplied by it before the softmax
    #[arg(long, value_name = "X")]
    gamma: Option<f32>,
    /// Negatives drawn for each query; 0 takes all other documents of the batch
    #[arg(long, value_name = "N")]
    negatives: Option<usize>,
    /// Where negatives are drawn from
    #[arg(long, value_name = "POOL")]
    pool: Option<PoolArg>,
    /// Share of words dropped from each text during training
    #[arg(long, value_name = "X")]
    word_dropout: Option<f32>,
    #[command(flatten)]
    training: TrainFlags,
}

/// Where negatives are drawn from.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PoolArg {
    /// All documents
    All,
    /// The documents of the batch
    Batch,
}

impl DssmArgs {
    /// Runs the recipe.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut config: dssm::Config = self.run.config()?;
        // Which fields are texts belongs to the data.
        set(&mut config.query, self.query);
        set(&mut config.document, self.document);
        let pool = self.pool.map(|pool| match pool {
            PoolArg::All => dssm::Pool::All,
            PoolArg::Batch => dssm::Pool::Batch,
        });
        let is_given = self.training.apply(&mut config.training)
            | set(&mut config.dimension, self.dimension)
            | set(&mut config.hidden, self.hidden.map(units).transpose()?)
            | set(&mut config.words, self.words)
            | set(&mut config.gamma, self.gamma)
            | set(&mut config.negatives, self.negatives)
            | set(&mut config.pool, pool)
            | set(&mut config.word_dropout, self.word_dropout);
        self.run.set_checkpoint(&mut config.training);
        let data = self
            .run
            .read(&self.data, &mut TieOrder::default(), output)?;
        let earlier = self.run.earlier()?;
        let config = config.with_fields(&data, earlier.as_ref());
        let config = config.map_err(Failure::failed)?;
        let queries = dssm::queries(&data, &config, SAMPLES);
        self.run.run(
            "dssm",
            &config,
            &data,
            &queries,
            self.run.is_auto(is_given),
            output,
            |how, progress| match how {
                How::Auto(params) => dssm::train_auto(&data, &config, params, progress),
                How::Given(earlier) => dssm::train_from(earlier, &data, &config, progress),
            },
        )
    }
}

/// Parses the units of layers; `--hidden=` means no layers.
fn units(given: Vec<String>) -> Result<Vec<usize>, Failure> {
    let given = given.iter().filter(|units| !units.is_empty());
    let each = given.map(|units| {
        let wrong = |_| Failure::usage(format!("--hidden: a number expected, not {units}"));
        units.parse().map_err(wrong)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::train::run::check_defaults;

    #[test]
    fn the_help_shows_the_defaults() {
        let config = dssm::Config::default();
        check_defaults::<DssmArgs>(&[
            ("--query", "every text field, or query".to_owned()),
            ("--document", "every text field".to_owned()),
            ("--dimension", config.dimension.to_string()),
            ("--hidden", "300,300".to_owned()),
            ("--words", config.words.to_string()),
            ("--gamma", config.gamma.to_string()),
            ("--negatives", config.negatives.to_string()),
            ("--pool", format!("{:?}", config.pool).to_lowercase()),
            ("--word-dropout", config.word_dropout.to_string()),
            ("--epochs", config.training.epochs.to_string()),
            ("--batch", config.training.batch.to_string()),
            ("--learning-rate", config.training.learning_rate.to_string()),
            ("--patience", config.training.patience.to_string()),
            ("--seed", config.training.seed.to_string()),
        ]);
        assert_eq!(config.hidden, [300, 300]);
        assert!(config.query.is_empty() && config.document.is_empty());
    }
}
