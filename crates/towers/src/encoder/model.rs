//! What the weights of a directory are.

use super::settings::{CONFIG, Settings, optional};
use super::table::StaticTable;
use super::tensors::WEIGHTS;
use super::transformer;
use crate::error::TowersError;
use crate::tower::{ModelPorts, TowerError, TowerFault};
use std::path::Path;

/// The name of an ONNX model for errors.
const ONNX: &str = "model.onnx";
/// Where the ONNX model of a directory may be.
const ONNX_FILES: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
/// Names of outputs, those that are preferred first.
const OUTPUTS: [&str; 4] = [
    "sentence_embedding",
    "last_hidden_state",
    "token_embeddings",
    "hidden_states",
];
/// The most tokens of a text where nothing says how many.
const MAX_TOKENS: usize = 512;

/// The weights of an encoder.
pub(super) enum EncoderModel {
    Table(StaticTable),
    Onnx(EncoderGraph),
}

/// An ONNX model, and how it is read.
pub(super) struct EncoderGraph {
    pub(super) file: Vec<u8>,
    /// Its inputs, each `input_ids`, `attention_mask` or `token_type_ids`.
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    /// Whether the output has a row for each token.
    pub(super) of_tokens: bool,
    pub(super) units: usize,
    /// The most tokens of a text.
    pub(super) tokens: usize,
}

impl EncoderModel {
    /// Reads the weights of a directory, for texts of at most `tokens` if that is said.
    pub(super) fn read(
        directory: &Path,
        settings: &Settings,
        tokens: Option<usize>,
    ) -> Result<Self, TowersError> {
        let invalid = |source| TowersError::Invalid {
            path: directory.to_owned(),
            source,
        };
        let given = tokens.or(settings.max_tokens);
        let folder = settings.table.as_deref().unwrap_or(directory);
        for file in ONNX_FILES {
            if let Some(file) = optional(&folder.join(file))? {
                let most = transformer::most_tokens(&settings.config);
                let most = if most == 0 { MAX_TOKENS } else { most };
                let tokens = given.unwrap_or(most);
                let graph = EncoderGraph::of(file, settings, tokens);
                return graph.map(Self::Onnx).map_err(invalid);
            }
        }
        let Some(weights) = optional(&folder.join(WEIGHTS))? else {
            let needed = format!("an encoder has {ONNX} or {WEIGHTS}");
            let fault = TowerFault::Missing { needed };
            return Err(invalid(TowerError::new(WEIGHTS, "file", fault)));
        };
        if let Some(table) = StaticTable::read(&weights).map_err(invalid)? {
            return Ok(Self::Table(table));
        }
        let config = &settings.config;
        if !transformer::KINDS.contains(&config.model_type.as_str()) {
            let what = format!(
                "is {:?}, not one of {}; export the model as {ONNX}",
                config.model_type,
                transformer::KINDS.join(", ")
            );
            let fault = TowerFault::Description(what);
            return Err(invalid(TowerError::new(CONFIG, "model_type", fault)));
        }
        let most = transformer::most_tokens(config);
        let tokens = given.unwrap_or(most);
        if tokens > most {
            let what = format!("allows texts of {most} tokens, not {tokens}");
            let fault = TowerFault::Description(what);
            return Err(invalid(TowerError::new(
                CONFIG,
                "max_position_embeddings",
                fault,
            )));
        }
        let file = transformer::to_onnx(config, &weights, tokens).map_err(invalid)?;
        Ok(Self::Onnx(EncoderGraph {
            file,
            inputs: ["input_ids", "attention_mask"].map(str::to_owned).to_vec(),
            output: "last_hidden_state".to_owned(),
            of_tokens: true,
            units: config.hidden_size,
            tokens,
        }))
    }

    /// The most tokens of a text that are read.
    pub(super) fn tokens(&self, given: Option<usize>, settings: &Settings) -> usize {
        match self {
            Self::Onnx(graph) => graph.tokens,
            Self::Table(_) => given.or(settings.max_tokens).unwrap_or(MAX_TOKENS),
        }
    }
}

impl EncoderGraph {
    /// A model as it is.
    fn of(file: Vec<u8>, settings: &Settings, tokens: usize) -> Result<Self, TowerError> {
        let ports = ModelPorts::read(&file, ONNX)?;
        let wrong = |what: String| TowerError::new(ONNX, "outputs", TowerFault::Onnx(what));
        let find = |name: &&str| ports.outputs.iter().find(|port| port.name == **name);
        let output = OUTPUTS.iter().find_map(find);
        let Some(output) = output.or(ports.outputs.first()) else {
            return Err(wrong("are none".to_owned()));
        };
        let of_tokens = match output.dims.as_ref().map(Vec::len) {
            Some(2) => false,
            Some(3) => true,
            _ => {
                let what = format!(
                    "{:?} is not [batch, units] or [batch, tokens, units]",
                    output.name
                );
                return Err(wrong(what));
            }
        };
        let last = output.dims.as_ref().and_then(|dims| dims.last().copied());
        let hidden = Some(settings.config.hidden_size).filter(|size| *size > 0);
        let units = last.flatten().map(|size| size as usize).or(hidden);
        let units = units.ok_or_else(|| {
            wrong(format!(
                "{:?} has any number of units, and {CONFIG} has no hidden_size",
                output.name
            ))
        })?;
        Ok(Self {
            output: output.name.clone(),
            of_tokens,
            units,
            tokens,
            inputs: ports.inputs,
            file,
        })
    }
}
