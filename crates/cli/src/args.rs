//! What a user types: the command line as a whole, and the arguments that several commands share.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Parser};
use serde_json::Value;
use twinspire::import::CsvOptions;

use crate::cmd::Command;
use crate::output::Failure;

/// The most text taken from a file or standard input as one argument.
const MAX_INPUT_BYTES: u64 = 64 << 20;

const EXAMPLES: &str = "\
From raw logs to recommendations in four commands:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire import  movies.twin ml-100k
  twinspire publish movies.twin movies models/movies
  twinspire recall  movies.twin movies --user '{\"user_id\":\"42\",\"history\":[\"50\",\"181\"]}'

Exit codes:
  0  done
  1  the operation failed
  2  wrong usage: unknown options, malformed JSON in an argument
  3  not found: the database, the space, the item, the file
  4  corruption found

Results go to standard output, errors and progress to standard error.";

/// An embedded vector-recall database for two-tower recommenders.
#[derive(Debug, Parser)]
#[command(name = "twinspire", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Print results as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress bars
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The database directory.
#[derive(Debug, Args)]
pub struct DatabaseArg {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    pub database: PathBuf,
}

/// The space of a database.
#[derive(Debug, Args)]
pub struct SpaceArgs {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// The embedding space, as it was called at publish
    #[arg(value_name = "SPACE")]
    pub space: String,
}

/// How to search.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// How many items to return
    #[arg(short = 'k', long, value_name = "K", default_value_t = 10)]
    pub top: usize,
    /// How many of the best to leave out, as for a second page
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,
    #[command(flatten)]
    pub effort: EffortArgs,
    /// Answer only with items that score at least this
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    pub at_least: Option<f32>,
    /// Answer only with items that match, as in "city = 'Seattle' and price < 30"
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Items to leave out, such as those already seen (may be repeated)
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub exclude: Vec<String>,
}

/// How hard to search.
#[derive(Debug, Args)]
pub struct EffortArgs {
    /// How widely to search the graph: more finds more and takes longer
    #[arg(long, value_name = "N", conflicts_with = "exact")]
    pub ef: Option<usize>,
    /// How much of the exact answer to find, from 0 to 1, in place of --ef
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["exact", "ef"])]
    pub recall_target: Option<f32>,
    /// Score every item instead of searching the graph
    #[arg(long)]
    pub exact: bool,
}

/// What to show of what was found.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Tell how the answer was found, and what took how long
    #[arg(long)]
    pub explain: bool,
    /// Show the record of each item
    #[arg(long)]
    pub records: bool,
}

/// How CSV files are written.
#[derive(Debug, Args)]
pub struct CsvArgs {
    /// CSV: the column that holds the id
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// CSV: columns that are lists separated by `|`
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    lists: Vec<String>,
    /// CSV: columns that are text even where they look like numbers
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    text: Vec<String>,
    /// CSV: what separates the cells, instead of a comma
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<char>,
}

impl CsvArgs {
    /// The options these arguments come to.
    pub fn options(&self) -> Result<CsvOptions, Failure> {
        let mut options = CsvOptions::new().lists(&self.lists).text(&self.text);
        if let Some(id) = &self.id {
            options = options.id(id);
        }
        if let Some(delimiter) = self.delimiter {
            let byte = u8::try_from(delimiter).ok().filter(u8::is_ascii);
            options = options.delimiter(byte.ok_or_else(|| {
                Failure::usage(format!(
                    "--delimiter: an ASCII character expected, not {delimiter}"
                ))
            })?);
        }
        Ok(options)
    }
}

/// A count that cannot be 0.
pub fn at_least_one(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("a whole number of at least 1 expected".to_owned()),
    }
}

/// A count that is no less than 2.
pub fn at_least_two(argument: &str) -> Result<usize, String> {
    match argument.parse() {
        Ok(count) if count > 1 => Ok(count),
        _ => Err("a whole number of at least 2 expected".to_owned()),
    }
}

/// A number from 0 to 1.
pub fn share(argument: &str) -> Result<f64, String> {
    match argument.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1 expected".to_owned()),
    }
}

/// JSON as an argument: the text itself, `@file`, or `-` for standard input.
pub fn json(option: &str, argument: &str) -> Result<Value, Failure> {
    let (text, origin) = text(argument)?;
    serde_json::from_str(&text).map_err(|error| no_json(option, &origin, &error))
}

/// JSON as an argument, as [`json`]; also several values one after the other, as in a file of JSON lines.
pub fn json_values(option: &str, argument: &str) -> Result<Vec<Value>, Failure> {
    let (text, origin) = text(argument)?;
    let values = serde_json::Deserializer::from_str(&text).into_iter();
    let values = values.collect::<Result<Vec<Value>, _>>();
    values.map_err(|error| no_json(option, &origin, &error))
}

/// The text of an argument, and what it came from.
fn text(argument: &str) -> Result<(String, String), Failure> {
    if argument == "-" {
        let origin = "standard input".to_owned();
        Ok((read(std::io::stdin().lock(), &origin)?, origin))
    } else if let Some(path) = argument.strip_prefix('@') {
        let file = File::open(path).map_err(|error| Failure::reading(path, error))?;
        Ok((read(file, path)?, path.to_owned()))
    } else {
        Ok((argument.to_owned(), "the argument".to_owned()))
    }
}

fn no_json(option: &str, origin: &str, error: &serde_json::Error) -> Failure {
    Failure::usage(format!("{option}: {origin} is not JSON: {error}"))
        .hint("quote JSON for the shell, as in --user '{\"user_id\":\"42\"}', or use @file or -")
}

fn read(reader: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = reader
        .take(MAX_INPUT_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::reading(name, error))?;
    if read as u64 > MAX_INPUT_BYTES {
        return Err(Failure::usage(format!(
            "{name}: at most {MAX_INPUT_BYTES} bytes of JSON expected, more found"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn json_is_taken_as_text_or_from_a_file() {
        use std::io::Write;
        assert_eq!(json("--user", "{\"a\":1}").unwrap()["a"], 1);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[1, 2]").unwrap();
        let argument = format!("@{}", file.path().display());
        assert_eq!(json("--vector", &argument).unwrap()[1], 2);
        assert!(json("--user", "{").is_err());
        assert_eq!(json_values("--user", "{} {\"a\":1}\n[2]").unwrap().len(), 3);
        assert!(json_values("--user", "{} {").is_err());
        assert!(json("--user", "@/no/such/file").is_err());
    }
}
