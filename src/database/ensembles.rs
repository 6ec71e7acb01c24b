//! Ensembles: stored recipes that fuse several spaces.

use super::Database;
use crate::ensemble::Ensemble;
use crate::error::Error;
use crate::maintain;
use std::collections::BTreeMap;

/// The ensembles of a database; see [`Database::ensembles`].
#[derive(Clone, Copy)]
pub struct Ensembles<'a> {
    database: &'a Database,
}

impl Database {
    /// The ensembles of the database. They are stored and versioned with it, and snapshots contain them. A
    /// recall names an ensemble as it names a space.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// use serde_json::json;
    /// use twinspire::WeightedSum;
    ///
    /// let home = WeightedSum::new().space("text", 0.4).space("unified", 0.6);
    /// db.ensembles().define("home", home)?;
    /// let hits = db.recall("home").user(&json!({"query": "red shoes"})).top(10)?;
    /// for hit in &hits {
    ///     println!("{} {:.3}, by space {:?}", hit.id, hit.score, hit.channels);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn ensembles(&self) -> Ensembles<'_> {
        Ensembles { database: self }
    }
}

impl Ensembles<'_> {
    /// Stores an ensemble under a name, and replaces the ensemble that has this name.
    ///
    /// # Errors
    /// [`Error::Ensemble`] says why the recipe is invalid. [`Error::UnknownSpace`]; [`Error::NameTaken`] when a
    /// space has the name; [`Error::SpaceName`], whose rules hold for ensembles too.
    pub fn define(&self, name: &str, ensemble: impl Into<Ensemble>) -> Result<(), Error> {
        let (database, ensemble) = (self.database, ensemble.into());
        maintain::define_ensemble(&database.live(), database.writing()?, name, ensemble)
    }

    /// Removes an ensemble; its spaces stay. Returns false if no ensemble has this name.
    ///
    /// # Errors
    /// [`Error::Io`] when the commit fails.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let database = self.database;
        maintain::remove_ensemble(&database.live(), database.writing()?, name)
    }

    /// The ensemble of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Ensemble> {
        self.list().remove(name)
    }

    /// All ensembles, by name.
    #[must_use]
    pub fn list(&self) -> BTreeMap<String, Ensemble> {
        let live = self.database.live();
        live.snapshot.load().sealed.manifest.ensembles.clone()
    }
}
