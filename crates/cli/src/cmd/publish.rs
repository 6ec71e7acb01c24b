//! `twinspire publish`: a new generation of a space.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Args, ValueEnum};
use twinspire::import::ImportError;
use twinspire::import::vectors::{self, VectorOptions, Vectors};
use twinspire::{Error, IndexChoice, IndexKind, Metric, Storage, Towers};

use crate::args::{SpaceArgs, at_least_one, read_users};
use crate::output::{Exit, Failure, Output, Stages, counted, thousands};
use crate::view::generations;

const EXAMPLES: &str = "\
Examples:
  twinspire publish movies.twin movies models/movies
  twinspire publish movies.twin movies models/movies --retain 1 --half
  twinspire publish movies.twin movies models/movies --leave-out
  twinspire publish movies.twin movies models/movies --index partitions
  twinspire publish movies.twin movies models/movies --calibrate-users holdout.jsonl
  twinspire publish shop.twin clip --vectors items.npy --ids items.txt --metric cosine
  twinspire publish shop.twin clip models/user --vectors items.parquet --vector-column embedding
  twinspire publish shop.twin both --fuse text unified

Embeds every item with the item tower, builds an index, checks it against exact search and moves the space
to the new generation in one step: a recall sees the old generation or the new one, never a mixture. The
old one is kept for `twinspire rollback`.

The recall that is printed is that of the given users. Without --calibrate-users the queries are made up,
and users may get less: the worst kind is printed, of those between items, far from all items, and of near
copies where there are many.

Vectors computed elsewhere replace the item tower: .npy, .fvecs and .bvecs (with ids in a file of their
own, one per line, or else row numbers), JSON lines, Parquet. Without TOWERS such a space is searched by
`twinspire recall --vector` and `twinspire similar`.

A fused space has one graph over the concatenated vectors of several spaces. A weighted ensemble of these
spaces that names it (\"fused\": \"both\") searches it instead of theirs. Publish it again after its members.";

/// Number of left-out items that are shown one by one.
const MAX_LEFT_OUT_SHOWN: usize = 5;

/// Embed every item with the towers and let the space serve them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PublishArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The towers: a directory with tower.json and its weights, as `train` writes it
    #[arg(value_name = "TOWERS", required_unless_present_any = ["vectors", "fuse"])]
    towers: Option<PathBuf>,
    /// Number of generations the space keeps, the new one included, at least 1
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
    retain: usize,
    /// Store vectors in half precision: half the size, scores differ in the fourth digit
    #[arg(long)]
    half: bool,
    /// The index over the vectors: the faster one at equal recall as measured, or this kind
    #[arg(long, value_enum, default_value_t = IndexArg::Auto)]
    index: IndexArg,
    /// Leave out and count items without a usable vector, instead of stopping at the first
    #[arg(long, visible_alias = "skip-bad")]
    leave_out: bool,
    /// Publish although vectors are nearly all equal, no item has a feature, or no id is in a vocabulary
    #[arg(long)]
    force: bool,
    /// Fuse these spaces: concatenate their vectors, embed nothing
    #[arg(long, value_name = "SPACE", num_args = 2..,
          conflicts_with_all = ["towers", "vectors", "half", "leave_out"])]
    fuse: Vec<String>,
    /// Measure recall with these users: .jsonl, .json, .csv or .parquet with their features. Recalls with
    /// --recall-target choose by it
    #[arg(long, value_name = "FILE")]
    calibrate_users: Option<PathBuf>,
    #[command(flatten)]
    from: VectorArgs,
}

/// A row of a file of vectors.
type VectorRow = Result<(String, Vec<f32>), ImportError>;

