//! Towers, or parts of them, given as ONNX models.
//!
//! `outline` reads what a file says of itself and refuses what no runtime should see, `fit` holds that
//! against the description, `runtime` is the only place that calls the runtime (the crate `rten`),
//! `runner` the threads it runs on. Without the crate's feature `onnx` there is `absent`: towers with
//! such a layer are refused with the feature's name.

#[cfg(not(feature = "onnx"))]
mod absent;
#[cfg(feature = "onnx")]
mod fit;
#[cfg(feature = "onnx")]
mod outline;
#[cfg(feature = "onnx")]
mod present;
#[cfg(feature = "onnx")]
mod runner;
#[cfg(feature = "onnx")]
mod runtime;
#[cfg(test)]
#[cfg(feature = "onnx")]
mod tests;

#[cfg(not(feature = "onnx"))]
pub(super) use absent::OnnxModel;
#[cfg(feature = "onnx")]
pub(super) use present::OnnxModel;

use super::Side;
use super::schema::OnnxInput;

/// The model of the user tower.
pub(super) const USER: &str = "user.onnx";
/// The model of the item tower.
pub(super) const ITEM: &str = "item.onnx";

/// What a layer asks of its model.
#[cfg_attr(
    not(feature = "onnx"),
    expect(dead_code, reason = "read by the feature")
)]
pub(crate) struct Asked<'a> {
    /// Of which tower.
    pub side: Side,
    /// Which layer of it.
    pub layer: usize,
    /// What the model is given, if the description says so.
    pub inputs: Option<&'a [OnnxInput]>,
    /// Numbers the layer reads of a record.
    pub width: usize,
    /// Which output is read, if the description says so.
    pub output: Option<&'a str>,
    /// Numbers the layer gives.
    pub units: usize,
}
