//! `twinspire import`: items from files into a database.

use std::collections::HashSet;
use std::io::BufReader;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use twinspire::import::{CsvOptions, Format, ImportError, Records, Source, csv, jsonl, open};
use twinspire::{Database, Event};

use crate::args::CsvArgs;
use crate::output::{Exit, Failure, Output, Unit, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire import shop.twin items.jsonl
  twinspire import shop.twin movies.csv --id movieId --lists genres
  twinspire import movies.twin ml-100k                 a MovieLens-100K directory
  zcat items.jsonl.gz | twinspire import shop.twin - --format json-lines
  twinspire import shop.twin log.csv --kind events --dry-run
  twinspire import copy.twin all.jsonl --format export

Files:
  JSON lines  one object a line, each with an `id`
  CSV         a header row with a column `id`; numbers, true and false are told by
              the cell, an empty cell is an absent field
  Parquet     a column `id`; a column is a field, times become seconds since 1970
  MovieLens   u.item (u.data and u.user are read by `twinspire train`)
  export      what `twinspire export --vectors` wrote: the items are taken, and the vectors
              passed over, for a publish with the same towers computes the same again;
              without --vectors an export is plain JSON lines

An item already there is replaced, so that importing a file again does no harm. The database holds
items alone: logs and users stay in their files, where `train` reads them; `--dry-run` checks them.";

/// Items are written in batches of this many: each is one fsync, and all or nothing.
const BATCH_ITEMS: usize = 2_000;
/// … or sooner, when this many bytes of the file have been read.
const BATCH_BYTES: u64 = 16 << 20;
/// How many bad lines are shown one by one.
const BAD_LINES_SHOWN: u64 = 5;

/// Read items into a database, which is created when absent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    database: PathBuf,
    /// A file (.jsonl, .ndjson, .json, .csv, .tsv, .parquet), a MovieLens directory, or - for standard input
    path: PathBuf,
    /// What the file holds
    #[arg(long, value_enum, default_value_t = Kind::Items)]
    kind: Kind,
    /// How the file is written, when its name does not tell
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    #[command(flatten)]
    csv: CsvArgs,
    /// Pass over bad lines and count them, instead of stopping at the first
    #[arg(long)]
    skip_bad: bool,
    /// Read and check, write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Items,
    Users,
    Events,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    JsonLines,
    Csv,
    #[value(name = "movielens")]
    MovieLens,
    /// What `twinspire export --vectors` wrote
    Export,
}

