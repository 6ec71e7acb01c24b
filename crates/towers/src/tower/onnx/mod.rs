//! Towers, or parts of them, that are ONNX models.
//!
//! - `outline` reads the structure of a file (a `protobuf`) and refuses what no runtime should load.
//! - `fit` compares it with the layer that runs it.
//! - `budget` computes what it needs, and refuses what exceeds the limits.
//! - `batches` decides which records run together, and pools the outputs for tokens.
//! - `runtime` is the only place that calls the runtime, the crate `rten`; `runner` provides its threads.
//! - [`OnnxModel`] is a model that is ready to run. Without the crate feature `onnx` it comes from `absent`, which
//!   refuses every model and names the feature.

#![warn(clippy::indexing_slicing)]

#[cfg(not(feature = "onnx"))]
mod absent;
#[cfg(feature = "onnx")]
mod batches;
#[cfg(feature = "onnx")]
mod budget;
#[cfg(feature = "onnx")]
mod fit;
#[cfg(test)]
#[cfg(feature = "onnx")]
mod hostile;
mod onnx_layer;
#[cfg(feature = "onnx")]
mod outline;
#[cfg(feature = "tokens")]
mod ports;
#[cfg(feature = "onnx")]
mod present;
#[cfg(feature = "onnx")]
mod protobuf;
#[cfg(feature = "onnx")]
mod refusal;
#[cfg(feature = "onnx")]
mod runner;
#[cfg(feature = "onnx")]
mod runtime;
#[cfg(test)]
#[cfg(feature = "onnx")]
mod tests;

#[cfg(not(feature = "onnx"))]
pub(super) use absent::OnnxModel;
pub(super) use onnx_layer::OnnxLayer;
#[cfg(feature = "tokens")]
pub(crate) use ports::ModelPorts;
#[cfg(feature = "onnx")]
pub(super) use present::OnnxModel;
