//! Fused spaces: one graph over the vectors of several.

use super::{Database, GenerationInfo, PublishOptions, Towers};
use crate::error::{Error, FuseError};
use crate::maintain::Source;
use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;
use twinspire_core::kernel::{Metric, Storage};

impl Database {
    /// Builds one graph over the vectors of several spaces, one behind the other, and makes a fused space
    /// of it: the index over concatenated embeddings of Huang et al. (Embedding-based Retrieval in
    /// Facebook Search, KDD 2020, section 5.2). The inner product with the queries of the members, each
    /// times a weight, is the weighted sum of their scores, so that one walk answers what takes one for
    /// each member otherwise, for any weights: those of the [ensemble](crate::Ensemble::fused) that asks.
    ///
    /// It is a space like others: published again, kept, sealed, merged, rolled back. A recall of it by its
    /// name weighs its members equally. It has no towers of its own: what is written is embedded by its
    /// members, and an item that has no vector in one of them has none here.
    ///
    /// A generation is of the generations that its members served then. When one of them goes over to
    /// another, the fused space goes over, in the same moment, to the newest of its generations that was
    /// made of what they serve now; if there is none, it is out of step and does not answer until it is
    /// published again: version skew is impossible here too. Ensembles ask the members one by one
    /// meanwhile.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    /// use twinspire::{Database, Ensemble, Metric, Towers};
    ///
    /// let db = Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put_many(&[json!({"id": "B01"}), json!({"id": "B02"})])?;
    /// for (space, [first, second]) in [("text", [0.0, 1.0]), ("unified", [0.8, 0.6])] {
    ///     let vectors = [("B01", [1.0, 0.0]), ("B02", [first, second])];
    ///     db.publish_vectors(space, Towers::vectors_only(space, 2, Metric::Cosine)?, vectors)?;
    /// }
    /// db.publish_fused("both", ["text", "unified"])?;
    /// let home = Ensemble::weighted().space("text", 0.4).space("unified", 0.6).fused("both");
    /// db.ensembles().define("home", home)?;
    /// let recall = db.recall("home").vector_in("text", &[0.0, 1.0]).vector_in("unified", &[0.6, 0.8]);
    /// assert_eq!(recall.top(1)?[0].id, "B02");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Fused`] when the members cannot be fused, and says why, [`Error::UnknownSpace`],
    /// [`Error::NameTaken`], [`Error::OutOfStep`] when a member went over to another generation while the graph
    /// was built; others as [`publish`](Self::publish).
    pub fn publish_fused<S: Into<String>>(
        &self,
        space: &str,
        members: impl IntoIterator<Item = S>,
    ) -> Result<GenerationInfo, Error> {
        self.publish_fused_with(space, members, &PublishOptions::default())
    }

    /// [`publish_fused`](Self::publish_fused), with options. Vectors are stored as the members store them:
    /// in half precision if all of them do.
    ///
    /// # Errors
    /// As [`publish_fused`](Self::publish_fused), and [`Error::Cancelled`].
    pub fn publish_fused_with<S: Into<String>>(
        &self,
        space: &str,
        members: impl IntoIterator<Item = S>,
        options: &PublishOptions<'_>,
    ) -> Result<GenerationInfo, Error> {
        let members: Vec<String> = members.into_iter().map(S::into).collect();
        let fused = |source: FuseError| Error::Fused {
            space: space.to_owned(),
            source,
        };
        let live = self.live();
        let snapshot = live.snapshot.load();
        let mut made_of: BTreeMap<String, GenerationNo> = BTreeMap::new();
        let (mut dimension, mut halves) = (0, 0);
        for member in &members {
            let generation = &snapshot.space(member)?.base.generation;
            let name = || member.clone();
            if generation.is_fused() {
                return Err(fused(FuseError::FusedMember { member: name() }));
            }
            if generation.metric == Metric::L2 {
                return Err(fused(FuseError::L2Member { member: name() }));
            }
            if made_of.insert(name(), generation.number).is_some() {
                return Err(fused(FuseError::RepeatedMember { member: name() }));
            }
            dimension += generation.dimension as usize;
            halves += usize::from(generation.storage == Storage::Half);
        }
        if made_of.len() < 2 {
            let count = made_of.len();
            return Err(fused(FuseError::TooFewMembers { count }));
        }
        let storage = match halves == made_of.len() {
            true => Storage::Half,
            false => Storage::Full,
        };
        if options.storage == Storage::Half && storage == Storage::Full {
            return Err(fused(FuseError::Precision));
        }
        drop(snapshot);
        let towers = Towers::vectors_only(space, dimension, Metric::InnerProduct);
        let towers = towers.map_err(|error| fused(Box::new(error).into()))?;
        self.publish_from(space, &towers, Source::Members(&made_of), storage, options)
    }

    /// The spaces that a fused space is made of, each with its generation; none of a space with towers or
    /// vectors of its own.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn members(&self, space: &str) -> Result<BTreeMap<String, GenerationNo>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let active = snapshot.kept(space)?.active();
        Ok(active.map_or_else(BTreeMap::new, |active| active.members.clone()))
    }
}
