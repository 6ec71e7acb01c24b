//! `twinspire import`: items from files into a database.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufReader, stdin};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use twinspire::import::{
    CsvOptions, Format, ImportError, Records, Source, csv, jsonl, misread_places, open,
};
use twinspire::{Database, Error, Event};

use crate::args::{CsvArgs, DatabaseArg};
use crate::output::{Exit, Failure, Output, Unit, counted, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire import shop.twin items.jsonl
  twinspire import shop.twin movies.csv --id movieId --lists genres
  twinspire import movies.twin ml-100k                 a MovieLens-100K directory
  zcat items.jsonl.gz | twinspire import shop.twin - --format json-lines
  twinspire import shop.twin log.csv --kind events --dry-run
  twinspire import copy.twin all.jsonl --format export
  twinspire import shop.twin today.jsonl --replace     also removes what the file does not have
  twinspire import shop.twin items.parquet --no-filter embedding,raw

Files:
  JSON lines  one object per line, each with an `id`
  CSV         a header row with a column `id`; a cell that looks like a number, true or
              false is one; an empty cell is an absent field
  Parquet     a column `id`; each column is a field, times become seconds since 1970
  MovieLens   u.item (u.data and u.user are read by `twinspire train`)
  export      an export with --vectors: the items are imported and the vectors ignored, as a
              publish with the same towers computes them again; an export without --vectors
              is plain JSON lines

An existing item is replaced, so importing a file twice does no harm. With --replace, items that the file
does not have are removed at the end; more than half of them only with --yes. A crash before that leaves
them all, and running the command again completes it. Lists of more than 32 numbers are stored without an
index by themselves. A database holds items only: logs
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
#[expect(clippy::struct_excessive_bools, reason = "flags are independent")]
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
    /// The file is the whole catalogue: remove every item that is not in it, after the last line was read
    #[arg(long, conflicts_with = "dry_run")]
    replace: bool,
    /// With --replace: remove any number of items, even more than half of them, or after bad lines
    #[arg(long, requires = "replace")]
    yes: bool,
    /// Fields that nobody filters by: store them without an index (kept with the database)
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        conflicts_with = "dry_run"
    )]
    no_filter: Vec<String>,
    /// Let filters read a field again that --no-filter excluded
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        conflicts_with = "dry_run"
    )]
    allow_filter: Vec<String>,
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
            if !args.no_filter.is_empty() {
                db.exclude_from_filters(&args.no_filter)?;
            }
            if !args.allow_filter.is_empty() {
                db.include_in_filters(&args.allow_filter)?;
            }
            match args.replace {
                true => return replace(&db, records, &args, output),
                false => store(&db, records, &args, output)?,
            }
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

/// Objects that were meant as places and are none: by field and reason, how many, and the first item.
#[derive(Default)]
struct MisreadPlaces(BTreeMap<(String, &'static str), (u64, String)>);

impl MisreadPlaces {
    fn add(&mut self, item: &Value) {
        for place in misread_places(item) {
            let id = || item["id"].as_str().unwrap_or_default().to_owned();
            let (count, _) = self.0.entry(place).or_insert_with(|| (0, id()));
            *count += 1;
        }
    }

    fn tell(&self, output: &Output) {
        for ((field, fault), (count, first)) in &self.0 {
            output.note(&format!(
                "no place: `{field}` {fault} in {}, the first is {first:?}; filters read places from \
                 {{\"lat\": -90 to 90, \"lon\": -180 to 180}}",
                counted(*count, "item")
            ));
        }
    }
}

/// Puts every item, then removes all others.
fn replace(
    db: &Database,
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut catalogue = db.items().replace_all()?;
    if args.yes {
        catalogue = catalogue.max_removed(1.0);
    }
    let counts = put_batches(records, args, output, |batch| catalogue.put_many(batch))?;
    let Counts { read, bad_lines } = counts;
    let (missing, items) = catalogue.missing()?;
    if bad_lines > 0 && missing > 0 && !args.yes {
        let message = format!(
            "{} of {} are not in the file, but {} could not be read: nothing was removed",
            counted(missing, "item"),
            thousands(items),
            counted(bad_lines, "bad line"),
        );
        return Err(Failure::refused(message).hint("--yes removes them all the same"));
    }
    let done = catalogue.finish().map_err(|error| {
        let too_many = matches!(error, Error::TooManyRemoved { .. });
        let failure = Failure::from(error);
        match too_many {
            true => failure.hint("the items of the file are stored; --yes removes the others"),
            false => failure,
        }
    })?;
    let document = json!({"kind": "items", "read": read, "bad_lines": bad_lines,
                          "added": done.added, "changed": done.changed,
                          "unchanged": done.unchanged, "removed": done.removed});
    output.result(&document, || {
        let mut text = format!(
            "{} imported: {} new, {} changed, {} unchanged; {} removed",
            counted(read, "item"),
            thousands(done.added),
            thousands(done.changed),
            thousands(done.unchanged),
            counted(done.removed, "item"),
        );
        if bad_lines > 0 {
            text.push_str(&format!(", {} skipped", counted(bad_lines, "bad line")));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Puts every item into the database.
fn store(
    db: &Database,
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
) -> Result<Counts, Failure> {
    put_batches(records, args, output, |batch| {
        db.items().put_many(batch).map(drop)
    })
}

/// Reads every item and passes them to `put`, batch by batch.
fn put_batches(
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
    mut put: impl FnMut(&[Value]) -> Result<(), Error>,
) -> Result<Counts, Failure> {
    let mut places = MisreadPlaces::default();
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
            put(&batch)?;
            written += batch.len() as u64;
            batch_start = position;
            batch.clear();
            ids.clear();
            ids.extend(id.map(str::to_owned));
        }
        if let Some(item) = &item {
            places.add(item);
        }
        batch.extend(item);
        Ok(())
    });
    places.tell(output);
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