/// Runs the command.
pub fn run(args: ImportArgs, output: &Output) -> Result<Exit, Failure> {
    if args.kind != Kind::Items && !args.dry_run {
        let message = "a database holds items alone: users and events can only be checked here, \
                       with --dry-run";
        return Err(Failure::usage(message)
            .hint("`twinspire train youtube --items … --users … --events …` reads them"));
    }
    if args.kind != Kind::Items && matches!(args.format, Some(FormatArg::Export)) {
        return Err(Failure::usage(
            "--format export: an export holds items alone",
        ));
    }
    let reader = Reader::new(&args)?;
    let (read, bad) = match args.kind {
        Kind::Items if !args.dry_run => {
            let records = reader.items()?;
            let db = Database::open(&args.database)?;
            store(&db, records, &args, output)?
        }
        Kind::Items => drain(reader.items()?, &args, output, |_| Ok(()))?,
        Kind::Users => drain(reader.users()?, &args, output, |_| Ok(()))?,
        Kind::Events => drain(reader.events()?, &args, output, |_| Ok(()))?,
    };
    let noun = match args.kind {
        Kind::Items => "item",
        Kind::Users => "user",
        Kind::Events => "event",
    };
    let document = json!({"kind": format!("{noun}s"), "read": read, "bad_lines": bad,
                          "written": if args.dry_run { 0 } else { read }});
    output.result(&document, || {
        let verb = if args.dry_run { "checked" } else { "imported" };
        let mut text = format!("{} {verb}", counted(read, noun));
        if bad > 0 {
            text.push_str(&format!(", {} passed over", counted(bad, "bad line")));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Puts every item into the database, batch by batch.
fn store(
    db: &Database,
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
) -> Result<(u64, u64), Failure> {
    let mut batch: Vec<Value> = Vec::new();
    let mut ids = HashSet::new();
    let mut bytes = 0;
    let mut written = 0;
    let result = drain(records, args, output, |step| {
        let (item, position) = match step {
            Step::Record(item, position) => (Some(item), position),
            Step::End => (None, 0),
        };
        // A later line of the same id replaces the earlier one, so it cannot be in the same call.
        let id = item.as_ref().and_then(|item| item["id"].as_str());
        let again = id.is_some_and(|id| !ids.insert(id.to_owned()));
        let full = batch.len() >= BATCH_ITEMS || position.saturating_sub(bytes) >= BATCH_BYTES;
        if (full || again || item.is_none()) && !batch.is_empty() {
            db.items().put_many(&batch)?;
            written += batch.len() as u64;
            bytes = position;
            batch.clear();
            ids.clear();
            ids.extend(id.map(str::to_owned));
        }
        batch.extend(item);
        Ok(())
    });
    result.map_err(|failure| {
        if written > 0 {
            failure.hint(format!(
                "stored before it: {}; importing the file again is safe",
                counted(written, "item")
            ))
        } else {
            failure
        }
    })
}

/// What a reader of records is told.
enum Step<T> {
    /// A record, and how many bytes of the file have been read.
    Record(T, u64),
    /// There are no more.
    End,
}

/// Reads every record, with a bar; gives how many there were, and how many bad lines.
fn drain<T>(
    mut records: Records<T>,
    args: &ImportArgs,
    output: &Output,
    mut each: impl FnMut(Step<T>) -> Result<(), Failure>,
) -> Result<(u64, u64), Failure> {
    let bar = output.bar("reading", records.bytes_total().unwrap_or(0), Unit::Bytes);
    let (mut read, mut bad) = (0, 0);
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                each(Step::Record(record, records.bytes_read()))?;
                read += 1;
            }
            // A bad line has a number; the file system's errors have none and end the reading.
            Err(error) if args.skip_bad && error.line.is_some() => {
                bad += 1;
                if bad <= BAD_LINES_SHOWN {
                    bar.suspend(|| output.note(&format!("passed over: {error}")));
                }
            }
            Err(error) => {
                each(Step::End)?;
                let bad_line = error.line.is_some();
                let failure = Failure::from(error);
                return Err(if bad_line {
                    failure.hint("--skip-bad passes over bad lines")
                } else {
                    failure
                });
            }
        }
        bar.set_position(records.bytes_read());
    }
    each(Step::End)?;
    bar.finish_and_clear();
    Ok((read, bad))
}

/// Where the records come from: a path, or standard input.
enum Reader {
    Path(Source),
    Input(Format, CsvOptions),
}

impl Reader {
    fn new(args: &ImportArgs) -> Result<Self, Failure> {
        let options = args.csv.options()?;
        let format = args.format.map(|format| match format {
            FormatArg::JsonLines => Format::JsonLines,
            FormatArg::Csv => Format::Csv,
            FormatArg::MovieLens => Format::MovieLens,
            FormatArg::Export => Format::Export,
        });
        if args.path.as_os_str() == "-" {
            return match format {
                None | Some(Format::MovieLens) => Err(Failure::usage(
                    "standard input needs --format json-lines, csv or export",
                )),
                Some(format) => Ok(Self::Input(format, options)),
            };
        }
        let source = match format {
            Some(format) => Source::new(&args.path, format),
            None => open(&args.path)?,
        };
        Ok(Self::Path(source.csv_options(options)))
    }

    fn items(&self) -> Result<Records<Value>, ImportError> {
        match self {
            Self::Path(source) => source.items(),
            Self::Input(Format::Csv, options) => {
                Ok(csv::items_from(std::io::stdin(), INPUT, options)?.into())
            }
            Self::Input(Format::Export, _) => {
                Ok(jsonl::exported_from(BufReader::new(std::io::stdin()), INPUT).into())
            }
            Self::Input(..) => {
                Ok(jsonl::items_from(BufReader::new(std::io::stdin()), INPUT).into())
            }
        }
    }

    fn users(&self) -> Result<Records<Value>, ImportError> {
        match self {
            Self::Path(source) => source.users(),
            Self::Input(Format::Csv, options) => {
                Ok(csv::users_from(std::io::stdin(), INPUT, options)?.into())
            }
            Self::Input(..) => {
                Ok(jsonl::users_from(BufReader::new(std::io::stdin()), INPUT).into())
            }
        }
    }

    fn events(&self) -> Result<Records<Event>, ImportError> {
        match self {
            Self::Path(source) => source.events(),
            Self::Input(Format::Csv, options) => {
                Ok(csv::events_from(std::io::stdin(), INPUT, options)?.into())
            }
            Self::Input(..) => {
                Ok(jsonl::events_from(BufReader::new(std::io::stdin()), INPUT).into())
            }
        }
    }
}

/// What errors call standard input.
const INPUT: &str = "standard input";
