//! `twinspire import`: items from files into a database.

use std::collections::HashSet;
use std::io::{BufReader, stdin};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use twinspire::import::{CsvOptions, Format, ImportError, Records, Source, csv, jsonl, open};
use twinspire::{Database, Event};

use crate::args::{CsvArgs, DatabaseArg};
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
  JSON lines  one object per line, each with an `id`
  CSV         a header row with a column `id`; a cell that looks like a number, true or
              false is one; an empty cell is an absent field
  Parquet     a column `id`; each column is a field, times become seconds since 1970
  MovieLens   u.item (u.data and u.user are read by `twinspire train`)
  export      an export with --vectors: the items are imported and the vectors ignored, as a
              publish with the same towers computes them again; an export without --vectors
              is plain JSON lines

An existing item is replaced, so importing a file twice does no harm. A database holds items only: logs
and users stay in their files, where `train` reads them; --dry-run checks them.";

/// Number of items in a batch. Each batch is one fsync and written whole or not at all.
const BATCH_ITEMS: usize = 2_000;
/// A batch is written sooner when its part of the file reaches this size.
const BATCH_BYTES: u64 = 16 << 20;
/// Number of bad lines that are shown one by one.
const MAX_BAD_LINES_SHOWN: u64 = 5;
/// The name of standard input in errors.
const STANDARD_INPUT: &str = "standard input";

/// Read items into a database, which is created if absent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// A file (.jsonl, .ndjson, .json, .csv, .tsv, .parquet), a MovieLens directory, or - for standard input
    path: PathBuf,
    /// What the file holds
    #[arg(long, value_enum, default_value_t = Kind::Items)]
    kind: Kind,
    /// The format of the file, where its name does not tell
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    #[command(flatten)]
    csv: CsvArgs,
    /// Skip bad lines and count them, instead of stopping at the first
    #[arg(long)]
    skip_bad: bool,
    /// Read and check the file, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Items,
    Users,
    Events,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    JsonLines,
    Csv,
    #[value(name = "movielens")]
    MovieLens,
    /// An export with --vectors
    Export,
}

