//! Publishing, and the generations of a space.

use super::{Database, Towers};
use crate::error::Error;
use crate::graph::GraphBuilder;
use crate::maintain::{self, Publish, Source, Stage};
use crate::manifest::Generation;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire_core::ids::{GenerationNo, Revision};
use twinspire_core::kernel::{Metric, Storage};

/// Generations a space keeps unless told otherwise: the active one and two to go back to.
const RETAIN: usize = 3;

/// A generation of a space: towers, embeddings and graph that were published together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GenerationInfo {
    /// Its number within the space.
    pub number: GenerationNo,
    /// Whether recalls are answered by it.
    pub active: bool,
    /// Embeddings in its segments, among them those of items overwritten or deleted since.
    pub items: u64,
    /// Components of a vector.
    pub dimension: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// How components are stored.
    pub storage: Storage,
    /// Whether items may be without a vector in it, and so missing from its recalls, rather than be
    /// refused: where vectors come from elsewhere, and where a publish
    /// [left items out](PublishOptions::leave_out).
    pub partial: bool,
    /// How many items had none when it was published.
    pub left_out: u64,
    /// Of a [fused](Database::publish_fused) space: the spaces and generations that it was made of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, GenerationNo>,
    /// recall@10 of its graph at the default efSearch against exact search, measured when it was
    /// published on queries that lie between two of its items.
    pub recall: f32,
    /// Every write up to this revision is in its segments; later ones are embedded as they come, or
    /// when it is rolled back to.
    pub cut: Revision,
    /// A hash over its towers' files.
    pub towers_hash: u64,
    /// When it was published, in milliseconds since 1970-01-01 00:00 UTC.
    pub created_unix_ms: u64,
}

/// How far a publish or a rollback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `"embedding"`, `"building"`, `"auditing"`.
    pub stage: &'static str,
    /// Items done.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

/// Told of what is left out.
type LeftOut<'a> = Box<dyn Fn(&Error) + Sync + 'a>;

/// How to publish.
pub struct PublishOptions<'a> {
    retain: usize,
    builder: GraphBuilder,
    pub(super) storage: Storage,
    left_out: Option<LeftOut<'a>>,
    progress: Option<Box<dyn Fn(Progress) + Sync + 'a>>,
    cancelled: Option<&'a AtomicBool>,
}

impl Default for PublishOptions<'_> {
    fn default() -> Self {
        Self {
            retain: RETAIN,
            builder: GraphBuilder::default(),
            storage: Storage::default(),
            left_out: None,
            progress: None,
            cancelled: None,
        }
    }
}

impl fmt::Debug for PublishOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishOptions")
            .field("retain", &self.retain)
            .finish_non_exhaustive()
    }
}

impl<'a> PublishOptions<'a> {
    /// Every option at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many generations the space keeps, the new one among them (3 by default, at least 1). The
    /// oldest beyond that are removed, but not the one that was active before, unless 1 is asked for.
    #[must_use]
    pub fn retain(mut self, generations: usize) -> Self {
        self.retain = generations.max(1);
        self
    }

    /// Who builds the graph; [`GraphBuilder::Batches`] by default. Segments that are sealed or merged later
    /// are built by the default.
    #[must_use]
    pub fn builder(mut self, builder: GraphBuilder) -> Self {
        self.builder = builder;
        self
    }

    /// How the vectors of the generation are stored, of items written later too;
    /// [`Storage::Full`] by default. Under [`Storage::Half`] they take half the room, and what
    /// recalls compare, exact ones too, is the rounded vectors: scores differ from the full ones in
    /// the fourth digit. Items with a component beyond ±65,504 are refused then, by the publish and
    /// by later puts; under cosine there are none.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Leaves out items that fail, in place of ending the publish with the first of them: those that
    /// the item tower cannot embed, and of [`Database::publish_vectors`] those without a vector;
    /// vectors that cannot be used or are of no item too. `told` is called with the error of each, which
    /// names it, from any thread. Later writes of items that cannot be embedded are not refused then:
    /// recalls of the space are without them.
    #[must_use]
    pub fn leave_out(mut self, told: impl Fn(&Error) + Sync + 'a) -> Self {
        self.left_out = Some(Box::new(told));
        self
    }

    /// Told how far the publish is, now and then, from any thread.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Sync + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Gives the publish up soon after `flag` is set, by another thread or by what is told of the
    /// progress: it ends with [`Error::Cancelled`], and nothing has changed.
    #[must_use]
    pub fn cancelled_by(mut self, flag: &'a AtomicBool) -> Self {
        self.cancelled = Some(flag);
        self
    }
}

