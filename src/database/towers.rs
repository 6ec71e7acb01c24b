//! The towers of a database's generations.

use super::Database;
use crate::ensemble::Ensemble;
use crate::error::{Error, Unsupported};
use crate::recall::{View, embed_shown};
use crate::store::read_towers;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::files::names;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::internals::{REPORT, Reading, Side};
use twinspire_towers::{Embedded, RecordError, Towers};

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

    /// The report of the training of a generation that the space keeps: recipe, settings, losses, validation, warnings
    /// about the data. `None` if its towers have no readable report, such as towers of another program.
    ///
    /// `twinspire train` and `train::Trained::reported_towers` add it to the towers. Its fields are described in
    /// [storage-format.md](https://github.com/twinspire/twinspire/blob/main/storage-format.md#reportjson).
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::UnknownGeneration`], [`Error::Corrupt`].
    pub fn training_report(
        &self,
        space: &str,
        generation: GenerationNo,
    ) -> Result<Option<Value>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load_full();
        let kept = &snapshot.kept(space)?.generations;
        let found = kept.iter().find(|kept| kept.number == generation);
        let found = found.ok_or_else(|| Error::UnknownGeneration {
            space: space.to_owned(),
            generation,
            kept: kept.iter().map(|kept| kept.number).collect(),
        })?;
        let Some(pin) = found.towers.iter().find(|file| file.name == REPORT) else {
            return Ok(None);
        };
        let parts = read_towers(
            &live.directory,
            space,
            generation,
            std::slice::from_ref(pin),
        )?;
        let text = parts.first().map(|(_, blob)| &blob[..]);
        Ok(text.and_then(|text| serde_json::from_slice(text).ok()))
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
        Ok(model.problems(Side::User, features, None))
    }

    /// All that is wrong with the features of a user for a space or an [ensemble](Self::ensembles), by
    /// space. A field that the user tower of one space reads is right in all.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`].
    pub fn check_user_for(
        &self,
        name: &str,
        features: &Value,
    ) -> Result<Vec<(String, RecordError)>, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let ensemble = snapshot.sealed.manifest.ensembles.get(name);
        let lexical = &snapshot.sealed.manifest.lexical;
        let texts = ensemble.into_iter().flat_map(Ensemble::spaces);
        let texts = texts.filter_map(|space| Some(lexical.get(space)?.active()?.lexical.query()));
        let texts: Vec<&str> = texts.collect();
        let mut models = BTreeMap::new();
        match ensemble {
            Some(ensemble) => {
                for space in ensemble
                    .spaces()
                    .filter(|space| !lexical.contains_key(*space))
                {
                    models.insert(space, snapshot.space(space)?.base.model()?);
                }
            }
            None => {
                let base = &snapshot.space(name)?.base;
                for member in base.generation.members.keys() {
                    models.insert(member.as_str(), snapshot.space(member)?.base.model()?);
                }
                if models.is_empty() {
                    models.insert(name, base.model()?);
                }
            }
        }
        let reads = |field: &str| {
            let mut models = models.values();
            texts.contains(&field) || models.any(|model| model.reads(Side::User, field))
        };
        let problems = models.iter().flat_map(|(space, model)| {
            let found = model.problems(Side::User, features, Some(&reads));
            found
                .into_iter()
                .map(|problem| ((*space).to_owned(), problem))
        });
        Ok(problems.collect())
    }

    /// Embeds a user for a space or an [ensemble](Self::ensembles), and shows by space what each feature gave
    /// to the first layer of the user tower: to compare with the numbers of the training where recalls are not
    /// as expected.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::User`] naming the feature.
    pub fn embed_user(
        &self,
        name: &str,
        features: &Value,
    ) -> Result<BTreeMap<String, Embedded>, Error> {
        embed_shown(&View::now(self.live()), name, features)
    }

    /// Embeds an item record by the item tower of a space; as [`embed_user`](Self::embed_user). The record
    /// need not be in the database.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`], [`Error::Embed`] naming the feature.
    pub fn embed_item(&self, space: &str, record: &Value) -> Result<Embedded, Error> {
        let live = self.live();
        let snapshot = live.snapshot.load();
        let model = snapshot.space(space)?.base.model()?;
        let shown = model.embed_shown(Side::Item, record, Reading::default());
        shown.map_err(|source| Error::Embed {
            space: space.to_owned(),
            id: record["id"].as_str().unwrap_or_default().to_owned(),
            source,
        })
    }
}
