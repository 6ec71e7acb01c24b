//! `twinspire train dssm`.

use clap::{Args, ValueEnum};
use twinspire::train::dssm;

use super::data::DataArgs;
use super::flags::{TrainFlags, set, show_default};
use super::run::{RunArgs, SHOWN};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire train dssm --items documents.jsonl --out models/text
  twinspire train dssm --items documents.csv --out models/text --document title,text
  twinspire train dssm --items documents.jsonl --users queries.jsonl --events clicks.csv --out models/text
  twinspire train dssm --items documents.jsonl --out models/text --hidden= --words 1 --negatives 0 \\
      --word-dropout 0.3 --gamma 6 --config linear.json

Files (JSON lines, CSV or Parquet, told by the name):
  items   the documents, one object each, with an `id` and texts: the fields that --document names, or
          `title`, `name`, `text`, `description`, `body` and `query`, whichever there are; where there
          is none of these, strings of several words
  users   the queries, one object each, with a `user_id` and texts: the fields that --query names, or
          those that are told in the same way
  events  clicks: `user` (or `query`), `item`, `at` (seconds since 1970) and perhaps `weight`; the id of
          a query without an object of its own is its text

Without events the towers learn from the documents alone: each sentence asks for the rest of its
document. Settings that have no flag are those of `--config`; for few documents, no hidden layers and
{\"activation\": \"linear\"} do better than the paper's layers.";

/// Text to text, softmax over a clicked document and others.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_args(show_default::<dssm::Config>))]
pub struct DssmArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    run: RunArgs,
    /// The fields of a query that make up its text [default: all that hold texts, or query]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    query: Option<Vec<String>>,
    /// The fields of an item that make up the document [default: all that hold texts]
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    document: Option<Vec<String>>,
    /// Components of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Units of the layers before the vectors
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<String>>,
    /// Up to how many words make a gram beside those of letters; 0 for none
    #[arg(long, value_name = "N")]
    words: Option<usize>,
    /// What cosines are multiplied by before the softmax
    #[arg(long, value_name = "X")]
    gamma: Option<f32>,
    /// Documents drawn as negatives of a query; 0 for all others of the batch
    #[arg(long, value_name = "N")]
    negatives: Option<usize>,
    /// Where they are drawn from: all documents, or those of the batch
    #[arg(long, value_name = "POOL")]
    pool: Option<PoolArg>,
    /// The share of words left out of each text while learning
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
        self.training.apply(&mut config.training);
        set(&mut config.query, self.query);
        set(&mut config.document, self.document);
        set(&mut config.dimension, self.dimension);
        set(&mut config.hidden, self.hidden.map(units).transpose()?);
        set(&mut config.words, self.words);
        set(&mut config.gamma, self.gamma);
        set(&mut config.negatives, self.negatives);
        let pool = self.pool.map(|pool| match pool {
            PoolArg::All => dssm::Pool::All,
            PoolArg::Batch => dssm::Pool::Batch,
        });
        set(&mut config.pool, pool);
        set(&mut config.word_dropout, self.word_dropout);
        let data = self.data.read(output)?;
        let earlier = self.run.earlier()?;
        let config = config.with_fields(&data, earlier.as_ref());
        let config = config.map_err(Failure::failed)?;
        let queries = dssm::queries(&data, &config, SHOWN);
        self.run
            .run("dssm", &config, &data, &queries, output, |from, tell| {
                dssm::train_from(from, &data, &config, tell)
            })
    }
}

/// Layers by their units; `--hidden=` is none.
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
    fn the_help_tells_the_defaults_there_are() {
        let config = dssm::Config::default();
        check_defaults::<DssmArgs>(&[
            ("--query", "all that hold texts, or query".to_owned()),
            ("--document", "all that hold texts".to_owned()),
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
