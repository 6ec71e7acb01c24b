//! Settings of the recipe.

use super::super::config::within;
use super::super::dataset::Dataset;
use super::super::error::TrainError;
use super::super::optimiser::Method;
use super::super::schema::{field_names, text_fields};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use twinspire_core::kernel::MAX_DIMENSION;
use twinspire_towers::Towers;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{self, FeatureKind};

/// The field of a query where nothing says which.
const QUERY: &str = "query";

/// Settings of the recipe. The defaults are the paper's where it names them: trigrams, three layers of
/// hyperbolic tangents, four negatives.
///
/// Where there are few documents, less is more: no hidden layers, [`Activation::Linear`], all others of
/// the batch as negatives and words omitted at random. The table in `docs/recipes.md` shows what each of
/// these gave on a collection of 1,400 documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The fields of a query whose texts make it up, each a paragraph of its own. With none they are
    /// those that earlier towers read, or every field of the users that holds texts, or `query`. In
    /// JSON one may stand without a list.
    #[serde(deserialize_with = "one_or_many")]
    pub query: Vec<String>,
    /// The fields of an item whose texts make up the document, each a paragraph of its own. With none
    /// they are those that earlier towers read, or every field that holds texts: `title`, `name`,
    /// `text`, `description`, `body` and `query`, as far as most values are strings; where there is
    /// none of these, strings of several words, mostly different ones. In JSON one may stand without a list.
    #[serde(deserialize_with = "one_or_many")]
    pub document: Vec<String>,
    /// Components of the vectors.
    pub dimension: usize,
    /// Units of the layers before the vectors; the first of them is the sum of the embeddings of a
    /// text's grams. With none, that sum is the vector.
    pub hidden: Vec<usize>,
    /// What is done to each component behind every layer.
    pub activation: Activation,
    /// How many letters a gram has, from and to.
    pub letters: [u32; 2],
    /// Of up to how many words there are grams beside those of letters; 0 for none.
    pub words: usize,
    /// Rows that grams are hashed into.
    pub buckets: u32,
    /// Whether queries and documents go through one tower.
    pub shared: bool,
    /// What cosines are multiplied by before the softmax (γ).
    pub gamma: f32,
    /// How many documents are drawn as negatives of a query; 0 for all others of the batch.
    pub negatives: usize,
    /// Where they are drawn from.
    pub pool: Pool,
    /// The share of words left out of each text, anew each time it is learnt from.
    pub word_dropout: f32,
    /// Passes over the examples.
    pub epochs: usize,
    /// Examples in a batch.
    pub batch: usize,
    /// How weights follow their gradients.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// How much of the running mean of the weights is kept at each step, which is what the towers get
    /// in the end; 0 for the last weights.
    pub average: f32,
    /// After how many passes without a better mean reciprocal rank of held-out documents the training
    /// ends; the best weights are kept. With 0 nothing is held out.
    pub patience: usize,
    /// The share of documents (of queries, where there are clicks) that are held out for it.
    pub held_out: f64,
    /// Whether steps begin as long as those of a first training, where a training goes on from earlier
    /// towers. Otherwise they go on as short as those have become.
    pub fresh_steps: bool,
    /// What the random numbers start from.
    pub seed: u64,
}

/// Where the negatives of a query are drawn from. None that is known to belong to the query is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// All documents, each as likely as any other, as in the paper. Of those that are held out none is
    /// drawn.
    #[default]
    All,
    /// The documents of the other examples of the batch, which costs next to nothing.
    Batch,
}

/// What is done to each component behind a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
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
            epochs: 10,
            batch: 128,
            optimiser: Method::Adam,
            learning_rate: 0.002,
            average: 0.0,
            patience: 0,
            held_out: 0.1,
            fresh_steps: false,
            seed: 42,
        }
    }
}

impl Config {
    /// These settings with the fields that a training reads: those that are named, or those that the
    /// towers to begin with read, or those of the data that hold texts.
    ///
    /// # Errors
    /// [`TrainError::Empty`] without items, [`TrainError::NoTexts`] where documents have no field of
    /// texts, [`TrainError::NoField`] for one that is named and that no record has, unless earlier towers
    /// may have met it.
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
            has_fields("user", "query", &self.query, asked)?;
            has_fields("item", "document", &self.document, &data.items)?;
        }
        self.resolved(data, earlier)
    }

    /// As [`with_fields`](Self::with_fields), whether or not a record has the fields.
    pub(super) fn resolved(
        &self,
        data: &Dataset,
        earlier: Option<&Towers>,
    ) -> Result<Self, TrainError> {
        if data.items.is_empty() {
            return Err(TrainError::Empty { what: "items" });
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
                what: "item",
                setting: "document",
                fields: field_names(&data.items),
            });
        }
        Ok(config)
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        let most = 65_536;
        within("dimension", self.dimension, 1..=MAX_DIMENSION as usize)?;
        for units in &self.hidden {
            within("hidden", *units, 1..=most)?;
        }
        within("words", self.words, 0..=8)?;
        within("buckets", self.buckets, 1..=1 << 28)?;
        within("gamma", self.gamma, 0.01..=1000.0)?;
        within("negatives", self.negatives, 0..=most)?;
        within("word_dropout", self.word_dropout, 0.0..=0.9)?;
        within("epochs", self.epochs, 1..=most)?;
        within("batch", self.batch, 2..=most)?;
        within("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        within("average", self.average, 0.0..=0.999_999)?;
        within("patience", self.patience, 0..=most)?;
        within("held_out", self.held_out, 0.001..=0.5)
    }
}

/// Refuses a field that no record has, if there are records at all.
fn has_fields(
    what: &'static str,
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
            what,
            setting,
            field,
            fields,
        })
    })
}

/// The fields that a tower reads as a text.
fn read_by(towers: &Towers, side: Side) -> Vec<String> {
    let features = towers.model().tower(side).features.iter();
    let mut schemas = features.map(|feature| &feature.schema);
    let text = schemas.find(|schema| matches!(schema.kind, FeatureKind::Text { .. }));
    let fields = text.into_iter().flat_map(|text| text.fields());
    fields.map(str::to_owned).collect()
}

/// A list of strings, or one without a list.
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