/// How to roll back.
#[derive(Default)]
pub struct RollbackOptions<'a> {
    to: Option<GenerationNo>,
    progress: Option<Box<dyn Fn(Progress) + Sync + 'a>>,
    cancelled: Option<&'a AtomicBool>,
}

impl fmt::Debug for RollbackOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollbackOptions")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl<'a> RollbackOptions<'a> {
    /// Every option at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// To this generation, in place of the one before the active one.
    #[must_use]
    pub fn to(mut self, generation: GenerationNo) -> Self {
        self.to = Some(generation);
        self
    }

    /// Told how many of the items that were written since the generation was cut are embedded, now and
    /// then, from any thread.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Sync + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Gives up soon after `flag` is set, as [`PublishOptions::cancelled_by`].
    #[must_use]
    pub fn cancelled_by(mut self, flag: &'a AtomicBool) -> Self {
        self.cancelled = Some(flag);
        self
    }
}

impl Database {
    /// Embeds every item with the item tower, builds a graph over the vectors, and makes the space
    /// (a new one, if there is none of this name) answer from them and the user tower, all in one
    /// step: a recall sees the generation before, whole, or the new one, whole. Puts and recalls go
    /// on meanwhile; a second publish waits.
    ///
    /// Where the generation before has the same item tower, unchanged items keep their vectors and are
    /// not embedded again.
    ///
    /// # Errors
    /// [`Error::Embed`] naming the item that has no vector, or none that can be stored, [`Error::NoItems`],
    /// [`Error::SpaceName`], and [`Error::NoItemTower`] for towers without one. The generation before
    /// answers on then.
    pub fn publish(&self, space: &str, towers: Towers) -> Result<GenerationInfo, Error> {
        self.publish_with(space, towers, &PublishOptions::default())
    }

    /// [`publish`](Self::publish), with options.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and [`Error::Cancelled`].
    pub fn publish_with(
        &self,
        space: &str,
        towers: Towers,
        options: &PublishOptions<'_>,
    ) -> Result<GenerationInfo, Error> {
        self.publish_from(space, &towers, Source::Tower, options.storage, options)
    }

    /// [`publish`](Self::publish), with vectors of the items that were computed elsewhere: each with
    /// the id of its item, in any order. The towers have no item tower; without a user tower either, the
    /// space is asked with vectors.
    ///
    /// An item keeps its vector when it is written again, until the next publish. One that is new, or
    /// was deleted in between, has none: it is stored, and missing from the recalls of this space. A
    /// rollback serves every item with the vector that it had in that generation, if it had one.
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
    /// db.publish_vectors("clip", towers, vectors)?;
    /// let hits = db.recall("clip").vector(&[0.0, 1.0]).top(1)?;
    /// assert_eq!(hits[0].id, "B02");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::ItemVector`] naming the item whose vector cannot be used, [`Error::NoVector`] an item
    /// that was given none; others as [`publish`](Self::publish).
    pub fn publish_vectors<I, V>(
        &self,
        space: &str,
        towers: Towers,
        vectors: impl IntoIterator<Item = (I, V)>,
    ) -> Result<GenerationInfo, Error>
    where
        I: Into<String>,
        V: Into<Vec<f32>>,
    {
        let vectors = vectors.into_iter();
        let vectors = vectors.map(|(id, vector)| Ok::<_, Error>((id.into(), vector.into())));
        self.publish_vectors_with(space, towers, vectors, &PublishOptions::default())
    }

