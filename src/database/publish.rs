//! The builder of a publish: what to publish, options, and `run`.

use super::{Database, GenerationInfo};
use crate::error::Error;
use crate::graph::GraphBuilder;
use crate::index::IndexChoice;
use crate::maintain::{self, Given, Monitor, Progress, ProgressCallback, Source};
use crate::recall::{View, given_queries, made_up_users, may_read_histories};
use serde_json::Value;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use twinspire_core::kernel::Storage;
use twinspire_towers::Towers;

/// Generations that a space keeps by default: the active one and two to roll back to.
pub const DEFAULT_RETAIN: usize = 3;

/// The builder of a publish; see [`Database::publish`].
///
/// `S` is the source of the vectors. `run` exists once it is set.
#[must_use = "nothing is published before `run` is called"]
pub struct Publish<'a, S = NoSource> {
    database: &'a Database,
    space: &'a str,
    source: S,
    options: PublishOptions<'a>,
}

/// A publish of nothing yet: it needs [`towers`](Publish::towers) or [`fuse`](Publish::fuse).
#[derive(Debug)]
pub struct NoSource;

/// Vectors computed elsewhere, and the towers that recalls embed users with.
pub struct ItemVectors<'a> {
    towers: Towers,
    rows: Box<dyn Iterator<Item = Given> + 'a>,
}

/// Sources that have options for their vectors: [`Towers`] and [`ItemVectors`]. A fused space stores and
/// leaves out what its members do.
pub trait OwnVectors: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

impl sealed::Sealed for Towers {}
impl OwnVectors for Towers {}
impl sealed::Sealed for ItemVectors<'_> {}
impl OwnVectors for ItemVectors<'_> {}

/// The spaces that a fused space is made of.
#[derive(Debug)]
pub struct Members(Vec<String>);

/// Called with the error of each item that is left out.
type LeftOutCallback<'a> = dyn Fn(&Error) + Sync + 'a;

/// The options that every publish has.
struct PublishOptions<'a> {
    retain: usize,
    storage: Storage,
    index: IndexChoice,
    graph_builder: GraphBuilder,
    force: bool,
    left_out: Option<Box<LeftOutCallback<'a>>>,
    progress: Option<Box<ProgressCallback<'a>>>,
    users: Vec<Value>,
}

impl Database {
    /// Publishes a new generation of a space, which is created if it does not exist.
    ///
    /// Every item is embedded, an index is built over the vectors and measured, and the space moves to the new
    /// generation in one step: a recall sees either the old generation or the new one, never a mixture. Puts and
    /// recalls continue meanwhile. A second publish waits.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use std::ops::ControlFlow;
    /// use twinspire::Towers;
    ///
    /// let towers = Towers::open("models/shop")?;
    /// let report = |progress: &twinspire::Progress| {
    ///     println!("{}: {} of {}", progress.stage, progress.done, progress.total);
    ///     ControlFlow::Continue(())
    /// };
    /// let generation = db.publish("shop").towers(towers).retain(2).progress(report).run()?;
    /// println!("generation {}, recall@10 {:.3}", generation.number, generation.recall);
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish<'a>(&'a self, space: &'a str) -> Publish<'a> {
        Publish {
            database: self,
            space,
            source: NoSource,
            options: PublishOptions::default(),
        }
    }
}

