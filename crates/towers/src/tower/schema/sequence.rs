//! Encoders of sequences: how the embeddings of a list become one vector, and which tensors that needs.

use super::layers::{Activation, MAX_WIDTH};
use serde::{Deserialize, Serialize};

/// The longest sequence.
const MAX_LENGTH: u32 = 1024;
/// The largest number of blocks, or of layers of a GRU.
const MAX_DEPTH: u32 = 16;
/// The most numbers that an encoder computes for one sequence, which bounds the memory of a request.
const MAX_NUMBERS: usize = 1 << 24;

/// How the embeddings of a sequence become one vector. `storage-format.md` defines each encoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceEncoder {
    /// Causal self-attention (SASRec, Kang and McAuley, ICDM 2018).
    Attention(AttentionSchema),
    /// A gated recurrent unit (Cho et al., EMNLP 2014; for sessions: GRU4Rec, Hidasi et al., ICLR 2016).
    Gru(GruSchema),
}

/// Causal self-attention. Each block normalises before it attends and before its feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionSchema {
    /// Attention heads; they divide the width of the embeddings.
    #[serde(default = "one")]
    pub heads: u32,
    /// Number of blocks.
    #[serde(default = "one")]
    pub blocks: u32,
    /// Hidden units of the feed-forward part.
    pub units: u32,
    /// Activation of the feed-forward part.
    #[serde(default = "relu")]
    pub activation: Activation,
    /// How positions are numbered.
    #[serde(default)]
    pub positions: Positions,
    /// Factor of the embeddings, before positions are added.
    #[serde(default = "unit")]
    pub scale: f32,
    /// Added to the variance of each normalisation.
    #[serde(default = "epsilon")]
    pub epsilon: f32,
}

/// A gated recurrent unit, in one layer or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GruSchema {
    /// Components of the hidden state, and of the output.
    pub units: u32,
    /// Number of layers; each reads the states of the one before it.
    #[serde(default = "one")]
    pub layers: u32,
}

/// How positions in a sequence are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// From the oldest element that is read. A prefix of a sequence has the positions of the whole sequence.
    #[default]
    Oldest,
    /// From the newest element, as in SASRec, where sequences are padded at the start.
    Newest,
    /// There are no positions.
    None,
}

/// A tensor of an encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderTensor {
    /// Its name, without the feature.
    pub name: String,
    /// Its shape: a matrix, rows first, or a list.
    pub shape: Vec<usize>,
}

impl SequenceEncoder {
    /// Width of the output, for embeddings of `input` components.
    pub fn width(&self, input: usize) -> usize {
        match self {
            Self::Attention(_) => input,
            Self::Gru(gru) => gru.units as usize,
        }
    }

    /// The tensors, in their order, for sequences of up to `limit` embeddings of `input` components. Blocks and layers
    /// have PyTorch's names and layouts, those of `TransformerEncoderLayer` and `GRU`.
    pub fn tensors(&self, limit: usize, input: usize) -> Vec<EncoderTensor> {
        let mut all = Vec::new();
        let mut add = |name: String, shape: &[usize]| {
            let shape = shape.to_vec();
            all.push(EncoderTensor { name, shape });
        };
        match self {
            Self::Attention(of) => {
                let units = of.units as usize;
                if of.positions != Positions::None {
                    add("positions".to_owned(), &[limit, input]);
                }
                for block in 0..of.blocks {
                    let mut add =
                        |name: &str, shape: &[usize]| add(format!("layers.{block}.{name}"), shape);
                    add("norm1.weight", &[input]);
                    add("norm1.bias", &[input]);
                    add("self_attn.in_proj_weight", &[3 * input, input]);
                    add("self_attn.in_proj_bias", &[3 * input]);
                    add("self_attn.out_proj.weight", &[input, input]);
                    add("self_attn.out_proj.bias", &[input]);
                    add("norm2.weight", &[input]);
                    add("norm2.bias", &[input]);
                    add("linear1.weight", &[units, input]);
                    add("linear1.bias", &[units]);
                    add("linear2.weight", &[input, units]);
                    add("linear2.bias", &[input]);
                }
                add("norm.weight".to_owned(), &[input]);
                add("norm.bias".to_owned(), &[input]);
            }
            Self::Gru(of) => {
                let units = of.units as usize;
                for layer in 0..of.layers {
                    let inputs = if layer == 0 { input } else { units };
                    add(format!("weight_ih_l{layer}"), &[3 * units, inputs]);
                    add(format!("weight_hh_l{layer}"), &[3 * units, units]);
                    add(format!("bias_ih_l{layer}"), &[3 * units]);
                    add(format!("bias_hh_l{layer}"), &[3 * units]);
                }
            }
        }
        all
    }

    /// Checks the sizes of an encoder of sequences of up to `limit` embeddings of `input` components.
    pub(super) fn validate(&self, limit: u32, input: u32) -> Result<(), String> {
        let size = |what: &str, found: u32, most: u32| {
            let wrong = format!("{what} is {found}, not 1 to {most}");
            (1..=most).contains(&found).then_some(()).ok_or(wrong)
        };
        size("the limit of a sequence", limit, MAX_LENGTH)?;
        match self {
            Self::Attention(of) => {
                size("blocks", of.blocks, MAX_DEPTH)?;
                size("units", of.units, MAX_WIDTH)?;
                size("heads", of.heads, input.max(1))?;
                if !input.is_multiple_of(of.heads) {
                    let heads = of.heads;
                    return Err(format!(
                        "heads is {heads}, which does not divide the embeddings of {input} components"
                    ));
                }
                if !(of.scale.is_finite() && of.epsilon.is_finite() && of.epsilon > 0.0) {
                    return Err("scale and epsilon must be finite and epsilon above 0".to_owned());
                }
            }
            Self::Gru(of) => {
                size("layers", of.layers, MAX_DEPTH)?;
                size("units", of.units, MAX_WIDTH)?;
            }
        }
        let numbers = self.numbers(limit as usize, input as usize);
        let what =
            format!("computes {numbers} numbers for the longest sequence, not 1 to {MAX_NUMBERS}");
        (numbers <= MAX_NUMBERS).then_some(()).ok_or(what)
    }

    /// How many numbers an encoder computes and keeps for a sequence of `limit` embeddings of `input` components.
    pub fn numbers(&self, limit: usize, input: usize) -> usize {
        let steps = match self {
            Self::Attention(of) => {
                let scores = of.heads as usize * limit;
                of.blocks as usize * (9 * input + 2 * of.units as usize + scores)
            }
            Self::Gru(of) => 8 * of.units as usize * of.layers as usize,
        };
        limit.saturating_mul(input + steps)
    }
}

fn one() -> u32 {
    1
}

fn unit() -> f32 {
    1.0
}

fn epsilon() -> f32 {
    1e-5
}

fn relu() -> Activation {
    Activation::Relu
}
