//! The towers of a database's generations.

use super::Database;
use crate::error::{Error, Unsupported};
use crate::store::read_towers;
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_towers::internals::Side;
use twinspire_towers::{RecordError, Towers};

impl Database {
    /// The towers of a space's active generation, as they were published.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::Corrupt`].
    pub fn towers(&self, space: &str) -> Result<Towers, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load_full();
        let base = &snapshot.space(space)?.base;
        let generation = &base.generation;
        let (number, files) = (generation.number, &generation.towers);
        let parts = read_towers(&live.directory, space, number, files)?;
        let model = Arc::clone(base.model()?);
        Towers::of_generation(model, parts).map_err(|error| {
            let path = live
                .directory
                .path(names::TOWERS, &names::towers(space, number));
            let (generation, source) = (number, Box::new(error));
            Error::Unsupported {
                path,
                section: "towers",
                what: Unsupported::Towers { generation, source },
            }
        })
    }

    /// All that is wrong with the features of a user for a space, taken
    /// [strictly](crate::FeatureCheck::Strict).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), twinspire::Error> {
    /// # let db = twinspire::Database::open("shop.twin")?;
    /// for problem in db.check_user("unified", &serde_json::json!({"user_id": "u42", "hstory": []}))? {
    ///     eprintln!("{problem}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn check_user(&self, space: &str, features: &Value) -> Result<Vec<RecordError>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let model = snapshot.space(space)?.base.model()?;
        Ok(model.problems(Side::User, features))
    }
}
