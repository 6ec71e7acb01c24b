//! `twinspire import`: items from files into a database.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use twinspire::import::{Format, Records, Source, misread_places, open};
use twinspire::{Database, Error};

use crate::args::{ColumnArgs, DatabaseArg};
use crate::output::{Exit, Failure, Output, counted, thousands};
use crate::reading::{Repeated, Tally, read};

const EXAMPLES: &str = "\
Examples:
  twinspire import shop.twin items.jsonl
  twinspire import shop.twin movies.csv --id movieId --lists genres
  twinspire import movies.twin ml-25m                  a MovieLens directory
  twinspire import shop.twin items.parquet --drop embedding
  my-export | twinspire import shop.twin -             JSON lines or CSV
  twinspire import shop.twin log.csv --kind events --dry-run
  twinspire import copy.twin all.jsonl --format export
  twinspire import shop.twin today.jsonl --replace     also removes what the file does not have
  twinspire import shop.twin items.parquet --no-filter embedding,raw

Files:
  JSON lines  one object per line, each with an `id`
  CSV         a header row with a column `id`; a column whose cells all look like numbers, booleans or
              dates holds these, any other text; an empty cell is an absent field
  Parquet     a column `id`; each column is a field; dates and times become seconds since 1970
  MovieLens   the films of 100K, 1M, 10M, 20M, 25M, 32M, latest (`twinspire train` reads the rest)
  export      an export with --vectors: the items are imported and the vectors ignored, as a
              publish with the same towers computes them again; an export without --vectors
              is plain JSON lines

An existing item is replaced, so importing a file twice does no harm. With --replace, items that the file
does not have are removed at the end; more than half of them only with --yes. A crash before that leaves
them all, and running the command again completes it. Lists of more than 32 numbers are stored without an
index by themselves. A database holds items only: logs
and users stay in their files, where `train` reads them; --dry-run checks them. Text may be compressed with
gzip or Zstandard, whatever its name. --skip-bad also passes over damaged parts of a file: the records that
are lost with them are counted, and the exit code is 1.";

/// Number of items in a batch. Each batch is one fsync and written whole or not at all.
const BATCH_ITEMS: usize = 2_000;
/// A batch is written sooner when its records reach this size. A small file can hold large records: Parquet packs them,
/// and CSV names its columns once.
const BATCH_BYTES: usize = 16 << 20;

/// Read items into a database, which is created if absent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent")]
pub struct ImportArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// A file (.jsonl, .ndjson, .json, .csv, .tsv, .parquet; also .gz, .zst), a MovieLens directory, or - for
    /// standard input
    path: PathBuf,
    /// What the file holds
    #[arg(long, value_enum, default_value_t = Kind::Items)]
    kind: Kind,
    /// The format of the file, where its name does not tell
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    #[command(flatten)]
    columns: ColumnArgs,
    /// Skip bad records and count them, instead of stopping at the first
    #[arg(long)]
    skip_bad: bool,
    /// Read and check the file, write nothing
    #[arg(long)]
    dry_run: bool,
    /// The file is the whole catalogue: remove every item that is not in it, after the last line was read
    #[arg(long, conflicts_with = "dry_run")]
    replace: bool,
    /// With --replace: remove any number of items, even more than half of them, or after bad records
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
    Parquet,
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
    let source = source(&args)?;
    let tally = match args.kind {
        Kind::Items if !args.dry_run => {
            let records = source.items()?;
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
        Kind::Items => check_ids(source.items()?, "id", &args, output)?,
        Kind::Users => check_ids(source.users()?, "user_id", &args, output)?,
        Kind::Events => read(source.events()?, "events", args.skip_bad, output, |_, _| {
            Ok(())
        })?,
    };
    let noun = match args.kind {
        Kind::Items => "item",
        Kind::Users => "user",
        Kind::Events => "event",
    };
    let mut document = tally.document();
    document["kind"] = json!(format!("{noun}s"));
    document["written"] = json!(if args.dry_run { 0 } else { tally.read });
    output.result(&document, || {
        let verb = if args.dry_run { "checked" } else { "imported" };
        format!("{} {verb}{}", counted(tally.read, noun), tally.remarks())
    })?;
    Ok(Exit::Done)
}

/// Opens the file.
fn source(args: &ImportArgs) -> Result<Source, Failure> {
    let format = args.format.map(|format| match format {
        FormatArg::JsonLines => Format::JsonLines,
        FormatArg::Csv => Format::Csv,
        FormatArg::Parquet => Format::Parquet,
        FormatArg::MovieLens => Format::MovieLens,
        FormatArg::Export => Format::Export,
    });
    let source = match format {
        Some(format) => Source::new(&args.path, format),
        None => open(&args.path)?,
    };
    Ok(source.options(args.columns.options()))
}

