//! What a tower computes.

use serde::{Deserialize, Serialize};

/// What names the features' numbers among the layers.
pub const INPUT: &str = "input";

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerSchema {
    /// What later layers call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it reads, if not the layer before it.
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
    /// One layer.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// What a layer computes.
#[expect(
    missing_docs,
    reason = "storage-format.md describes the fields once, for all kinds"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerKind {
    /// `activation(weight · x + bias)`.
    Dense {
        /// Components of its output.
        units: u32,
        #[serde(default)]
        activation: Activation,
        /// Whether anything is added.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        bias: bool,
    },
    /// Each component for itself.
    Activation { activation: Activation },
    /// Adds a number to each component.
    Bias {},
    /// Brings the components to mean 0 and variance 1, then scales and shifts each.
    LayerNorm {
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// Brings each component to what is mean 0 and variance 1 over many records, then scales and shifts.
    BatchNorm {
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// Adds outputs up.
    Add {},
    /// Lays outputs side by side.
    Concat {},
    /// Multiplies each feature by a weight computed from all of them.
    FeatureWeights {
        /// Components of what is computed on the way.
        units: u32,
        #[serde(default = "relu")]
        activation: Activation,
        #[serde(default = "sigmoid")]
        gate: Activation,
    },
    /// Scales to length 1; zeros stay zeros.
    L2Normalise {},
    /// Divides.
    Temperature {
        /// By this.
        value: f32,
    },
    /// What the tower's ONNX model computes.
    Onnx {
        /// Components of its output.
        units: u32,
        /// What it is given, in the order in which its columns lie in what the layer reads; if left out,
        /// the model's inputs as it declares them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Vec<OnnxInput>>,
        /// Which of its outputs is read, if it has several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
}

/// An input of an ONNX model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxInput {
    /// Its name in the model.
    pub name: String,
    /// Numbers it is given for a record.
    pub width: u32,
}

/// What is done to each component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// x, and below 0 this times x.
    LeakyRelu(f32),
    /// x·Φ(x), Φ the distribution function of the normal distribution (Hendrycks and Gimpel, 2016).
    Gelu,
    /// The same, approximated by a hyperbolic tangent.
    GeluTanh,
    /// λx, and below 0 λα(eˣ − 1) (Klambauer et al., 2017).
    Selu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ).
    Swish,
}

impl LayerSchema {
    /// A layer that reads the one before it.
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
