//! Settings of the recipe.

use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::nn::Method;
use crate::range::{MAX_COUNT, check_range};
use crate::schema::{field_names, text_fields};
use crate::settings::deserialize_over;
use crate::train_params::TrainParams;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use twinspire_core::kernel::MAX_DIMENSION;
use twinspire_towers::Towers;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{self, FeatureKind, FeatureSchema};

/// The field of a query if none is named or found.
const QUERY: &str = "query";

/// Default settings of the training loop.
pub const TRAINING: TrainParams = TrainParams {
    epochs: 10,
    batch: 128,
    optimiser: Method::Adam,
    learning_rate: 0.002,
    patience: 0,
    fresh_steps: false,
    max_unknown_ids: 0.01,
    seed: 42,
    checkpoint: None,
};

/// Settings of the recipe. The defaults are the paper's where it names them: trigrams, three tanh layers,
/// four negatives.
///
/// With few documents, a smaller model does better: no hidden layers, [`Activation::Linear`], all other
/// documents of the batch as negatives, and word dropout. The table in `docs/recipes.md` shows what each
/// of these gave on a collection of 1,400 documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Config {
    /// Text fields of a query, each a paragraph of its own. When empty: the fields that the earlier
    /// towers read, or else every text field of the users, or else `query`. In JSON a single field may
    /// stand without a list.
    #[serde(deserialize_with = "one_or_many")]
    pub query: Vec<String>,
    /// Text fields of an item, each a paragraph of the document. When empty: the fields that the earlier
    /// towers read, or else every text field. Those are `title`, `name`, `text`, `description`, `body`
    /// and `query`, where most values are strings. Without any of these, text fields are those
    /// with strings of several words, mostly distinct. In JSON a single field may stand without a list.
    #[serde(deserialize_with = "one_or_many")]
    pub document: Vec<String>,
    /// Width of the vectors.
    pub dimension: usize,
    /// Units of the layers before the vectors; the first of them is the sum of the embeddings of a
    /// text's grams. When empty, that sum is the vector.
    pub hidden: Vec<usize>,
    /// Activation behind every layer.
    pub activation: Activation,
    /// Shortest and longest letter n-gram.
    pub letters: [u32; 2],
    /// Longest word n-gram, in addition to the letter n-grams; 0 for letters alone.
    pub words: usize,
    /// Rows that grams are hashed into.
    pub buckets: u32,
    /// Whether queries and documents share one tower.
    pub shared: bool,
    /// What cosines are multiplied by before the softmax (γ).
    pub gamma: f32,
    /// Negatives drawn for each query; 0 takes all other documents of the batch.
    pub negatives: usize,
    /// Where negatives are drawn from.
    pub pool: Pool,
    /// Share of words dropped from each text, drawn anew each time it is learnt from.
    pub word_dropout: f32,
    /// Decay of the running mean of the weights, which becomes the towers; 0 keeps the last weights.
    pub average: f32,
    /// Share of documents (of queries, if there are clicks) that is held out for validation, if
    /// [`patience`](TrainParams::patience) is above 0. The metric is the mean reciprocal rank.
    pub held_out: f64,
    /// The training loop and the optimiser.
    #[serde(flatten)]
    pub training: TrainParams,
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, into)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_over(from, &Self::default(), Self::deserialize)
    }
}

/// Where the negatives of a query are drawn from. Documents that are known to belong to the query are
/// never drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// All documents but those held out, uniformly, as in the paper.
    #[default]
    All,
    /// The documents of the other examples in the batch: no further text has to be encoded.
    Batch,
}

/// Activation behind a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x.
    Linear,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    #[default]
    Tanh,
}

impl Activation {
    pub(super) fn of_layers(self) -> schema::Activation {
        match self {
            Self::Linear => schema::Activation::Linear,
            Self::Relu => schema::Activation::Relu,
            Self::Tanh => schema::Activation::Tanh,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            query: Vec::new(),
            document: Vec::new(),
            dimension: 128,
            hidden: vec![300, 300],
            activation: Activation::Tanh,
            letters: [3, 3],
            words: 0,
            buckets: 1 << 15,
            shared: true,
            gamma: 10.0,
            negatives: 4,
            pool: Pool::All,
            word_dropout: 0.0,
            average: 0.0,
            held_out: 0.1,
            training: TRAINING,
        }
    }
}

