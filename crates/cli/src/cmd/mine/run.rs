//! Reads the pairs, mines them and writes the result.

use std::cell::Cell;
use std::fmt::Display;
use std::path::Path;

use indicatif::ProgressBar;
use serde_json::json;
use twinspire::import::{ImportError, jsonl};
use twinspire::{Error, MinedPair, TrainingPair};

use super::args::MineArgs;
use super::known::KnownPositives;
use super::sink::{JsonLines, Sink};
use super::table::TableWriter;
use crate::output::{Exit, Failure, Output, StreamError, Unit, counted, write_stream};

/// Number of skipped pairs that are shown one by one.
const MAX_SKIPPED_SHOWN: u64 = 5;

/// Runs the command.
pub fn run(args: MineArgs, output: &Output) -> Result<Exit, Failure> {
    if args.reads_standard_input() && args.known_by.is_some() {
        let message = "--known-by reads the pairs twice, standard input can be read once";
        return Err(Failure::usage(message).hint("write the pairs to a file"));
    }
    let db = args.target.open_to_read()?;
    let state = args.space.resolve(&db.pin(), &db)?;
    let known = args.known_by.as_ref();
    let known = known.map(|field| KnownPositives::read(&args.pairs, field, args.skip_bad));
    let known = known.transpose()?;

    let total = args.pairs.metadata().map_or(0, |metadata| metadata.len());
    let bar = output.stream_bar("mining", total, Unit::Bytes, args.out.as_deref());
    let skipped = Skipped::new(&bar, output);
    let pairs = try_pairs(&args, known.as_ref(), &bar, &skipped)?;
    let mut miner = args.apply(state.mine(&args.space.name));
    if args.skip_bad {
        miner = miner.skip_failures(|error| skipped.report(error));
    }
    let mined = miner.try_pairs(pairs)?;
    let generation = mined.generation();
    let counts = write_stream(args.out.as_deref(), |out| match &args.out {
        Some(path) if is_parquet(path) => {
            let metadata = [
                ("twinspire.space", args.space.name.clone()),
                ("twinspire.generation", generation.to_string()),
            ];
            write_pairs(mined, &mut TableWriter::new(out, metadata)?)
        }
        _ => write_pairs(mined, &mut JsonLines(out)),
    })?;
    bar.finish_and_clear();
    let (Some(counts), Some(path)) = (counts, &args.out) else {
        return Ok(Exit::Done);
    };

    let Counts {
        pairs,
        negatives,
        hard_positives,
    } = counts;
    let (space, file) = (&args.space.name, path.display().to_string());
    let mut document = json!({
        "space": space, "generation": generation, "pairs": pairs,
        "negatives": negatives, "hard_positives": hard_positives, "file": file
    });
    if args.skip_bad {
        document["passed_over"] = json!(skipped.count());
    }
    output.result(&document, || {
        let mut text = format!(
            "{} with {} and {} from {space}, generation {generation}, written to {file}",
            counted(pairs, "pair"),
            counted(negatives, "negative"),
            counted(hard_positives, "hard positive"),
        );
        if skipped.count() > 0 {
            text.push_str(&format!("; {} skipped", counted(skipped.count(), "pair")));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// Counts what is skipped and shows the first few.
struct Skipped<'a> {
    count: Cell<u64>,
    bar: &'a ProgressBar,
    output: &'a Output,
}

impl<'a> Skipped<'a> {
    fn new(bar: &'a ProgressBar, output: &'a Output) -> Self {
        Self {
            count: Cell::new(0),
            bar,
            output,
        }
    }

    fn report(&self, reason: &dyn Display) {
        self.count.set(self.count.get() + 1);
        if self.count.get() <= MAX_SKIPPED_SHOWN {
            let note = || self.output.note(&format!("skipped: {reason}"));
            self.bar.suspend(note);
        }
    }

    fn count(&self) -> u64 {
        self.count.get()
    }
}

/// The pairs of the file or of standard input, with the known positives added.
fn try_pairs<'a>(
    args: &'a MineArgs,
    known: Option<&'a KnownPositives>,
    bar: &'a ProgressBar,
    skipped: &'a Skipped<'a>,
) -> Result<impl Iterator<Item = Result<TrainingPair, ImportError>> + 'a, Failure> {
    let mut lines = jsonl::pairs(&args.pairs)?;
    Ok(std::iter::from_fn(move || {
        loop {
            let pair = lines.next()?;
            bar.set_position(lines.bytes_read());
            match pair {
                Err(error) if args.skip_bad && error.is_bad_record() => skipped.report(&error),
                Ok(mut pair) => {
                    if let Some(known) = known {
                        known.add_to(&mut pair);
                    }
                    return Some(Ok(pair));
                }
                error => return Some(error),
            }
        }
    }))
}

fn is_parquet(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("parquet")
}

/// What was written.
#[derive(Default)]
struct Counts {
    pairs: u64,
    negatives: u64,
    hard_positives: u64,
}

fn write_pairs(
    mined: impl Iterator<Item = Result<MinedPair, Error>>,
    sink: &mut impl Sink,
) -> Result<Counts, StreamError> {
    let mut counts = Counts::default();
    for pair in mined {
        let pair = pair.map_err(|error| StreamError::Source(mining_failure(error)))?;
        counts.pairs += 1;
        counts.negatives += pair.negatives.len() as u64;
        counts.hard_positives += u64::from(pair.hard_positive);
        sink.write(pair)?;
    }
    sink.finish()?;
    Ok(counts)
}

/// Why mining ended; the hint names the flag that would skip the pair.
fn mining_failure(error: Error) -> Failure {
    let concerns_pair = match &error {
        Error::Pair { .. } => true,
        Error::PairSource { source } => source
            .downcast_ref::<ImportError>()
            .is_some_and(ImportError::is_bad_record),
        _ => false,
    };
    match concerns_pair {
        true => Failure::from(error).hint("--skip-bad skips such pairs"),
        false => error.into(),
    }
}