/// Reads all records and counts repeated ids.
fn check_ids(
    records: Records<Value>,
    id: &str,
    args: &ImportArgs,
    output: &Output,
) -> Result<Tally, Failure> {
    let (mut ids, mut repeated) = (Repeated::default(), 0);
    let tally = read(records, "reading", args.skip_bad, output, |record, _| {
        repeated += u64::from(!ids.insert(record[id].as_str().unwrap_or_default()));
        Ok(())
    })?;
    Ok(Tally { repeated, ..tally })
}

/// Invalid places: by field and reason, how many, and the first item.
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
    let tally = put_batches(records, args, output, |batch| catalogue.put_many(batch))?;
    let (missing, items) = catalogue.missing()?;
    let unread = tally.bad + tally.lost;
    if unread > 0 && missing > 0 && !args.yes {
        let message = format!(
            "{} of {} are not in the file, but {} could not be read: nothing was removed",
            counted(missing, "item"),
            thousands(items),
            counted(unread, "record"),
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
    let mut document = tally.document();
    document["kind"] = json!("items");
    document["added"] = json!(done.added);
    document["changed"] = json!(done.changed);
    document["unchanged"] = json!(done.unchanged);
    document["removed"] = json!(done.removed);
    output.result(&document, || {
        format!(
            "{} imported: {} new, {} changed, {} unchanged; {} removed{}",
            counted(tally.read, "item"),
            thousands(done.added),
            thousands(done.changed),
            thousands(done.unchanged),
            counted(done.removed, "item"),
            tally.remarks(),
        )
    })?;
    Ok(Exit::Done)
}

/// Puts every item into the database.
fn store(
    db: &Database,
    records: Records<Value>,
    args: &ImportArgs,
    output: &Output,
) -> Result<Tally, Failure> {
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
) -> Result<Tally, Failure> {
    let mut places = MisreadPlaces::default();
    let mut batch = Batch::default();
    let (mut ids, mut repeated) = (Repeated::default(), 0);
    let result = read(records, "items", args.skip_bad, output, |item, _| {
        let bytes = size(&item)?;
        if batch.is_full(&item, bytes) {
            batch.put(&mut put)?;
        }
        places.add(&item);
        repeated += u64::from(!ids.insert(id_of(&item)));
        batch.add(item, bytes);
        Ok(())
    });
    places.tell(output);
    // What stands before an error is stored as well.
    let last = batch.put(&mut put);
    let result = result.and_then(|tally| {
        last?;
        Ok(Tally { repeated, ..tally })
    });
    result.map_err(|failure| match batch.written {
        0 => failure,
        written => failure.hint(format!(
            "stored before it: {}; importing the file again is safe",
            counted(written, "item")
        )),
    })
}

fn id_of(item: &Value) -> &str {
    item["id"].as_str().unwrap_or_default()
}

/// Items that are written in one call.
#[derive(Default)]
struct Batch {
    items: Vec<Value>,
    ids: HashSet<String>,
    bytes: usize,
    /// Number of items written so far.
    written: u64,
}

impl Batch {
    /// Whether an item of this size does not fit. A later record of the same id replaces the earlier one, so both
    /// cannot be in one call.
    fn is_full(&self, item: &Value, bytes: usize) -> bool {
        let large = self.bytes + bytes > BATCH_BYTES && !self.items.is_empty();
        self.items.len() >= BATCH_ITEMS || large || self.ids.contains(id_of(item))
    }

    fn add(&mut self, item: Value, bytes: usize) {
        self.ids.insert(id_of(&item).to_owned());
        self.bytes += bytes;
        self.items.push(item);
    }

    fn put(&mut self, put: &mut impl FnMut(&[Value]) -> Result<(), Error>) -> Result<(), Failure> {
        if !self.items.is_empty() {
            put(&self.items)?;
        }
        self.written += self.items.len() as u64;
        self.items.clear();
        self.ids.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// Size of a record as JSON, in bytes.
fn size(record: &Value) -> Result<usize, Failure> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, record).map_err(Failure::failed)?;
    Ok(count.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_by_its_bytes_its_items_or_a_repeated_id() {
        let item = |id: usize| json!({"id": id.to_string()});
        let mut batch = Batch::default();
        assert!(
            !batch.is_full(&item(0), BATCH_BYTES + 1),
            "one item goes into any batch"
        );
        batch.add(item(0), 40_000);
        assert!(batch.is_full(&item(0), 1));
        assert!(batch.is_full(&item(1), BATCH_BYTES));
        assert!(!batch.is_full(&item(1), 40_000));
        for id in 1..BATCH_ITEMS {
            batch.add(item(id), 1);
        }
        assert!(batch.is_full(&item(BATCH_ITEMS), 1));
        assert_eq!(
            size(&json!({"id": "é\n"})).ok(),
            Some(r#"{"id":"é\n"}"#.len())
        );
    }
}