    /// [`publish_vectors`](Self::publish_vectors), with options, of vectors that may fail to be read,
    /// such as those that [`import::vectors`](crate::import::vectors) reads from files. They are taken one by
    /// one.
    ///
    /// # Errors
    /// As [`publish_vectors`](Self::publish_vectors), [`Error::VectorSource`] with the first error of
    /// `vectors`, and [`Error::Cancelled`].
    pub fn publish_vectors_with<E>(
        &self,
        space: &str,
        towers: Towers,
        vectors: impl IntoIterator<Item = Result<(String, Vec<f32>), E>>,
        options: &PublishOptions<'_>,
    ) -> Result<GenerationInfo, Error>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let vectors = vectors.into_iter();
        let mut vectors = vectors.map(|given| given.map_err(E::into));
        let source = Source::Given(&mut vectors);
        self.publish_from(space, &towers, source, options.storage, options)
    }

    pub(super) fn publish_from(
        &self,
        space: &str,
        towers: &Towers,
        source: Source<'_>,
        storage: Storage,
        options: &PublishOptions<'_>,
    ) -> Result<GenerationInfo, Error> {
        let writing = self.writing()?;
        let progress = |stage, done, total| {
            if let Some(told) = &options.progress {
                let stage = match stage {
                    Stage::Embed => "embedding",
                    Stage::Build => "building",
                    Stage::Audit => "auditing",
                };
                told(Progress { stage, done, total });
            }
        };
        let never = AtomicBool::new(false);
        let publish = Publish {
            space,
            model: towers.model(),
            parts: towers.parts(),
            retain: options.retain,
            builder: options.builder,
            storage,
            left_out: options.left_out.as_deref(),
            progress: &progress,
            cancelled: options.cancelled.unwrap_or(&never),
        };
        let generation = maintain::publish(&self.live(), writing, &publish, source)?;
        Ok(info(&generation, generation.number))
    }

    /// Makes the generation before the active one answer again, towers and vectors together. Items
    /// written since it was published are embedded with its own item tower first; deleted items
    /// stay deleted.
    ///
    /// # Errors
    /// [`Error::NoEarlierGeneration`], [`Error::UnknownSpace`], and [`Error::Embed`] when a newer
    /// item cannot be embedded by the older tower. In a [partial](GenerationInfo::partial) generation
    /// such items are without a vector; [`stats`](Self::stats) tells how many items a space answers with.
    pub fn rollback(&self, space: &str) -> Result<GenerationInfo, Error> {
        self.rollback_with(space, &RollbackOptions::default())
    }

    /// [`rollback`](Self::rollback) to any generation that is kept, older or newer.
    ///
    /// # Errors
    /// [`Error::UnknownGeneration`]; others as [`rollback`](Self::rollback).
    pub fn rollback_to(&self, space: &str, to: GenerationNo) -> Result<GenerationInfo, Error> {
        self.rollback_with(space, &RollbackOptions::new().to(to))
    }

    /// [`rollback`](Self::rollback), with options.
    ///
    /// # Errors
    /// As [`rollback_to`](Self::rollback_to), and [`Error::Cancelled`].
    pub fn rollback_with(
        &self,
        space: &str,
        options: &RollbackOptions<'_>,
    ) -> Result<GenerationInfo, Error> {
        let told = |done, total| {
            if let Some(told) = &options.progress {
                let stage = "embedding";
                told(Progress { stage, done, total });
            }
            match options
                .cancelled
                .is_some_and(|flag| flag.load(Ordering::Relaxed))
            {
                true => Err(Error::Cancelled),
                false => Ok(()),
            }
        };
        let (live, writing) = (self.live(), self.writing()?);
        let generation = maintain::rollback(&live, writing, space, options.to, &told)?;
        Ok(info(&generation, generation.number))
    }

    /// Lets the oldest generations of a space go until it keeps this many, the active one never.
    /// A publish does so by itself; see [`PublishOptions::retain`].
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn retain(&self, space: &str, generations: usize) -> Result<(), Error> {
        maintain::retain(&self.live(), self.writing()?, space, generations)
    }

    /// The generations a space keeps, oldest first.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn generations(&self, space: &str) -> Result<Vec<GenerationInfo>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let kept = snapshot.kept(space)?;
        let all = kept.generations.iter();
        Ok(all
            .map(|generation| info(generation, kept.active))
            .collect())
    }

    /// The names of all spaces, sorted.
    #[must_use]
    pub fn spaces(&self) -> Vec<String> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        snapshot.sealed.manifest.spaces.keys().cloned().collect()
    }
}

pub(super) fn info(generation: &Generation, active: GenerationNo) -> GenerationInfo {
    let items = generation.segments.iter().map(|s| u64::from(s.nodes));
    GenerationInfo {
        number: generation.number,
        active: generation.number == active,
        items: items.sum(),
        dimension: generation.dimension as usize,
        metric: generation.metric,
        storage: generation.storage,
        partial: generation.partial,
        left_out: generation.left_out,
        members: generation.members.clone(),
        recall: generation.recall,
        cut: generation.cut,
        towers_hash: generation.towers_hash,
        created_unix_ms: generation.created_unix_ms,
    }
}
