//! `twinspire mine`: hard negatives and hard positives to train with.

mod known;
mod table;

use std::cell::Cell;
use std::io::{self, BufReader, BufWriter, ErrorKind, IsTerminal, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use twinspire::import::jsonl;
use twinspire::{DEFAULT_NEGATIVE_RANKS, DEFAULT_NEGATIVES_PER_PAIR, Error, MinedPair};

use self::known::Known;
use self::table::TableWriter;
use super::open_to_read;
use super::state::StateArg;
use crate::args::EffortArgs;
use crate::next::Next;
use crate::output::{Exit, Failure, Output, Unit, counted};

const EXAMPLES: &str = "\
Examples:
  twinspire mine shop.twin movies --pairs clicks.jsonl --known-by user_id --out negatives.jsonl
  twinspire mine shop.twin movies --pairs clicks.jsonl --ranks 201..400 --out negatives.parquet
  twinspire mine shop.twin movies --pairs clicks.jsonl --per-pair 0 --hard-beyond 1000 --only-hard
  twinspire mine shop.twin movies@5 --pairs - < clicks.jsonl | head

A line of the pairs is a user and an item the user took; `known`, other items the user is known
to have taken, may be left out:
  {\"user\":{\"user_id\":\"42\"},\"positive\":\"B01\",\"known\":[\"B02\"]}
For each pair the user's recall is searched as deep as the ranks go; the positive and the known
items are not counted in ranks. What comes out is a line for each pair:
  {\"pair\":0,\"generation\":6,\"user\":{…},\"positive\":\"B01\",\"positive_score\":0.71,
   \"positive_rank\":12,\"hard_positive\":false,\"negatives\":[{\"id\":\"B77\",\"rank\":130,\"score\":0.55},…]}
A positive without a rank lies deeper than was searched. Into a file called .parquet goes a flat
table, a row for each negative: pair, user (JSON text), positive, positive_rank, positive_score,
hard_positive, negative, negative_rank, negative_score; a pair without negatives is one row without
these three.
docs/mining.md tells what to do with them.";

/// What errors call standard input.
const INPUT: &str = "standard input";
/// How many pairs that are passed over are shown one by one.
const SHOWN: u64 = 5;

/// Find hard negatives and hard positives to train with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MineArgs {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    database: PathBuf,
    /// The space, or SPACE@GENERATION for another generation that it keeps
    #[arg(value_name = "SPACE")]
    space: StateArg,
    /// The pairs: a file of JSON lines, or - for standard input
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// The ranks to take negatives from, both ends included
    #[arg(long, value_name = "FROM..TO", value_parser = ranks, default_value_t = Ranks(DEFAULT_NEGATIVE_RANKS))]
    ranks: Ranks,
    /// How many negatives of each pair: a sample of the ranks
    #[arg(long, value_name = "N", default_value_t = DEFAULT_NEGATIVES_PER_PAIR)]
    per_pair: usize,
    /// Every item at the ranks, in place of a sample
    #[arg(long, conflicts_with = "per_pair")]
    every_rank: bool,
    /// What decides the samples: the same seed gives the same ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A positive that is at none of so many ranks is hard; by default, the last that negatives are from
    #[arg(long, value_name = "RANK")]
    hard_beyond: Option<u32>,
    /// Give only pairs whose positive is hard
    #[arg(long)]
    only_hard: bool,
    /// Take for known every positive of the file whose user has the same value in this field
    #[arg(long, value_name = "FIELD")]
    known_by: Option<String>,
    /// Take only items that match for negatives, as in "city = 'Seattle' and price < 30"
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    effort: EffortArgs,
    /// Pass over bad lines and pairs that cannot be mined, and count them, instead of stopping at the
    /// first
    #[arg(long)]
    skip_bad: bool,
    /// Write to this file, which is replaced when all is written, instead of standard output; Parquet if
    /// it is called .parquet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Ranks from and to, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ranks(RangeInclusive<u32>);

impl std::fmt::Display for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.0.start(), self.0.end())
    }
}

