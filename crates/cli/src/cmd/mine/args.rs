//! The flags of `twinspire mine`.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;
use twinspire::{DEFAULT_NEGATIVE_RANKS, DEFAULT_NEGATIVES_PER_PAIR, Miner};

use crate::args::{DatabaseArg, EffortArgs, StateArg};

const EXAMPLES: &str = "\
Examples:
  twinspire mine shop.twin movies --pairs clicks.jsonl --known-by user_id --out negatives.jsonl
  twinspire mine shop.twin movies --pairs clicks.jsonl --ranks 201..400 --out negatives.parquet
  twinspire mine shop.twin movies --pairs clicks.jsonl --per-pair 0 --hard-beyond 1000 --only-hard
  twinspire mine shop.twin movies@5 --pairs - < clicks.jsonl | head

Each line of the pairs is a user and an item the user took, the positive. `known`, other items the user
took, is optional:
  {\"user\":{\"user_id\":\"42\"},\"positive\":\"B01\",\"known\":[\"B02\"]}
Each user is recalled as deep as the ranks go. Ranks skip the positive and the known items. The result
is one line per pair:
  {\"pair\":0,\"generation\":6,\"user\":{…},\"positive\":\"B01\",\"positive_score\":0.71,
   \"positive_rank\":12,\"hard_positive\":false,\"negatives\":[{\"id\":\"B77\",\"rank\":130,\"score\":0.55},…]}
A positive without a rank lies deeper than the search went. A file named .parquet becomes a flat table
with a row per negative: pair, user (JSON text), positive, positive_rank, positive_score, hard_positive,
negative, negative_rank, negative_score. A pair without negatives is one row without the last three.
See docs/mining.md.";

/// Mine hard negatives and hard positives for training.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MineArgs {
    #[command(flatten)]
    pub target: DatabaseArg,
    /// The space, or SPACE@GENERATION for another generation that it keeps
    #[arg(value_name = "SPACE")]
    pub space: StateArg,
    /// The pairs: a file of JSON lines, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub pairs: PathBuf,
    /// Ranks to take negatives from, both ends included
    #[arg(long, value_name = "FROM..TO", value_parser = parse_ranks,
          default_value_t = Ranks(DEFAULT_NEGATIVE_RANKS))]
    pub ranks: Ranks,
    /// Number of negatives per pair: a sample of the ranks
    #[arg(long, value_name = "N", default_value_t = DEFAULT_NEGATIVES_PER_PAIR)]
    per_pair: usize,
    /// Take every item at the ranks instead of a sample
    #[arg(long, conflicts_with = "per_pair")]
    every_rank: bool,
    /// Seed of the samples: the same seed draws the same ones
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// A positive below this rank is hard [default: the last rank of --ranks]
    #[arg(long, value_name = "RANK")]
    hard_beyond: Option<u32>,
    /// Write only pairs whose positive is hard
    #[arg(long)]
    only_hard: bool,
    /// Count as known every positive in the file whose user has the same value in this field
    #[arg(long, value_name = "FIELD")]
    pub known_by: Option<String>,
    /// Take only negatives that match, as in "city = 'Seattle' and price < 30"
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    effort: EffortArgs,
    /// Skip and count bad lines and pairs that cannot be mined, instead of stopping at the first
    #[arg(long)]
    pub skip_bad: bool,
    /// Write to this file (Parquet if named .parquet) instead of standard output; it is replaced once all
    /// pairs are mined
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl MineArgs {
    /// Whether the pairs come from standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.pairs.as_os_str() == "-"
    }

    /// A miner with these options.
    pub fn apply<'a>(&self, mut miner: Miner<'a>) -> Miner<'a> {
        miner = miner.ranks(self.ranks.0.clone()).seed(self.seed);
        miner = match self.every_rank {
            true => miner.every_rank(),
            false => miner.per_pair(self.per_pair),
        };
        if let Some(rank) = self.hard_beyond {
            miner = miner.hard_positives_beyond(rank);
        }
        if self.only_hard {
            miner = miner.only_hard_positives();
        }
        if let Some(filter) = &self.filter {
            miner = miner.filter(filter);
        }
        if let Some(ef) = self.effort.ef {
            miner = miner.ef(ef);
        }
        if let Some(share) = self.effort.recall_target {
            miner = miner.recall_target(share);
        }
        match self.effort.exact {
            true => miner.exact(),
            false => miner,
        }
    }
}

/// First and last rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranks(RangeInclusive<u32>);

impl fmt::Display for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0.start(), self.0.end())
    }
}

/// `FROM..TO`, `FROM..=TO` or a single rank.
fn parse_ranks(text: &str) -> Result<Ranks, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    match (from.parse(), to.trim_start_matches('=').parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(Ranks(from..=to)),
        _ => Err("two ascending ranks of at least 1 expected, as in 101..500".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_two_ascending_numbers() {
        assert_eq!(parse_ranks("101..500"), Ok(Ranks(101..=500)));
        assert_eq!(parse_ranks("1..=7"), Ok(Ranks(1..=7)));
        assert_eq!(parse_ranks("9"), Ok(Ranks(9..=9)));
        for text in ["", "0..3", "5..4", "a..b", "1..", "-1..2", "1..99999999999"] {
            assert!(parse_ranks(text).is_err(), "{text}");
        }
        assert_eq!(Ranks(DEFAULT_NEGATIVE_RANKS).to_string(), "101..500");
    }
}
