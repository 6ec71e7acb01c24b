//! `twinspire publish`: a new generation of a space.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, ValueEnum};
use twinspire::import::vectors::{self, VectorOptions, Vectors};
use twinspire::{Error, Metric, Storage, Towers};

use super::stages::Stages;
use super::{generations, open_to_write};
use crate::args::{SpaceArgs, at_least_one};
use crate::output::{Exit, Failure, Output, thousands};

const EXAMPLES: &str = "\
Examples:
  twinspire publish movies.twin movies models/movies
  twinspire publish movies.twin movies models/movies --retain 1 --half
  twinspire publish movies.twin movies models/movies --leave-out
  twinspire publish shop.twin clip --vectors items.npy --ids items.txt --metric cosine
  twinspire publish shop.twin clip models/user --vectors items.parquet --vector-column embedding
  twinspire publish shop.twin both --fuse text unified

Every item is embedded with the item tower, the graph is built and searched for a check, and the space
moves to it in one step: recalls see the old generation whole or the new one whole. The old one is kept
for `twinspire rollback`.

Vectors that were computed elsewhere take the place of an item tower: .npy, .fvecs and .bvecs (ids in a
file of their own, a line each, or else the numbers of the rows), JSON lines, Parquet. Without TOWERS
the space is asked with `twinspire recall --vector` and `twinspire similar`.

A fused space has one graph over the vectors of several spaces, one behind the other. Weighted ensembles of
these that name it (\"fused\": \"both\") walk it in place of theirs. Publish it again after its members.";

/// How many items that are left out are shown one by one.
const LEFT_OUT_SHOWN: usize = 5;

/// Embed every item with the towers and make the space serve them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PublishArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The towers: a directory with tower.json and its weights, as `train` writes it
    #[arg(value_name = "TOWERS", required_unless_present_any = ["vectors", "fuse"])]
    towers: Option<PathBuf>,
    /// How many generations the space keeps, this one among them, at least 1
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
    retain: usize,
    /// Store vectors in half precision: half the room, scores differ in the fourth digit
    #[arg(long)]
    half: bool,
    /// Leave out items that cannot be embedded or have no vector, and vectors that cannot be used, and
    /// count them, instead of stopping at the first
    #[arg(long)]
    leave_out: bool,
    /// Fuse these spaces: their vectors are put one behind the other, and nothing is embedded
    #[arg(long, value_name = "SPACE", num_args = 2..,
          conflicts_with_all = ["towers", "vectors", "half", "leave_out"])]
    fuse: Vec<String>,
    #[command(flatten)]
    from: VectorArgs,
}

/// Vectors that were computed elsewhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vectors from elsewhere")]
struct VectorArgs {
    /// The vectors of the items: a .npy, .fvecs, .bvecs, .jsonl or .parquet file
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// The ids of the rows of a .npy, .fvecs or .bvecs file, one a line
    #[arg(long, value_name = "FILE", requires = "vectors")]
    ids: Option<PathBuf>,
    /// JSON lines and Parquet: what the id is called
    #[arg(long, value_name = "NAME", requires = "vectors")]
    id_column: Option<String>,
    /// JSON lines and Parquet: what the vector is called
    #[arg(long, value_name = "NAME", requires = "vectors")]
    vector_column: Option<String>,
    /// JSON lines of `twinspire export --vectors`: whose vectors to take
    #[arg(long, value_name = "SPACE", requires = "vectors")]
    from_space: Option<String>,
    /// How vectors are compared, where no towers say so (cosine by default)
    #[arg(long, value_enum, requires = "vectors", conflicts_with = "towers")]
    metric: Option<MetricArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MetricArg {
    Cosine,
    #[value(name = "inner_product")]
    InnerProduct,
    L2,
}

/// Runs the command.
pub fn run(args: PublishArgs, output: &Output) -> Result<Exit, Failure> {
    let towers = args.towers.as_ref().map(Towers::open).transpose()?;
    let source = args.from.open()?;
    let db = open_to_write(&args.target.database)?;
    let space = &args.target.space;
    let stages = Stages::default();
    let left_out = AtomicUsize::new(0);
    let tell = |error: &dyn Display| {
        if left_out.fetch_add(1, Ordering::Relaxed) < LEFT_OUT_SHOWN {
            stages.suspend(|| output.note(&format!("left out: {error}")));
        }
    };
    let storage = match args.half {
        true => Storage::Half,
        false => Storage::Full,
    };
    let mut publish = db
        .publish(space)
        .retain(args.retain)
        .storage(storage)
        .progress(|progress| stages.show(progress, output));
    if args.leave_out {
        publish = publish.leave_out(|error| tell(error));
    }
    let published = match (source, towers) {
        (None, None) => publish.fuse(args.fuse).run(),
        (None, Some(towers)) => publish.towers(towers).run(),
        (Some(vectors), towers) => {
            let mut vectors = vectors.peekable();
            let towers = match towers {
                Some(towers) => towers,
                None => {
                    let first = vectors.peek().and_then(|row| row.as_ref().ok());
                    let dimension = first.map_or(1, |(_, vector)| vector.len());
                    let without = Towers::vectors_only(space, dimension, args.from.metric());
                    without.map_err(Failure::failed)?
                }
            };
            // A bad row has a number; the file system's errors have none and end the reading.
            let rows = vectors.filter(|row| match row {
                Err(error) if args.leave_out && error.line.is_some() => {
                    tell(error);
                    false
                }
                _ => true,
            });
            publish.towers(towers).try_vectors(rows).run()
        }
    };
    let generation = published.map_err(|error| {
        let item = matches!(
            error,
            Error::Embed { .. }
                | Error::NoVector { .. }
                | Error::ItemVector { .. }
                | Error::VectorSource { .. }
        );
        match item && !args.leave_out {
            true => Failure::from(error).hint("--leave-out passes over such"),
            false => error.into(),
        }
    })?;
    stages.end();
    let more = left_out.into_inner().saturating_sub(LEFT_OUT_SHOWN);
    if more > 0 {
        output.note(&format!("left out: {} more", thousands(more as u64)));
    }
    generations::print_one("published", space, &generation, output)?;
    Ok(Exit::Done)
}

impl VectorArgs {
    fn open(&self) -> Result<Option<Vectors>, Failure> {
        let Some(path) = &self.vectors else {
            return Ok(None);
        };
        let mut options = VectorOptions::new();
        if let Some(ids) = &self.ids {
            options = options.ids(ids);
        }
        if let Some(name) = &self.id_column {
            options = options.id_column(name);
        }
        if let Some(name) = &self.vector_column {
            options = options.vector_column(name);
        }
        if let Some(space) = &self.from_space {
            options = options.space(space);
        }
        Ok(Some(vectors::open(path, &options)?))
    }

    fn metric(&self) -> Metric {
        match self.metric {
            None | Some(MetricArg::Cosine) => Metric::Cosine,
            Some(MetricArg::InnerProduct) => Metric::InnerProduct,
            Some(MetricArg::L2) => Metric::L2,
        }
    }
}