fn ranks(text: &str) -> Result<Ranks, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (from.parse(), to.trim_start_matches('=').parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(Ranks(from..=to)),
        _ => Err("two ranks expected, from 1 and upwards, as in 101..500".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: MineArgs, output: &Output) -> Result<Exit, Failure> {
    let from_input = args.pairs.as_os_str() == "-";
    if from_input && args.known_by.is_some() {
        let message = "--known-by reads the pairs twice, which standard input cannot be";
        return Err(Failure::usage(message).hint("write them to a file first"));
    }
    let db = open_to_read(&args.database)?;
    let state = args.space.of(&db.pin(), &db)?;
    let known = match &args.known_by {
        Some(field) => Some(Known::read(&args.pairs, field, args.skip_bad)?),
        None => None,
    };
    let mut lines = match from_input {
        true => jsonl::pairs_from(BufReader::new(io::stdin()), INPUT),
        false => jsonl::pairs(&args.pairs)?,
    };
    // On a terminal the lines themselves tell how far it is.
    let seen = args.out.is_none() && io::stdout().is_terminal();
    let total = args.pairs.metadata().map_or(0, |metadata| metadata.len());
    let bar = (!seen).then(|| output.bar("mining", total, Unit::Bytes));
    let (bad, position) = (Cell::new(0u64), Cell::new(0));
    let pass_over = |what: &dyn std::fmt::Display| {
        bad.set(bad.get() + 1);
        if bad.get() <= SHOWN {
            let note = || output.note(&format!("passed over: {what}"));
            bar.as_ref().map_or_else(note, |bar| bar.suspend(note));
        }
    };
    let pairs = std::iter::from_fn(|| {
        loop {
            let pair = lines.next()?;
            position.set(lines.bytes_read());
            match pair {
                Err(error) if args.skip_bad && error.line.is_some() => pass_over(&error),
                Ok(mut pair) => {
                    if let Some(known) = &known {
                        known.add_to(&mut pair);
                    }
                    return Some(Ok(pair));
                }
                bad => return Some(bad),
            }
        }
    });
    let mut miner = state.mine(&args.space.name).ranks(args.ranks.0.clone());
    miner = miner.seed(args.seed);
    miner = match args.every_rank {
        true => miner.every_rank(),
        false => miner.per_pair(args.per_pair),
    };
    if let Some(rank) = args.hard_beyond {
        miner = miner.hard_positives_beyond(rank);
    }
    if args.only_hard {
        miner = miner.only_hard_positives();
    }
    if let Some(filter) = &args.filter {
        miner = miner.filter(filter);
    }
    if let Some(ef) = args.effort.ef {
        miner = miner.ef(ef);
    }
    if let Some(share) = args.effort.recall_target {
        miner = miner.recall_target(share);
    }
    if args.effort.exact {
        miner = miner.exact();
    }
    if args.skip_bad {
        miner = miner.leave_out(|error| pass_over(error));
    }
    let mining = miner.read_pairs(pairs)?;
    let generation = mining.generation();
    let told = mining.inspect(|_| {
        if let Some(bar) = &bar {
            bar.set_position(position.get());
        }
    });
    let Some(path) = &args.out else {
        let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match write(told, &mut Lines(out)) {
            // Whoever reads has read enough: `twinspire mine … | head`.
            Err(Halt::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {}
            Err(halt) => return Err(halt.into_failure(OUTPUT)),
            Ok(_) => {}
        }
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        return Ok(Exit::Done);
    };
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::writing(&name, error);
    let next = Next::create(path).map_err(failed)?;
    let counts = if is_parquet(path) {
        let about = [
            ("twinspire.space", args.space.name.clone()),
            ("twinspire.generation", generation.to_string()),
        ];
        let mut table = TableWriter::new(next.file(), about).map_err(failed)?;
        write(told, &mut table)
    } else {
        write(
            told,
            &mut Lines(BufWriter::with_capacity(1 << 16, next.file())),
        )
    };
    let counts = counts.map_err(|halt| halt.into_failure(&name))?;
    next.put_in_place().map_err(failed)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let Counts {
        pairs,
        negatives,
        hard,
    } = counts;
    let mut document = json!({
        "space": args.space.name, "generation": generation, "pairs": pairs,
        "negatives": negatives, "hard_positives": hard, "file": name
    });
    if args.skip_bad {
        document["passed_over"] = json!(bad.get());
    }
    output.result(&document, || {
        let mut text = format!(
            "{} and {} of {} generation {generation} written to {name}; of the positives {hard} are hard",
            counted(pairs, "pair"),
            counted(negatives, "negative"),
            args.space.name,
        );
        if bad.get() > 0 {
            text.push_str(&format!("; passed over: {}", bad.get()));
        }
        text
    })?;
    Ok(Exit::Done)
}

/// What errors call standard output.
const OUTPUT: &str = "standard output";

fn is_parquet(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("parquet")
}

/// What was written.
#[derive(Default)]
struct Counts {
    pairs: u64,
    negatives: u64,
    hard: u64,
}

/// Why nothing is written on.
enum Halt {
    /// The pairs cannot be mined.
    Mine(Error),
    /// What is mined cannot be written.
    Write(io::Error),
}

impl Halt {
    fn into_failure(self, name: &str) -> Failure {
        match self {
            Self::Write(error) => Failure::writing(name, error),
            Self::Mine(error) => {
                let passable = match &error {
                    Error::Pair { .. } => true,
                    Error::PairSource { source } => source
                        .downcast_ref::<twinspire::import::ImportError>()
                        .is_some_and(|error| error.line.is_some()),
                    _ => false,
                };
                let failure = Failure::from(error);
                match passable {
                    true => failure.hint("--skip-bad passes over such pairs"),
                    false => failure,
                }
            }
        }
    }
}

/// Where what is mined goes.
trait Sink {
    fn write(&mut self, mined: MinedPair) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
}

/// A JSON object a line.
struct Lines<W>(W);

impl<W: Write> Sink for Lines<W> {
    fn write(&mut self, mut mined: MinedPair) -> io::Result<()> {
        // It was given, and may be long.
        mined.pair.known.clear();
        serde_json::to_writer(&mut self.0, &mined)?;
        self.0.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn write(
    mining: impl Iterator<Item = Result<MinedPair, Error>>,
    sink: &mut impl Sink,
) -> Result<Counts, Halt> {
    let mut counts = Counts::default();
    for mined in mining {
        let mined = mined.map_err(Halt::Mine)?;
        counts.pairs += 1;
        counts.negatives += mined.negatives.len() as u64;
        counts.hard += u64::from(mined.hard_positive);
        sink.write(mined).map_err(Halt::Write)?;
    }
    sink.finish().map_err(Halt::Write)?;
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_two_numbers_upwards() {
        assert_eq!(ranks("101..500"), Ok(Ranks(101..=500)));
        assert_eq!(ranks("1..=7"), Ok(Ranks(1..=7)));
        assert_eq!(ranks("9"), Ok(Ranks(9..=9)));
        for text in ["", "0..3", "5..4", "a..b", "1..", "-1..2", "1..99999999999"] {
            assert!(ranks(text).is_err(), "{text}");
        }
        assert_eq!(Ranks(DEFAULT_NEGATIVE_RANKS).to_string(), "101..500");
    }
}
