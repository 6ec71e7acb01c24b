use super::model::{EncoderGraph, EncoderModel};
use super::settings::{Settings, optional};
use super::table::StaticTable;
use crate::directory::Towers;
use crate::error::TowersError;
use crate::tower::schema::TokenPooling;
use crate::tower::{SHARED, SHARED_ONNX, TOKENIZER, TOWER_FILES, TowerError, TowerFault, aligned};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use std::path::Path;

/// The name of the table of static embeddings.
const TABLE: &str = "token";

/// Builds towers of an encoder of text: both embed texts by the same model.
///
/// The directory is one of Hugging Face, on the disk: `tokenizer.json`, and one of these.
/// - `model.onnx` or `onnx/model.onnx`, with inputs `input_ids`, `attention_mask` and perhaps `token_type_ids`
///   (crate feature `onnx`).
/// - `model.safetensors` with `config.json` of a BERT, RoBERTa or XLM-RoBERTa model, which is written as an ONNX model
///   (crate feature `onnx` to run it).
/// - `model.safetensors` with a table of static embeddings, as model2vec and sentence-transformers save them.
///
/// `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json` of sentence-transformers say how outputs are
/// pooled and how many tokens of a text are read. Without them outputs are averaged.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mod twinspire { pub use twinspire_towers::TextTowers; }
/// use twinspire::TextTowers;
///
/// let towers = TextTowers::new().fields(["title", "text"]).open("models/all-MiniLM-L6-v2")?;
/// towers.save("models/text")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TextTowers {
    name: Option<String>,
    fields: Vec<String>,
    query: Vec<String>,
    max_tokens: Option<usize>,
}

impl Default for TextTowers {
    fn default() -> Self {
        Self::new()
    }
}