/// Vectors computed elsewhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vectors from elsewhere")]
struct VectorArgs {
    /// The vectors of the items: a .npy, .fvecs, .bvecs, .jsonl or .parquet file
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// The ids of the rows of a .npy, .fvecs or .bvecs file, one a line
    #[arg(long, value_name = "FILE", requires = "vectors")]
    ids: Option<PathBuf>,
    /// JSON lines and Parquet: the name of the id
    #[arg(long, value_name = "NAME", requires = "vectors")]
    id_column: Option<String>,
    /// JSON lines and Parquet: the name of the vector
    #[arg(long, value_name = "NAME", requires = "vectors")]
    vector_column: Option<String>,
    /// JSON lines of `twinspire export --vectors`: the space whose vectors to read
    #[arg(long, value_name = "SPACE", requires = "vectors")]
    from_space: Option<String>,
    /// How vectors are compared, where no towers define it [default: cosine]
    #[arg(long, value_enum, requires = "vectors", conflicts_with = "towers")]
    metric: Option<MetricArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum IndexArg {
    /// The faster one at equal recall, as measured; a graph for few items
    Auto,
    /// An HNSW graph
    Graph,
    /// Rows grouped around centroids: builds several times sooner
    Partitions,
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
    let users = args.calibrate_users.as_deref();
    let users = users.map(|path| read_users("--calibrate-users", path));
    let users = users.transpose()?;
    let source = args.from.open()?;
    let db = args.target.open_to_write()?;
    let space = &args.target.space;
    let stages = Stages::default();
    let left_out = AtomicUsize::new(0);
    let report_left_out = |error: &dyn Display| {
        if left_out.fetch_add(1, Ordering::Relaxed) < MAX_LEFT_OUT_SHOWN {
            stages.suspend(|| output.note(&format!("left out: {error}")));
        }
    };
    let storage = match args.half {
        true => Storage::Half,
        false => Storage::Full,
    };
    let publish = || {
        let publish = db
            .publish(space)
            .retain(args.retain)
            .index(args.index.choice());
        let publish = publish.calibrate_users(users.clone().unwrap_or_default());
        let publish = match args.force {
            true => publish.force(),
            false => publish,
        };
        publish.progress(|progress| stages.show(progress, output))
    };
    let with_towers = |towers| {
        let publish = publish().towers(towers).storage(storage);
        match args.leave_out {
            true => publish.leave_out(|error| report_left_out(error)),
            false => publish,
        }
    };
    let published = match (source, towers) {
        (None, None) => publish().fuse(args.fuse).run(),
        (None, Some(towers)) => with_towers(towers).run(),
        (Some(vectors), towers) => {
            let (first, vectors) = args.from.first_good(vectors, args.leave_out)?;
            let towers = match towers {
                Some(towers) => towers,
                None => args.from.towers(space, first)?,
            };
            let rows = vectors.filter(|row| match row {
                Err(error) if args.leave_out && error.is_bad_record() => {
                    report_left_out(error);
                    if error.is_loss() {
                        left_out.fetch_add(error.lost() as usize - 1, Ordering::Relaxed);
                        output.mark_lost();
                    }
                    false
                }
                _ => true,
            });
            with_towers(towers).try_vectors(rows).run()
        }
    };
    let generation = published.map_err(|error| {
        let concerns_item = matches!(
            error,
            Error::Embed { .. }
                | Error::NoVector { .. }
                | Error::ItemVector { .. }
                | Error::VectorSource { .. }
        );
        if matches!(error, Error::Doubtful { .. }) {
            return Failure::from(error).hint("--force publishes all the same");
        }
        match concerns_item && !args.leave_out {
            true => Failure::from(error).hint("--leave-out leaves out such items"),
            false => error.into(),
        }
    })?;
    stages.finish();
    let reported = left_out.into_inner();
    let more = reported.saturating_sub(MAX_LEFT_OUT_SHOWN);
    if more > 0 {
        output.note(&format!("left out: {} more", thousands(more as u64)));
    }
    if reported > 0 {
        let (all, reported) = (thousands(generation.left_out), thousands(reported as u64));
        output.note(&format!(
            "items without a vector: {all}; reported as left out, rows of no item among them: {reported}"
        ));
    }
    generations::print_one("published", space, &generation, output)?;
    if let Some(warning) = generations::low_recall(&generation) {
        output.note(&warning);
    }
    Ok(Exit::Done)
}

impl IndexArg {
    fn choice(self) -> IndexChoice {
        match self {
            Self::Auto => IndexChoice::Auto,
            Self::Graph => IndexChoice::Only(IndexKind::Graph),
            Self::Partitions => IndexChoice::Only(IndexKind::Partitions),
        }
    }
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

    /// The dimension that the file declares, or that of its first good row, and all rows. A bad row before it says
    /// nothing of the others, so it is passed over if rows may be `left_out`.
    fn first_good(
        &self,
        mut vectors: Vectors,
        left_out: bool,
    ) -> Result<(usize, impl Iterator<Item = VectorRow>), Failure> {
        let mut dimension = vectors.dimension();
        let mut before = Vec::new();
        while dimension.is_none() {
            match vectors.next() {
                Some(Err(error)) if left_out && error.is_bad_record() => before.push(Err(error)),
                Some(Err(error)) => {
                    let hint = error.is_bad_record();
                    let failure = Failure::from(error);
                    return Err(match hint {
                        true => failure.hint("--leave-out leaves out such items"),
                        false => failure,
                    });
                }
                Some(Ok(row)) => {
                    dimension = Some(row.1.len());
                    before.push(Ok(row));
                }
                None => {
                    let file = self.vectors.as_deref().map(Path::display);
                    let file = file.map_or_else(String::new, |file| file.to_string());
                    let rows = counted(before.len() as u64, "bad row");
                    let message = format!("{file}: no row has a usable vector ({rows})");
                    let first = before.into_iter().find_map(Result::err);
                    let details = first.map(|error| vec![format!("  {error}")]);
                    return Err(
                        Failure::operation(message).with_details(details.unwrap_or_default())
                    );
                }
            }
        }
        Ok((
            dimension.unwrap_or_default(),
            before.into_iter().chain(vectors),
        ))
    }

    /// Towers of a space that holds these vectors alone.
    fn towers(&self, space: &str, dimension: usize) -> Result<Towers, Failure> {
        let towers = Towers::vectors_only(space, dimension, self.metric());
        towers.map_err(|error| {
            // There is no such file as the one in which towers are described.
            let file = self.vectors.as_deref().map(Path::display);
            let file = file.map_or_else(String::new, |file| file.to_string());
            Failure::operation(format!(
                "{file}: a space cannot hold vectors of {dimension} components: {}",
                error.fault
            ))
        })
    }

    fn metric(&self) -> Metric {
        match self.metric {
            None | Some(MetricArg::Cosine) => Metric::Cosine,
            Some(MetricArg::InnerProduct) => Metric::InnerProduct,
            Some(MetricArg::L2) => Metric::L2,
        }
    }
}
