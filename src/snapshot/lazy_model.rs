//! The towers of a generation, read when they are first asked for.

use crate::error::{Damage, Error, Unsupported};
use crate::manifest::Generation;
use crate::store::{self, Directory};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use twinspire_core::files::names;
use twinspire_towers::internals::{Model, NamedBlob};

/// The towers of a generation. Their files are open, so that they stay readable when the generation is
/// removed; their content is verified and parsed when it is first asked for. A recall reads the towers of its own
/// space alone, and one by a vector reads none.
pub(crate) struct LazyModel {
    /// The directory of the towers, for errors.
    path: PathBuf,
    generation: Generation,
    parts: Vec<NamedBlob>,
    model: OnceLock<Arc<Model>>,
}

impl LazyModel {
    /// Opens the files of a generation's towers.
    pub(super) fn open(
        directory: &Directory,
        space: &str,
        generation: &Generation,
    ) -> Result<Self, Error> {
        let number = generation.number;
        Ok(Self {
            path: directory.path(names::TOWERS, &names::towers(space, number)),
            parts: store::open_towers(directory, space, number, &generation.towers)?,
            generation: generation.clone(),
            model: OnceLock::new(),
        })
    }

    /// The towers.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the file that differs from what was published, and [`Error::Unsupported`] if only
    /// another build can use the towers. Both come back at each call.
    pub(super) fn get(&self) -> Result<&Arc<Model>, Error> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        let model = self.read()?;
        Ok(self.model.get_or_init(|| Arc::new(model)))
    }

    /// Towers in memory, as those of a generation.
    #[cfg(test)]
    pub(crate) fn of(model: Arc<Model>, generation: &Generation) -> Self {
        Self {
            path: PathBuf::new(),
            generation: generation.clone(),
            parts: Vec::new(),
            model: model.into(),
        }
    }

    fn read(&self) -> Result<Model, Error> {
        let generation = self.generation.number;
        store::verify_towers(&self.path, &self.parts, &self.generation.towers)?;
        let model = Model::from_parts(&self.parts).map_err(|error| {
            // The files are those that were published, so the build that published them reads them.
            let source = Box::new(error);
            Error::Unsupported {
                path: self.path.clone(),
                section: "towers",
                what: Unsupported::Towers { generation, source },
            }
        })?;
        let (dimension, metric) = (self.generation.dimension, self.generation.metric);
        match (model.schema.dimension, model.schema.metric) == (dimension, metric) {
            true => Ok(model),
            false => {
                let what = Damage::Generation { generation };
                Err(Error::corrupt(&self.path, "generation", what))
            }
        }
    }
}
