//! The JSON files of an encoder's directory.

use crate::error::TowersError;
use crate::tower::schema::TokenPooling;
use crate::tower::{TowerError, TowerFault};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use twinspire_core::files::{FileSystem, IoAction, OsFiles};

/// Names of files for errors.
pub(super) const CONFIG: &str = "config.json";
const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";
const SENTENCES: &str = "sentence_bert_config.json";

/// The file of settings of a model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) model_type: String,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) hidden_act: String,
    pub(super) layer_norm_eps: f32,
    pub(super) max_position_embeddings: usize,
    pub(super) position_embedding_type: Option<String>,
    pub(super) pad_token_id: Option<usize>,
    pub(super) vocab_size: usize,
}

/// What the directory says of its encoder.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) pooling: Option<TokenPooling>,
    /// The most tokens of a text.
    pub(super) max_tokens: Option<usize>,
    /// The directory of a table of static embeddings.
    pub(super) table: Option<PathBuf>,
}

/// A module of `modules.json`.
#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The settings of a pooling.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pooling {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
}

/// The settings of texts.
#[derive(Deserialize)]
struct Sentences {
    max_seq_length: Option<usize>,
}

impl Settings {
    /// Reads the files of a directory; each may be absent.
    pub(super) fn read(directory: &Path) -> Result<Self, TowersError> {
        let invalid = |source| TowersError::Invalid {
            path: directory.to_owned(),
            source,
        };
        let mut settings = Self {
            config: json(directory, CONFIG, CONFIG)?.unwrap_or_default(),
            ..Self::default()
        };
        let modules: Vec<Module> = json(directory, MODULES, MODULES)?.unwrap_or_default();
        for (at, module) in modules.iter().enumerate() {
            let kind = module.kind.rsplit('.').next().unwrap_or_default();
            let path = Path::new(&module.path);
            let inside = path
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)));
            let wrong = |what: String| {
                let fault = TowerFault::Description(what);
                invalid(TowerError::new(MODULES, format!("module {at}"), fault))
            };
            if !inside {
                return Err(wrong("has a path that leaves the directory".to_owned()));
            }
            match kind {
                "Transformer" | "Normalize" => {}
                "Pooling" => {
                    let path = path.join(CONFIG);
                    let pooling: Pooling = json(directory, &path, POOLING)?.unwrap_or_default();
                    settings.pooling = Some(match pooling {
                        Pooling {
                            pooling_mode_cls_token: true,
                            pooling_mode_mean_tokens: false,
                        } => TokenPooling::First,
                        Pooling {
                            pooling_mode_mean_tokens: true,
                            pooling_mode_cls_token: false,
                        } => TokenPooling::Mean,
                        Pooling { .. } => {
                            let what = "pools neither by the mean of all tokens nor by the first";
                            return Err(wrong(what.to_owned()));
                        }
                    });
                }
                "StaticEmbedding" => settings.table = Some(directory.join(path)),
                other => {
                    return Err(wrong(format!(
                        "is {other:?}, not Transformer, Pooling, Normalize or StaticEmbedding"
                    )));
                }
            }
        }
        let sentences: Option<Sentences> = json(directory, SENTENCES, SENTENCES)?;
        settings.max_tokens = sentences.and_then(|sentences| sentences.max_seq_length);
        Ok(settings)
    }
}

/// A file that may be absent.
pub(super) fn optional(path: &Path) -> Result<Option<Vec<u8>>, TowersError> {
    match OsFiles::MAPPED.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TowersError::io(IoAction::Read, path)(error)),
    }
}

/// The content of a JSON file, if it exists.
fn json<T: DeserializeOwned>(
    directory: &Path,
    path: impl AsRef<Path>,
    name: &'static str,
) -> Result<Option<T>, TowersError> {
    let Some(bytes) = optional(&directory.join(path))? else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| TowersError::Invalid {
        path: directory.to_owned(),
        source: TowerError::json(name, error),
    })
}