/// Runs the command.
pub fn run(args: ImportArgs, output: &Output) -> Result<Exit, Failure> {
    if args.kind != Kind::Items && !args.dry_run {
        let message = "a database holds items only: add --dry-run to check users or events";
        return Err(Failure::usage(message)
            .hint("`twinspire train youtube --items … --users … --events …` reads them"));
    }
    if args.kind != Kind::Items && matches!(args.format, Some(FormatArg::Export)) {
        return Err(Failure::usage(
            "--format export: an export holds items only",
        ));
    }
    let reader = Reader::new(&args)?;
    let counts = match args.kind {
        Kind::Items if !args.dry_run => {
            let records = reader.items()?;
            let db = Database::open(&args.target.database)?;
            store(&db, records, &args, output)?
        }
        Kind::Items => read_all(reader.items()?, &args, output, |_| Ok(()))?,
        Kind::Users => read_all(reader.users()?, &args, output, |_| Ok(()))?,
        Kind::Events => read_all(reader.events()?, &args, output, |_| Ok(()))?,
    };
    let noun = match args.kind {
        Kind::Items => "item",
        Kind::Users => "user",
        Kind::Events => "event",
    };
    let Counts { read, bad_lines } = counts;
    let document = json!({"kind": format!("{noun}s"), "read": read, "bad_lines": bad_lines,
                          "written": if args.dry_run { 0 } else { read }});
    output.result(&document, || {
        let verb = if args.dry_run { "checked" } else { "imported" };
        let mut text = format!("{} {verb}", counted(read, noun));
        if bad_lines > 0 {
            text.push_str(&format!(", {} skipped", counted(bad_lines, "bad line")));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// What was read.
#[derive(Clone, Copy, Default)]
struct Counts {
    read: u64,
    bad_lines: u64,
}

/// Puts every item into the database, batch by batch.
fn store(
    db: &Database,
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
) -> Result<Counts, Failure> {
    let mut batch: Vec<Value> = Vec::new();
    let mut ids = HashSet::new();
    let mut batch_start = 0;
    let mut written = 0;
    let result = read_all(records, args, output, |step| {
        let (item, position) = match step {
            Step::Record(item, position) => (Some(item), position),
            Step::End => (None, 0),
        };
        // A later line of the same id replaces the earlier one, so both cannot be in one call.
        let id = item.as_ref().and_then(|item| item["id"].as_str());
        let repeated = id.is_some_and(|id| !ids.insert(id.to_owned()));
        let full =
            batch.len() >= BATCH_ITEMS || position.saturating_sub(batch_start) >= BATCH_BYTES;
        if (full || repeated || item.is_none()) && !batch.is_empty() {
            db.items().put_many(&batch)?;
            written += batch.len() as u64;
            batch_start = position;
            batch.clear();
            ids.clear();
            ids.extend(id.map(str::to_owned));
        }
        batch.extend(item);
        Ok(())
    });
    result.map_err(|failure| match written {
        0 => failure,
        written => failure.hint(format!(
            "stored before it: {}; importing the file again is safe",
            counted(written, "item")
        )),
    })
}

/// One step of reading a file.
enum Step<T> {
    /// A record, and the number of bytes read so far.
    Record(T, u64),
    /// The end of the file, or of the reading.
    End,
}

/// Reads every record with a progress bar and passes each to `visit`.
fn read_all<T>(
    mut records: Records<T>,
    args: &ImportArgs,
    output: &Output,
    mut visit: impl FnMut(Step<T>) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let bar = output.bar("reading", records.bytes_total().unwrap_or(0), Unit::Bytes);
    let mut counts = Counts::default();
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                visit(Step::Record(record, records.bytes_read()))?;
                counts.read += 1;
            }
            Err(error) if args.skip_bad && error.is_bad_record() => {
                counts.bad_lines += 1;
                if counts.bad_lines <= MAX_BAD_LINES_SHOWN {
                    bar.suspend(|| output.note(&format!("skipped: {error}")));
                }
            }
            Err(error) => {
                visit(Step::End)?;
                let is_bad_record = error.is_bad_record();
                let failure = Failure::from(error);
                return Err(match is_bad_record {
                    true => failure.hint("--skip-bad skips bad lines"),
                    false => failure,
                });
            }
        }
        bar.set_position(records.bytes_read());
    }
    visit(Step::End)?;
    bar.finish_and_clear();
    Ok(counts)
}

/// The origin of the records: a path or standard input.
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
                Ok(csv::items_from(stdin(), STANDARD_INPUT, options)?.into())
            }
            Self::Input(Format::Export, _) => {
                Ok(jsonl::exported_from(BufReader::new(stdin()), STANDARD_INPUT).into())
            }
            Self::Input(..) => {
                Ok(jsonl::items_from(BufReader::new(stdin()), STANDARD_INPUT).into())
            }
        }
    }

    fn users(&self) -> Result<Records<Value>, ImportError> {
        match self {
            Self::Path(source) => source.users(),
            Self::Input(Format::Csv, options) => {
                Ok(csv::users_from(stdin(), STANDARD_INPUT, options)?.into())
            }
            Self::Input(..) => {
                Ok(jsonl::users_from(BufReader::new(stdin()), STANDARD_INPUT).into())
            }
        }
    }

    fn events(&self) -> Result<Records<Event>, ImportError> {
        match self {
            Self::Path(source) => source.events(),
            Self::Input(Format::Csv, options) => {
                Ok(csv::events_from(stdin(), STANDARD_INPUT, options)?.into())
            }
            Self::Input(..) => {
                Ok(jsonl::events_from(BufReader::new(stdin()), STANDARD_INPUT).into())
            }
        }
    }
}