impl<'a> Publish<'a> {
    /// Embeds items and users with these towers.
    ///
    /// Where the generation before has the same item tower, unchanged items keep their vectors and are not
    /// embedded again.
    pub fn towers(self, towers: Towers) -> Publish<'a, Towers> {
        self.with_source(towers)
    }

    /// Builds one graph over the concatenated vectors of several spaces, which makes this a fused space:
    /// the index over concatenated embeddings of Huang et al. (Embedding-based Retrieval in Facebook Search,
    /// KDD 2020, section 5.2).
    ///
    /// The inner product with the members' queries, each times a weight, is the weighted sum of their scores.
    /// One graph search then answers for any weights: those of the [ensemble](crate::WeightedSum::fused) that
    /// names the fused space. A recall of the fused space itself weighs its members equally.
    ///
    /// A fused space has no towers of its own. Its members embed what is written; an item without a vector
    /// in one of them has none here. Vectors are stored as the members store them: in half precision if all
    /// members do.
    ///
    /// A fused generation belongs to the generations that its members served when it was published. When a
    /// member activates another generation, the fused space follows in the same commit: its newest generation
    /// that was built from the members' active ones becomes active. Without such a generation the fused space is *out
    /// of step*: its recalls fail until it is published again, and ensembles search the members one by one.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    /// use twinspire::{Database, Metric, Towers, WeightedSum};
    ///
    /// let db = Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put_many(&[json!({"id": "B01"}), json!({"id": "B02"})])?;
    /// for (space, vector) in [("text", [0.0, 1.0]), ("unified", [0.8, 0.6])] {
    ///     let vectors = [("B01", [1.0, 0.0]), ("B02", vector)];
    ///     let towers = Towers::vectors_only(space, 2, Metric::Cosine)?;
    ///     db.publish(space).towers(towers).vectors(vectors).run()?;
    /// }
    /// db.publish("both").fuse(["text", "unified"]).run()?;
    /// let home = WeightedSum::new().space("text", 0.4).space("unified", 0.6).fused("both");
    /// db.ensembles().define("home", home)?;
    /// let recall = db.recall("home").vector_in("text", &[0.0, 1.0]).vector_in("unified", &[0.6, 0.8]);
    /// assert_eq!(recall.top(1)?[0].id, "B02");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It has no option for how vectors are stored or which are left out: its members decide.
    ///
    /// ```compile_fail,E0599
    /// # let db = twinspire::Database::open("shop.twin").unwrap();
    /// db.publish("both").fuse(["text", "unified"]).storage(twinspire::Storage::Half);
    /// ```
    pub fn fuse<T: Into<String>>(
        self,
        members: impl IntoIterator<Item = T>,
    ) -> Publish<'a, Members> {
        self.with_source(Members(members.into_iter().map(T::into).collect()))
    }
}

impl<'a> Publish<'a, Towers> {
    /// Takes vectors of the items that were computed elsewhere, each with the id of its item, in any order.
    /// The towers must have no item tower. Without a user tower either ([`Towers::vectors_only`]), recalls
    /// take query vectors.
    ///
    /// An item keeps its vector when it is written again, until the next publish. An item that is new, or
    /// that was deleted in between, has none: it is stored, and recalls of this space do not find it. A
    /// rollback gives every item the vector that it had in that generation.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    /// use twinspire::{Database, Metric, Towers};
    ///
    /// let db = Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put_many(&[json!({"id": "B01"}), json!({"id": "B02"})])?;
    /// let towers = Towers::vectors_only("elsewhere", 2, Metric::Cosine)?;
    /// let vectors = [("B01", [1.0, 0.0]), ("B02", [0.6, 0.8])];
    /// db.publish("clip").towers(towers).vectors(vectors).run()?;
    /// let hits = db.recall("clip").vector(&[0.0, 1.0]).top(1)?;
    /// assert_eq!(hits[0].id, "B02");
    /// # Ok(())
    /// # }
    /// ```
    pub fn vectors<I, V>(
        self,
        vectors: impl IntoIterator<Item = (I, V), IntoIter: 'a>,
    ) -> Publish<'a, ItemVectors<'a>>
    where
        I: Into<String>,
        V: Into<Vec<f32>>,
    {
        let rows = vectors.into_iter();
        self.with_vectors(rows.map(|(id, vector)| Ok((id.into(), vector.into()))))
    }

    /// [`vectors`](Self::vectors) that may fail to be read, such as those that
    /// [`import::vectors`](crate::import::vectors) reads from files. They are read one at a time; the first
    /// error ends the publish.
    pub fn try_vectors<E>(
        self,
        vectors: impl IntoIterator<Item = Result<(String, Vec<f32>), E>, IntoIter: 'a>,
    ) -> Publish<'a, ItemVectors<'a>>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let rows = vectors.into_iter();
        self.with_vectors(rows.map(|row| row.map_err(E::into)))
    }

    /// The towers to publish.
    #[cfg(feature = "train")]
    pub(crate) fn towers_to_publish(&self) -> &Towers {
        &self.source
    }

    /// Publishes the towers.
    ///
    /// # Errors
    /// - [`Error::Embed`] names the item that has no vector, or none that can be stored.
    /// - [`Error::Doubtful`] for towers that do not seem to belong to these items, unless [`forced`](Self::force).
    /// - [`Error::NoItems`], [`Error::SpaceName`], [`Error::NameTaken`].
    /// - [`Error::NoItemTower`] for towers without an item tower: give them [`vectors`](Self::vectors).
    /// - [`Error::Cancelled`] after [`progress`](Self::progress) cancelled.
    ///
    /// The generation before stays active.
    pub fn run(self) -> Result<GenerationInfo, Error> {
        let Self {
            database,
            space,
            source,
            options,
        } = self;
        database.publish_from(space, &source, Source::Tower, &options)
    }

    fn with_vectors(self, rows: impl Iterator<Item = Given> + 'a) -> Publish<'a, ItemVectors<'a>> {
        let Self {
            database,
            space,
            source: towers,
            options,
        } = self;
        Publish {
            database,
            space,
            source: ItemVectors {
                towers,
                rows: Box::new(rows),
            },
            options,
        }
    }
}

