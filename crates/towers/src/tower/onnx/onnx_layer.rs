use crate::tower::schema::{OnnxInput, OnnxTokens};
use crate::tower::side::Side;

/// What a layer requires of its ONNX model.
#[cfg_attr(
    not(feature = "onnx"),
    expect(dead_code, reason = "read only with the feature")
)]
pub(crate) struct OnnxLayer<'a> {
    /// The tower of the layer.
    pub side: Side,
    /// The index of the layer.
    pub layer: usize,
    /// The inputs of the model, if the description lists them.
    pub inputs: Option<&'a [OnnxInput]>,
    /// Width of the layer's input.
    pub width: usize,
    /// The output of the model that is read, if the description names one.
    pub output: Option<&'a str>,
    /// Width of the layer's output.
    pub units: usize,
    /// How it reads the tokens of a text, if it does.
    pub tokens: Option<&'a OnnxTokens>,
}