impl TextTowers {
    /// Towers that read the field `text` of items and the field `query` of users.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: None,
            fields: vec!["text".to_owned()],
            query: vec!["query".to_owned()],
            max_tokens: None,
        }
    }

    /// The fields of an item; their texts are joined by spaces, in this order. An item may lack some of them.
    #[must_use]
    pub fn fields<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// The fields of a user, read in the same way.
    #[must_use]
    pub fn query<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.query = fields.into_iter().map(Into::into).collect();
        self
    }

    /// The most tokens of a text, with those that surround it: what is beyond is not read. It bounds the time and the
    /// memory of a run. By default what the directory says, else 512.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// The name of the model; by default that of its directory.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Reads the directory of an encoder.
    ///
    /// # Errors
    /// [`TowersError::Invalid`] names the file, the place in it, and what would be right.
    pub fn open(&self, directory: impl AsRef<Path>) -> Result<Towers, TowersError> {
        let directory = directory.as_ref();
        let invalid = |source| TowersError::Invalid {
            path: directory.to_owned(),
            source,
        };
        for (side, fields) in [("item", &self.fields), ("user", &self.query)] {
            if fields.is_empty() {
                let what = "lists no field to read";
                return Err(invalid(TowerError::description(side, what)));
            }
        }
        let settings = Settings::read(directory)?;
        let own = settings.table.as_deref().map(|table| table.join(TOKENIZER));
        let mut tokenizer = own.map(|path| optional(&path)).transpose()?.flatten();
        if tokenizer.is_none() {
            tokenizer = optional(&directory.join(TOKENIZER))?;
        }
        let tokenizer = tokenizer.ok_or_else(|| {
            let needed = "it says how texts are cut into tokens".to_owned();
            let fault = TowerFault::Missing { needed };
            invalid(TowerError::new(TOKENIZER, "file", fault))
        })?;
        let model = EncoderModel::read(directory, &settings, self.max_tokens)?;
        let tokens = model.tokens(self.max_tokens, &settings);
        let own = directory.file_name().and_then(|name| name.to_str());
        let name = self.name.as_deref().or(own).unwrap_or("text");
        let (description, file) = match model {
            EncoderModel::Table(table) => {
                let description = self.of_table(name, tokens, &table);
                (
                    description,
                    (SHARED, table.to_safetensors().map_err(invalid)?),
                )
            }
            EncoderModel::Onnx(graph) => {
                let pooling = settings.pooling.unwrap_or(TokenPooling::Mean);
                let description = self.of_graph(name, pooling, &graph).map_err(invalid)?;
                (description, (SHARED_ONNX, graph.file))
            }
        };
        let files = [
            (TOWER_FILES[0], format!("{description:#}\n").into_bytes()),
            file,
            (TOKENIZER, tokenizer),
        ];
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes));
        Towers::from_bytes(files.to_vec()).map_err(invalid)
    }

    /// The description of towers over a table.
    fn of_table(&self, name: &str, tokens: usize, table: &StaticTable) -> Value {
        let tower = |fields: &[String]| {
            json!({"layers": [], "features": [feature(fields, json!({
                "limit": tokens, "special": false, "skip_unknown": table.skips_unknown,
                "table": TABLE
            }))]})
        };
        let tables = json!({TABLE: {
            "dimension": table.dimension, "lookup": {"index": {"rows": table.rows}}
        }});
        self.description(name, table.dimension, tables, tower)
    }

    /// The description of towers that run a model.
    fn of_graph(
        &self,
        name: &str,
        pooling: TokenPooling,
        graph: &EncoderGraph,
    ) -> Result<Value, TowerError> {
        let mut gives = Vec::new();
        let mut inputs = Vec::new();
        for input in &graph.inputs {
            gives.push(match input.as_str() {
                "input_ids" => "ids",
                "attention_mask" => "mask",
                "token_type_ids" => "types",
                other => {
                    let what = "is not input_ids, attention_mask or token_type_ids".to_owned();
                    let place = format!("input {other:?}");
                    return Err(TowerError::new("model.onnx", place, TowerFault::Onnx(what)));
                }
            });
            inputs.push(json!({"name": input, "width": graph.tokens}));
        }
        let pooling = graph.of_tokens.then_some(pooling);
        let tokens = json!({"mask": "attention_mask", "pooling": pooling});
        let layer = json!({
            "kind": "onnx", "units": graph.units, "inputs": inputs, "output": graph.output, "tokens": tokens
        });
        let tower = |fields: &[String]| {
            json!({"layers": [layer], "features": [feature(fields, json!({
                "limit": graph.tokens, "gives": gives
            }))]})
        };
        Ok(self.description(name, graph.units, json!({}), tower))
    }

    fn description(
        &self,
        name: &str,
        dimension: usize,
        tables: Value,
        tower: impl Fn(&[String]) -> Value,
    ) -> Value {
        json!({
            "format": 1, "name": name, "dimension": dimension, "metric": "cosine", "tables": tables,
            "user": tower(&self.query), "item": tower(&self.fields)
        })
    }
}

/// A feature that reads the tokens of these fields.
fn feature(fields: &[String], options: Value) -> Value {
    let (first, also) = match fields.split_first() {
        Some((first, also)) => (first.as_str(), also),
        None => ("", &[][..]),
    };
    let mut described = json!({"kind": "tokens", "field": first, "also": also});
    if let (Value::Object(all), Value::Object(options)) = (&mut described, options) {
        all.extend(options);
    }
    described
}

impl StaticTable {
    /// The file of the table in a towers directory.
    fn to_safetensors(&self) -> Result<Vec<u8>, TowerError> {
        let bytes: Vec<u8> = self.weights.iter().flat_map(|x| x.to_le_bytes()).collect();
        let wrong = |error: safetensors::SafeTensorError| TowerError::new(SHARED, "file", error);
        let view = TensorView::new(Dtype::F32, vec![self.rows, self.dimension], &bytes);
        let tensors = [(format!("table.{TABLE}"), view.map_err(wrong)?)];
        let file = safetensors::serialize(tensors, None).map_err(wrong)?;
        Ok(aligned(file))
    }
}
