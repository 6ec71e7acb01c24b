//! The vectors of stored items.

use super::{Database, Pinned};
use crate::error::Error;
use crate::recall::{View, item_vectors, known_vectors};
use std::collections::BTreeMap;

impl Database {
    /// The vectors of items in a space, concatenated, as recalls compare them: those of the active generation,
    /// under cosine of length 1, in half-precision spaces rounded. A vector has as many components as the
    /// generation's [dimension](crate::GenerationInfo::dimension).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// use serde_json::json;
    /// use twinspire::{Database, Metric, Towers};
    ///
    /// let db = Database::open(dir.path().join("shop.twin"))?;
    /// db.items().put_many(&[json!({"id": "B01"}), json!({"id": "B02"})])?;
    /// let towers = Towers::vectors_only("clip", 2, Metric::L2)?;
    /// db.publish("clip").towers(towers).vectors([("B01", [1.0, 0.0]), ("B02", [2.0, 3.0])]).run()?;
    /// assert_eq!(db.vectors("clip", ["B02", "B01"])?, [2.0, 3.0, 1.0, 0.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownSpace`]; [`Error::UnknownItem`] for an id that is not stored, or has no vector in the
    /// space.
    pub fn vectors(
        &self,
        space: &str,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Vec<f32>, Error> {
        item_vectors(&View::now(self.live()), space, ids)
    }

    /// The vectors of those of these items that have one in a space, by id; otherwise as [`vectors`](Self::vectors).
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn known_vectors(
        &self,
        space: &str,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Vec<f32>>, Error> {
        known_vectors(&View::now(self.live()), space, ids)
    }
}

impl Pinned {
    /// The vectors of items in a space of this state; as [`Database::vectors`].
    ///
    /// # Errors
    /// As [`Database::vectors`].
    pub fn vectors(
        &self,
        space: &str,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Vec<f32>, Error> {
        item_vectors(self.view(), space, ids)
    }
}