impl Publish<'_, ItemVectors<'_>> {
    /// Publishes the vectors.
    ///
    /// # Errors
    /// - [`Error::ItemVector`] names the item whose vector cannot be used.
    /// - [`Error::NoVector`] names an item without a vector.
    /// - [`Error::VectorSource`] is the first error of [`try_vectors`](Publish::try_vectors).
    /// - [`Error::UnwantedItemTower`] for towers with an item tower, which would embed the items.
    /// - [`Error::NoItems`], [`Error::SpaceName`], [`Error::NameTaken`], [`Error::Cancelled`].
    ///
    /// The generation before stays active.
    pub fn run(mut self) -> Result<GenerationInfo, Error> {
        let source = Source::Given(&mut *self.source.rows);
        let towers = &self.source.towers;
        self.database
            .publish_from(self.space, towers, source, &self.options)
    }
}

impl Publish<'_, Members> {
    /// Publishes the fused space.
    ///
    /// # Errors
    /// - [`Error::Fused`] says why the members cannot be fused.
    /// - [`Error::OutOfStep`] when a member moved to another generation while the graph was built.
    /// - [`Error::UnknownSpace`], [`Error::NameTaken`], [`Error::SpaceName`], [`Error::NoItems`],
    ///   [`Error::Cancelled`].
    ///
    /// The generation before stays active.
    pub fn run(mut self) -> Result<GenerationInfo, Error> {
        let Members(members) = &self.source;
        let fusion = self.database.fusion(self.space, members)?;
        self.options.storage = fusion.storage;
        let source = Source::Members(&fusion.members);
        self.database
            .publish_from(self.space, &fusion.towers, source, &self.options)
    }
}

impl<'a, S> Publish<'a, S> {
    /// Keeps this many generations of the space, the new one among them; [`DEFAULT_RETAIN`] by default, at
    /// least 1. The oldest ones beyond that are removed. The one that was active before is kept unless this
    /// is 1.
    pub fn retain(mut self, generations: usize) -> Self {
        self.options.retain = generations.max(1);
        self
    }

    /// Which index is built over the vectors; by default the faster one at equal recall, as measured on the
    /// queries that calibrate the generation. [`GenerationInfo::index`] and [`GenerationInfo::index_reason`] say
    /// what was chosen and why.
    ///
    /// Partitions take a fraction of the time to build that a graph takes. Segments that are sealed or merged later
    /// have the same kind, but for segments of few vectors, which have a graph.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    /// use twinspire::{Database, IndexChoice, IndexKind, IndexReason, Metric, Towers};
    ///
    /// let db = Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put(&json!({"id": "B01"}))?;
    /// let towers = Towers::vectors_only("clip", 2, Metric::Cosine)?;
    /// let publish = db.publish("clip").towers(towers).vectors([("B01", [1.0, 0.0])]);
    /// let generation = publish.index(IndexChoice::Only(IndexKind::Partitions)).run()?;
    /// assert_eq!(generation.index, IndexKind::Partitions);
    /// assert_eq!(generation.index_reason, IndexReason::Requested);
    /// # Ok(())
    /// # }
    /// ```
    pub fn index(mut self, index: IndexChoice) -> Self {
        self.options.index = index;
        self
    }

    /// Which builder builds a graph; [`GraphBuilder::Batches`] by default. Segments that are sealed or
    /// merged later are built by the default.
    pub fn graph_builder(mut self, builder: GraphBuilder) -> Self {
        self.options.graph_builder = builder;
        self
    }

