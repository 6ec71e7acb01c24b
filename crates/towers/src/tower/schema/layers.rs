//! What a tower computes.

use super::options::TokenPooling;
use serde::{Deserialize, Serialize};

/// The name by which layers refer to the output of the features.
pub const INPUT: &str = "input";

/// The largest width of an output, which bounds the memory that a hostile description can ask for.
pub(super) const MAX_WIDTH: u32 = 1 << 16;

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSchema {
    /// The name by which later layers refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it reads, if not the previous layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// What it computes.
    #[serde(flatten)]
    pub kind: LayerKind,
}

/// What a layer reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum From {
    /// The output of one layer.
    One(String),
    /// The outputs of several layers.
    Many(Vec<String>),
}

/// What a layer computes. `storage-format.md` defines each kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerKind {
    /// `activation(weight · x + bias)`.
    Dense {
        /// Components of its output.
        units: u32,
        /// Applied to each component.
        #[serde(default)]
        activation: Activation,
        /// Whether a bias is added.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        bias: bool,
    },
    /// An activation function, applied to each component.
    Activation {
        /// The function.
        activation: Activation,
    },
    /// Adds a learned number to each component.
    Bias {},
    /// Layer normalisation: standardises the components of a record, then scales and shifts each.
    LayerNorm {
        /// Added to the variance.
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// Batch normalisation with fixed statistics: standardises each component over records, then scales and
    /// shifts it.
    BatchNorm {
        /// Added to the variance.
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// Adds several outputs, component by component.
    Add {},
    /// Concatenates several outputs.
    Concat {},
    /// Multiplies each feature by a weight that is computed from all features (squeeze and excitation).
    FeatureWeights {
        /// Components of the hidden layer.
        units: u32,
        /// Applied to the hidden layer.
        #[serde(default = "relu")]
        activation: Activation,
        /// Applied to the weights.
        #[serde(default = "sigmoid")]
        gate: Activation,
    },
    /// Normalises to length 1; a zero vector stays zero.
    L2Normalise {},
    /// Divides by a temperature.
    Temperature {
        /// The temperature.
        value: f32,
    },
    /// Runs the ONNX model of the tower.
    Onnx {
        /// Components of its output.
        units: u32,
        /// Its inputs, in the order of their columns in what the layer reads. If left out, the inputs that the
        /// model declares.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Vec<OnnxInput>>,
        /// The output that is read, if it has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        /// How it reads the tokens of a text, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tokens: Option<OnnxTokens>,
    },
}

/// An input of an ONNX model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxInput {
    /// The name in the model.
    pub name: String,
    /// Width of its input.
    pub width: u32,
}

/// How an ONNX model reads the tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxTokens {
    /// The input that is 1 for each token and 0 for padding. Inputs of its width are cut to the longest text of a
    /// batch, if the model allows it.
    pub mask: String,
    /// How the outputs for the tokens of a text become one; without it the output has a row for each text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<TokenPooling>,
}

/// An activation function, applied to each component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// x; below 0, this slope times x.
    LeakyRelu(f32),
    /// x·Φ(x), Φ the distribution function of the normal distribution (Hendrycks and Gimpel, 2016).
    Gelu,
    /// GELU, approximated with a hyperbolic tangent.
    GeluTanh,
    /// λx; below 0, λα(eˣ − 1) (Klambauer et al., 2017).
    Selu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ).
    Swish,
}

impl LayerSchema {
    /// A layer that reads the previous one.
    pub fn of(kind: LayerKind) -> Self {
        Self {
            name: None,
            from: None,
            kind,
        }
    }
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_true(flag: &bool) -> bool {
    *flag
}

fn epsilon() -> f32 {
    1e-5
}

fn relu() -> Activation {
    Activation::Relu
}

fn sigmoid() -> Activation {
    Activation::Sigmoid
}
