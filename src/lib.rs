//! Twinspire is an embedded vector-recall database for two-tower recommenders and search: raw user
//! features in, ranked items out. One directory holds items, towers, embeddings and indexes, and a query
//! never mixes two versions of them.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let (path, models) = (dir.path().join("shop.twin"), dir.path());
//! # let tower = r#"{"features": [{"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}],
//! #     "layers": []}"#;
//! # let schema = format!(r#"{{"format": 1, "name": "price", "dimension": 1, "metric": "l2",
//! #     "user": {tower}, "item": {tower}}}"#);
//! # std::io::Write::write_all(&mut std::fs::File::create_new(models.join("tower.json"))?, schema.as_bytes())?;
//! use serde_json::json;
//! use twinspire::{Database, Towers};
//!
//! let db = Database::open(&path)?; // a directory; made when absent
//! db.items().put(&json!({"id": "B01", "title": "red shoes", "price": 12.5}))?; // on the disk now
//! db.items().put(&json!({"id": "B02", "title": "blue boots", "price": 80.0}))?;
//! db.publish("by-price").towers(Towers::open(models)?).run()?; // embeds, builds the index, flips
//! let hits = db.recall("by-price").user(&json!({"price": 15})).top(1)?; // raw features in, items out
//! assert_eq!(hits[0].id, "B01");
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//! - An *item* is a JSON object with a string `id`. Each write has a *revision*, which grows over the whole
//!   database, and is durable when the call returns.
//! - *Towers* are a user tower and an item tower trained together ([`Towers`]). They embed users and items
//!   as vectors of one *space*.
//! - A *generation* is what a space serves: towers, a vector of every item and an index over the vectors. They
//!   are [published](Database::publish) and [rolled back](Database::rollback) together.
//! - An *ensemble* is a stored recipe that fuses several spaces over the same items ([`Ensemble`]).
//! - A *lexical space* ranks items by the words of their fields ([`Lexical`]). An ensemble takes it like any other.
//! - A *filter* selects items by their fields ([`Filter`]).
//! - A write is *fresh* while it is only in the journal, until it is *sealed* into a segment.
//!
//! # Where to go
//! - [`Database`] opens a database. A call with options is a builder that ends in `run`, or `top` for a
//!   recall; a call without options runs at once. Long calls report [`Progress`], and the callback can
//!   cancel them.
//! - The module `train` trains towers from logs; `import` reads items, logs and vectors from files. Each is
//!   behind the feature of its name.
//! - [`Error`](enum@Error) says what failed, the offending value, and what to do.
//! - `examples/hello.rs` is the smallest complete program, `examples/quickstart` the whole way from logs.

mod catalog;
mod database;
mod ensemble;
pub mod error;
mod filter;
mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod index;
mod lexical;
mod maintain;
mod manifest;
mod partitions;
mod recall;
mod snapshot;
mod store;
#[cfg(feature = "train")]
pub mod train;

pub use database::{
    BatchRecall, CheckReport, DEFAULT_MAX_REMOVED, DEFAULT_NEGATIVE_RANKS,
    DEFAULT_NEGATIVES_PER_PAIR, DEFAULT_RETAIN, Database, DatabaseStats, Ensembles, Export,
    ExportedItem, ExportedItems, FileProblem, GenerationInfo, Items, LexicalInfo, LexicalSpaces,
    LexicalStats, MinedPairs, Miner, OpenOptions, Pinned, Publish, Recall, RepairReport, Replaced,
    Replacement, Rollback, SpaceStats, StreamRecall,
};
pub use ensemble::{
    BusinessWeight, Cascade, Diversity, Ensemble, Normalisation, NormalisedSum, Quotas, RankFusion,
    WeightedSum,
};
pub use error::{Error, ErrorKind};
pub use filter::{Filter, FilterError, FilterErrorKind, FilterField, FilterLiteral};
pub use graph::{DEFAULT_EF, GraphBuilder};
pub use index::{IndexChoice, IndexKind, IndexReason, IndexTimes};
pub use lexical::{Language, Lexical};
pub use maintain::{Progress, ProgressStage};
pub use manifest::{
    CONFIDENCE, Calibration, CalibrationPoint, CalibrationSample, MeasuredRecall, QueryKind,
};
pub use recall::{
    ComparedItem, ComparedRank, Comparison, ComparisonSummary, Explain, FusionStep, FusionStepKind,
    Hit, Hits, Merged, Promise, RankChange, SegmentPlan, SegmentSearch, ShardHits, ShardStatistics,
    SpaceSearch, StageMicros, UnmeasuredReason, WordSearch, WordTerm, merge,
};
pub use snapshot::ItemRevision;
pub use twinspire_core::{GenerationNo, Metric, Revision, Storage};
#[cfg(feature = "import")]
pub use twinspire_import as import;
#[cfg(feature = "tokens")]
pub use twinspire_towers::TextTowers;
pub use twinspire_towers::{
    EmbedError, Embedded, EmbeddedFeature, Event, FeatureCheck, FeatureInfo, KnownIds, LayerInfo,
    MinedNegative, MinedPair, ModelLimits, ModelResource, Moment, RecordError, SelfTest, Side,
    TableInfo, TimeUnit, TowerError, TowerFault, TowerInfo, Towers, TowersError, TowersInfo,
    TrainingPair, UserContext, model_limits, set_model_limits,
};

/// Describes all metrics to the recorder of the facade `metrics` that is set: name, unit and meaning. Opening a
/// database does so too; this is for a recorder that is set later.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    twinspire_core::telemetry::describe();
}

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the guide to ensembles, compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/ensembles.md")]
struct EnsemblesGuide;

/// The examples of the guide to full text, compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/lexical.md")]
struct LexicalGuide;

/// The examples of the guide to mining, compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/mining.md")]
struct MiningGuide;