impl Config {
    /// These settings with the fields that a training reads: those that are named, or else those of the earlier
    /// towers, or else the text fields of the data.
    ///
    /// # Errors
    /// [`TrainError::Empty`] without items, [`TrainError::NoTexts`] if documents have no text field, and
    /// [`TrainError::NoField`] for a named field that no record has, unless there are earlier towers.
    pub fn with_fields(
        &self,
        data: &Dataset,
        earlier: Option<&Towers>,
    ) -> Result<Self, TrainError> {
        let asked: &[Value] = match data.events.is_empty() {
            true => &[],
            false => &data.users,
        };
        if earlier.is_none() {
            has_fields(Side::User, "query", &self.query, asked)?;
            has_fields(Side::Item, "document", &self.document, &data.items)?;
        }
        self.resolved(data, earlier)
    }

    /// As [`with_fields`](Self::with_fields), without checking that a record has the named fields.
    pub(super) fn resolved(
        &self,
        data: &Dataset,
        earlier: Option<&Towers>,
    ) -> Result<Self, TrainError> {
        if data.items.is_empty() {
            let missing = MissingData::Items;
            return Err(TrainError::Empty { missing });
        }
        let mut config = self.clone();
        let before = |side| earlier.map_or_else(Vec::new, |towers| read_by(towers, side));
        if config.query.is_empty() {
            config.query = before(Side::User);
        }
        if config.query.is_empty() {
            config.query = text_fields(&data.users, "user_id");
        }
        if config.query.is_empty() {
            config.query = vec![QUERY.to_owned()];
        }
        if config.document.is_empty() {
            config.document = before(Side::Item);
        }
        if config.document.is_empty() {
            config.document = text_fields(&data.items, "id");
        }
        if config.document.is_empty() {
            return Err(TrainError::NoTexts {
                side: Side::Item,
                setting: "document",
                fields: field_names(&data.items),
            });
        }
        Ok(config)
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        check_range("dimension", self.dimension, 1..=MAX_DIMENSION as usize)?;
        for units in &self.hidden {
            check_range("hidden", *units, 1..=MAX_COUNT)?;
        }
        check_range("words", self.words, 0..=8)?;
        check_range("buckets", self.buckets, 1..=1 << 28)?;
        check_range("gamma", self.gamma, 0.01..=1000.0)?;
        check_range("negatives", self.negatives, 0..=MAX_COUNT)?;
        check_range("word_dropout", self.word_dropout, 0.0..=0.9)?;
        self.training.check(2)?;
        check_range("average", self.average, 0.0..=0.999_999)?;
        check_range("held_out", self.held_out, 0.001..=0.5)
    }
}

/// Rejects a named field that no record has, if there are records.
fn has_fields(
    side: Side,
    setting: &'static str,
    named: &[String],
    records: &[Value],
) -> Result<(), TrainError> {
    if named.is_empty() || records.is_empty() {
        return Ok(());
    }
    let fields = field_names(records);
    let absent = named.iter().find(|field| !fields.contains(field)).cloned();
    absent.map_or(Ok(()), |field| {
        Err(TrainError::NoField {
            side,
            setting,
            field,
            fields,
        })
    })
}

/// The fields of the first text feature of a tower.
fn read_by(towers: &Towers, side: Side) -> Vec<String> {
    let features = towers.model().tower(side).features.iter();
    let mut schemas = features.map(|feature| &feature.schema);
    let text = schemas.find(|schema| matches!(schema.kind, FeatureKind::Text { .. }));
    let fields = text.into_iter().flat_map(FeatureSchema::fields);
    fields.map(str::to_owned).collect()
}

/// A list of strings, or a single string.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a field's name or a list of them")]
    enum Fields {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Fields::deserialize(from)? {
        Fields::One(field) => vec![field],
        Fields::Many(fields) => fields,
    })
}
