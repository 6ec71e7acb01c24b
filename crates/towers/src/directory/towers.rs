use super::replace::{Replacement, replaced};
use crate::error::TowersError;
use crate::record::RecordError;
use crate::tower::schema::Schema;
use crate::tower::{
    Embedded, FREQUENCY, FrequencyState, Model, NamedBlob, OPTIMISER, OptimiserState, REPORT,
    Reading, SelfTest, Side, TOWER_FILES, TowerError, TowersInfo, aligned, check_training_state,
    content_hash, sort_files,
};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{Blob, FileSystem, IoAction, OsFiles};
use twinspire_core::kernel::Metric;
use twinspire_core::wire::checksum;

/// A user tower and an item tower that were trained together, ready to be published.
#[derive(Clone, Debug)]
pub struct Towers {
    model: Arc<Model>,
    parts: Arc<[NamedBlob]>,
    self_test: Option<SelfTest>,
}

impl Towers {
    /// Reads a towers directory: `tower.json` and the weights it describes, checked against each other. The
    /// self-test (`selftest.json`) is run if there is one. The state of the training (`frequency.bin`,
    /// `optimiser.bin`) and its report (`report.json`) are kept with the towers. Other files in the directory are
    /// ignored.
    ///
    /// If a [`save`](Self::save) to this path was interrupted, the towers from before that save are read. Do not
    /// open a path while another process saves to it.
    ///
    /// # Errors
    /// [`TowersError::Invalid`] names the file, the place in it, and what would be right.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TowersError> {
        Self::open_in(&OsFiles::MAPPED, path.as_ref())
    }

    /// [`open`](Self::open) in any file system.
    pub(super) fn open_in(files: &dyn FileSystem, path: &Path) -> Result<Self, TowersError> {
        let mut parts = read(files, path)?;
        if parts.is_empty()
            && let Some(replaced) = replaced(path)
        {
            parts = read(files, &replaced)?;
        }
        Self::from_parts(parts).map_err(|source| TowersError::Invalid {
            path: path.to_owned(),
            source,
        })
    }

    /// A description without towers, for a space whose vectors are computed elsewhere: those of items are published
    /// with it, and queries are vectors.
    ///
    /// # Errors
    /// [`TowerError`] if `dimension` is 0 or too large.
    pub fn vectors_only(name: &str, dimension: usize, metric: Metric) -> Result<Self, TowerError> {
        let schema = Schema::vectors_only(name, dimension, metric);
        let blob = Blob::from_bytes(&schema.to_json()?);
        Self::from_parts(vec![(TOWER_FILES[0].to_owned(), Arc::new(blob))])
    }

    /// The user tower of one pair and the item tower of another, such as a user tower that is an ONNX model over an
    /// item tower of layers. Both must give vectors of one space: of the same dimension, to be compared by the same
    /// metric. Tables that both read are shared if they are equal. The self-tests and the state of the trainings are
    /// left behind.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mod twinspire { pub use twinspire_towers::Towers; }
    /// use twinspire::Towers;
    ///
    /// let towers = Towers::combine(&Towers::open("models/onnx")?, &Towers::open("models/shop")?)?;
    /// towers.save("models/mixed")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TowerError`] if one of the towers is missing, or dimension or metric differ.
    pub fn combine(user: &Self, item: &Self) -> Result<Self, TowerError> {
        Self::from_model(&Model::combine(user.model(), item.model())?)
    }

    /// Towers of these files, checked like those of [`open`](Self::open).
    #[doc(hidden)]
    pub fn from_parts(parts: Vec<NamedBlob>) -> Result<Self, TowerError> {
        let model = Model::from_parts(&parts)?;
        model.check_finite()?;
        check_training_state(&parts, &model)?;
        Ok(Self {
            self_test: model.self_test(&parts)?,
            model: Arc::new(model),
            parts: parts.into(),
        })
    }

    /// Towers of these files, checked like those of [`open`](Self::open).
    #[doc(hidden)]
    pub fn from_bytes(files: Vec<(String, Vec<u8>)>) -> Result<Self, TowerError> {
        let blob = |bytes: Vec<u8>| Arc::new(Blob::from_bytes(&bytes));
        let parts = files.into_iter().map(|(name, bytes)| (name, blob(bytes)));
        Self::from_parts(parts.collect())
    }

    /// Towers from a trained model.
    #[doc(hidden)]
    pub fn from_model(model: &Model) -> Result<Self, TowerError> {
        // Through the bytes, so that the towers equal those that a reader would open.
        Self::from_parts(model.to_parts()?)
    }

    /// The same towers with the item frequencies of their training.
    #[doc(hidden)]
    #[must_use]
    pub fn with_frequency(self, state: &FrequencyState) -> Self {
        self.with_file(FREQUENCY, &state.to_bytes())
    }

    /// The same towers with the optimiser state of their training.
    #[doc(hidden)]
    #[must_use]
    pub fn with_optimiser(self, state: &OptimiserState) -> Self {
        self.with_file(OPTIMISER, &state.to_bytes())
    }

    /// The same towers with the report of their training.
    #[doc(hidden)]
    #[must_use]
    pub fn with_report(self, report: &Value) -> Self {
        self.with_file(REPORT, format!("{report:#}\n").as_bytes())
    }

    /// The same towers with this file, added or replaced.
    fn with_file(mut self, name: &str, bytes: &[u8]) -> Self {
        let kept = self.parts.iter().filter(|(other, _)| other != name);
        let mut parts: Vec<NamedBlob> = kept.cloned().collect();
        parts.push((name.to_owned(), Arc::new(Blob::from_bytes(bytes))));
        sort_files(&mut parts);
        self.parts = parts.into();
        self
    }

    /// The item frequencies of the training, if they were kept.
    #[doc(hidden)]
    pub fn frequency(&self) -> Result<Option<FrequencyState>, TowerError> {
        FrequencyState::find(&self.parts)
    }

    /// The optimiser state of the training, if it was kept.
    #[doc(hidden)]
    pub fn optimiser(&self) -> Result<Option<OptimiserState>, TowerError> {
        OptimiserState::find(&self.parts, &self.model)
    }

    /// Towers of a generation, whose model is open already.
    #[doc(hidden)]
    pub fn of_generation(model: Arc<Model>, parts: Vec<NamedBlob>) -> Result<Self, TowerError> {
        Ok(Self {
            self_test: model.self_test(&parts)?,
            model,
            parts: parts.into(),
        })
    }

    /// The tables and both towers.
    #[doc(hidden)]
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The files of the directory.
    #[doc(hidden)]
    #[must_use]
    pub fn parts(&self) -> &[NamedBlob] {
        &self.parts
    }

    /// Writes a towers directory. Towers at `path` are replaced whole: after an error or a crash, `path` opens as
    /// the old towers or as the new ones. Missing parent directories are created.
    ///
    /// A save creates and removes the sibling directories `path.saving` and `path.replaced`.
    ///
    /// # Errors
    /// [`TowersError::Io`] when a file cannot be written, and when `path` contains a file that does not belong to
    /// towers, which would be lost.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), TowersError> {
        self.save_in(&OsFiles::MAPPED, path.as_ref())
    }

    /// [`save`](Self::save) in any file system.
    pub(super) fn save_in(&self, files: &dyn FileSystem, path: &Path) -> Result<(), TowersError> {
        Replacement::new(files, path)?.write(&self.parts)
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.model.schema.name
    }

    /// Components of a vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.model.schema.dimension as usize
    }

    /// How the vector of a user is compared with that of an item.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.model.schema.metric
    }

    /// Number of learned weights.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.model.parameters()
    }

    /// The result of the self-test when the towers were opened; `None` if there is no self-test. Towers that fail
    /// it cannot be opened.
    #[must_use]
    pub fn self_test(&self) -> Option<SelfTest> {
        self.self_test
    }

    /// A hash over the content of the files; a generation published from these towers reports the same.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let files = self.parts.iter();
        content_hash(files.map(|(name, blob)| (name.as_str(), checksum(blob))))
    }

    /// A description of the towers: what they read, how they are built, how large they are.
    #[must_use]
    pub fn describe(&self) -> TowersInfo {
        TowersInfo::of(&self.model, &self.parts)
    }

    /// All that is wrong with the features of a user, taken
    /// [strictly](crate::FeatureCheck::Strict).
    #[must_use]
    pub fn check_user(&self, features: &Value) -> Vec<RecordError> {
        self.model.problems(Side::User, features, None)
    }

    /// Embeds a user. The vector has [`dimension`](Self::dimension) components, and length 1 under cosine.
    ///
    /// # Errors
    /// [`TowersError::User`] with the reason: a feature that cannot be read, an absent user tower, a layer that
    /// fails, or an output that cannot be compared.
    pub fn embed_user(&self, features: &Value) -> Result<Vec<f32>, TowersError> {
        let vector = self.model.embed(Side::User, features, Reading::default());
        vector.map_err(|source| TowersError::User { at: None, source })
    }

    /// Embeds a user, and shows what each feature gave to the first layer: to compare with the numbers of the
    /// training where the two give different vectors.
    ///
    /// # Errors
    /// As [`embed_user`](Self::embed_user).
    pub fn embed_user_shown(&self, features: &Value) -> Result<Embedded, TowersError> {
        let shown = self
            .model
            .embed_shown(Side::User, features, Reading::default());
        shown.map_err(|source| TowersError::User { at: None, source })
    }

    /// Embeds users and appends their vectors to `vectors`, concatenated. Once a thread has embedded similar users,
    /// nothing is allocated but room for the vectors, unless the user tower runs an ONNX model.
    ///
    /// # Errors
    /// [`TowersError::User`] names the user by its index, and the reason. Nothing is appended then.
    pub fn embed_users_into(
        &self,
        users: &[Value],
        vectors: &mut Vec<f32>,
    ) -> Result<(), TowersError> {
        let before = vectors.len();
        let embedded = self
            .model
            .embed_into(Side::User, users, Reading::default(), vectors);
        embedded.map_err(|(at, source)| {
            vectors.truncate(before);
            TowersError::User {
                at: Some(at),
                source,
            }
        })
    }

    /// Embeds an item. The vector has [`dimension`](Self::dimension) components, and length 1 under cosine.
    ///
    /// # Errors
    /// [`TowersError::Item`] with the id and the reason: a feature that cannot be read, an absent item tower, a
    /// layer that fails, or an output that cannot be compared.
    pub fn embed_item(&self, record: &Value) -> Result<Vec<f32>, TowersError> {
        let id = || record.get("id").and_then(Value::as_str).unwrap_or_default();
        let vector = self.model.embed(Side::Item, record, Reading::default());
        vector.map_err(|source| TowersError::Item {
            id: id().to_owned(),
            source,
        })
    }

    /// Embeds items and appends their vectors to `vectors`, concatenated; as
    /// [`embed_users_into`](Self::embed_users_into).
    ///
    /// # Errors
    /// As [`embed_item`](Self::embed_item). Nothing is appended then.
    pub fn embed_items_into(
        &self,
        items: &[Value],
        vectors: &mut Vec<f32>,
    ) -> Result<(), TowersError> {
        let before = vectors.len();
        let embedded = self
            .model
            .embed_into(Side::Item, items, Reading::default(), vectors);
        embedded.map_err(|(at, source)| {
            vectors.truncate(before);
            let id = items.get(at).and_then(|item| item.get("id"));
            TowersError::Item {
                id: id.and_then(Value::as_str).unwrap_or_default().to_owned(),
                source,
            }
        })
    }
}

impl Towers {
    /// Embeds an item, and shows what each feature gave to the first layer; as
    /// [`embed_user_shown`](Self::embed_user_shown).
    ///
    /// # Errors
    /// As [`embed_item`](Self::embed_item).
    pub fn embed_item_shown(&self, record: &Value) -> Result<Embedded, TowersError> {
        let id = || record.get("id").and_then(Value::as_str).unwrap_or_default();
        let shown = self
            .model
            .embed_shown(Side::Item, record, Reading::default());
        shown.map_err(|source| TowersError::Item {
            id: id().to_owned(),
            source,
        })
    }
}

/// The files of a towers directory that exist.
fn read(files: &dyn FileSystem, directory: &Path) -> Result<Vec<NamedBlob>, TowersError> {
    let mut parts = Vec::new();
    for name in TOWER_FILES {
        let file = directory.join(name);
        match files.read(&file) {
            Ok(bytes) => parts.push((name.to_owned(), Arc::new(Blob::from_bytes(&aligned(bytes))))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(TowersError::io(IoAction::Read, &file)(error)),
        }
    }
    Ok(parts)
}