    /// Measures with these users what recall users get, as [`Database::calibrate_users`] does, and stores it:
    /// the choice of the [index](Self::index) and recalls with a [target](crate::Recall::recall_target) go by it.
    /// Without users the queries are made up. Give users that the towers were not trained on.
    ///
    /// If none of them can be embedded, the publish ends with the error of the first, and nothing has changed.
    pub fn calibrate_users(mut self, users: impl IntoIterator<Item = Value>) -> Self {
        self.options.users.extend(users);
        self
    }

    /// Publishes in spite of [`Error::Doubtful`]: vectors that are nearly all equal, features that no item has,
    /// or ids that are in no vocabulary.
    pub fn force(mut self) -> Self {
        self.options.force = true;
        self
    }

    /// Reports progress now and then, from any thread. [`ControlFlow::Break`] cancels the publish: it ends
    /// with [`Error::Cancelled`], and nothing has changed.
    pub fn progress(mut self, report: impl Fn(&Progress) -> ControlFlow<()> + Sync + 'a) -> Self {
        self.options.progress = Some(Box::new(report));
        self
    }

    /// The database to publish in.
    #[must_use]
    pub fn database(&self) -> &'a Database {
        self.database
    }

    /// The space to publish.
    #[must_use]
    pub fn space(&self) -> &'a str {
        self.space
    }
}

impl<'a, S: OwnVectors> Publish<'a, S> {
    /// Storage format of the generation's vectors, including those of items written later;
    /// [`Storage::Full`] by default.
    ///
    /// Under [`Storage::Half`] vectors take half the space. Recalls, exact ones too, compare the rounded
    /// vectors: scores differ from the full ones in the fourth digit. Items with a component beyond
    /// ±65,504 are refused, by the publish and by later puts. Under cosine no component is that large.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.options.storage = storage;
        self
    }

    /// Leaves out items that fail, instead of ending the publish at the first: items that the item tower
    /// cannot embed, items without a vector, and vectors that cannot be used or belong to no item.
    ///
    /// `report` is called with the error of each, from any thread. Later writes of items that cannot be
    /// embedded are accepted then, and recalls of the space do not find them.
    pub fn leave_out(mut self, report: impl Fn(&Error) + Sync + 'a) -> Self {
        self.options.left_out = Some(Box::new(report));
        self
    }
}

impl<'a> Publish<'a> {
    fn with_source<S>(self, source: S) -> Publish<'a, S> {
        Publish {
            database: self.database,
            space: self.space,
            source,
            options: self.options,
        }
    }
}

impl Database {
    fn publish_from(
        &self,
        space: &str,
        towers: &Towers,
        source: Source<'_>,
        options: &PublishOptions<'_>,
    ) -> Result<GenerationInfo, Error> {
        let monitor = Monitor::new(options.progress.as_deref());
        let live = self.live();
        let queries = |snapshot| {
            let view = View::of(Arc::clone(&live), snapshot);
            let mut samples = Vec::from_iter(made_up_users(&view, space));
            if !options.users.is_empty() {
                samples.push(given_queries(&view, space, &options.users)?.1);
            }
            Ok(samples)
        };
        let has_users = !options.users.is_empty() || may_read_histories(towers.model());
        let publish = maintain::Publish {
            space,
            model: towers.model(),
            parts: towers.parts(),
            storage: options.storage,
            retain: options.retain,
            index: options.index,
            builder: options.graph_builder,
            force: options.force,
            users: has_users.then_some(&queries),
            left_out: options.left_out.as_deref(),
            monitor: &monitor,
        };
        let generation = maintain::publish(&live, self.writing()?, &publish, source)?;
        Ok(GenerationInfo::active(&generation))
    }
}

impl Default for PublishOptions<'_> {
    fn default() -> Self {
        Self {
            retain: DEFAULT_RETAIN,
            storage: Storage::default(),
            index: IndexChoice::default(),
            graph_builder: GraphBuilder::default(),
            force: false,
            left_out: None,
            progress: None,
            users: Vec::new(),
        }
    }
}

impl fmt::Debug for ItemVectors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemVectors").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for Publish<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("space", &self.space)
            .field("source", &self.source)
            .field("retain", &self.options.retain)
            .field("storage", &self.options.storage)
            .finish_non_exhaustive()
    }
}
