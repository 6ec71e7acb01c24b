//! Lexical spaces: full text by BM25.

use super::Database;
use crate::error::Error;
use crate::lexical::Lexical;
use crate::maintain;
use crate::manifest::LexicalGeneration;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::ids::GenerationNo;

/// The lexical spaces of a database; see [`Database::lexical`].
#[derive(Clone, Copy)]
pub struct LexicalSpaces<'a> {
    database: &'a Database,
}

/// A definition that a lexical space keeps.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LexicalInfo {
    /// Its number within the space.
    pub number: GenerationNo,
    /// Whether recalls use it.
    pub active: bool,
    /// When it was defined, in milliseconds since 1970-01-01 00:00 UTC.
    pub created_unix_ms: u64,
    /// The definition.
    pub lexical: Lexical,
}

impl Database {
    /// The lexical spaces of the database: items ranked by the words of their fields. They are stored and versioned
    /// with it, and snapshots contain them. A recall names one as it names any other space, and so does an
    /// [ensemble](Self::ensembles): words and vectors together find more than either.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let db = twinspire::Database::open(dir.path().join("shop.twin"))?;
    /// use serde_json::json;
    /// use twinspire::Lexical;
    ///
    /// db.items().put(&json!({"id": "B01", "title": "Running shoes", "text": "Light, for the road."}))?;
    /// db.items().put(&json!({"id": "B02", "title": "Rain jacket", "text": "Keeps you dry on runs."}))?;
    /// db.lexical().define("words", Lexical::new().field("title", 2.0).field("text", 1.0))?;
    /// let hits = db.recall("words").text("shoe to run in").top(10)?;
    /// let ids: Vec<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
    /// assert_eq!(ids, ["B01", "B02"]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lexical(&self) -> LexicalSpaces<'_> {
        LexicalSpaces { database: self }
    }
}

impl LexicalSpaces<'_> {
    /// Defines a lexical space, or gives it another definition, and returns its generation. The last three
    /// definitions are kept. Recalls use the new one from the commit on; this returns when every segment has its
    /// index. A definition that differs in `k1`, `b` and the query field alone needs no new index.
    ///
    /// # Errors
    /// [`Error::Lexical`] says what is invalid. [`Error::NameTaken`] when a space of vectors or an ensemble has the
    /// name; [`Error::SpaceName`]; [`Error::Io`] when a file cannot be written: the definition may stand then, and
    /// the next merge writes what is left.
    pub fn define(&self, name: &str, lexical: Lexical) -> Result<GenerationNo, Error> {
        let database = self.database;
        maintain::define_lexical(&database.live(), database.writing()?, name, lexical)
    }

    /// Makes another kept definition active: generation `to`, or the one before the active one. Returns its number.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::UnknownGeneration`], [`Error::NoEarlierGeneration`], [`Error::Io`].
    pub fn rollback(&self, name: &str, to: Option<GenerationNo>) -> Result<GenerationNo, Error> {
        let database = self.database;
        maintain::rollback_lexical(&database.live(), database.writing()?, name, to)
    }

    /// Removes a lexical space. Returns false for an unknown name.
    ///
    /// # Errors
    /// [`Error::SpaceInUse`] while an ensemble names it; [`Error::Io`] when the commit fails.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        let database = self.database;
        maintain::remove_lexical(&database.live(), database.writing()?, name)
    }

    /// The active definition of the space of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Lexical> {
        self.list().remove(name)
    }

    /// The active definitions of all lexical spaces, by name.
    #[must_use]
    pub fn list(&self) -> BTreeMap<String, Lexical> {
        let live = self.database.live();
        let snapshot = live.snapshot.load();
        let spaces = snapshot.sealed.manifest.lexical.iter();
        let active = spaces.filter_map(|(name, space)| {
            let active = space.active()?;
            Some((name.clone(), active.lexical.clone()))
        });
        active.collect()
    }

    /// The definitions that a lexical space keeps, oldest first.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn generations(&self, name: &str) -> Result<Vec<LexicalInfo>, Error> {
        let live = self.database.live();
        let snapshot = live.snapshot.load();
        let space = maintain::lexical_space(&snapshot, name)?;
        let info = |generation: &LexicalGeneration| LexicalInfo {
            number: generation.number,
            active: generation.number == space.active,
            created_unix_ms: generation.created_unix_ms,
            lexical: generation.lexical.clone(),
        };
        Ok(space.generations.iter().map(info).collect())
    }
}
