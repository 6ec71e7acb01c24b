//! Towers of encoders of text that were trained elsewhere: a directory of Hugging Face becomes a towers directory.
//!
//! - [`TextTowers`] says which fields are read, and builds the towers.
//! - `settings` reads the JSON files of the directory: pooling, the number of tokens, sizes.
//! - `model` decides what the weights are: an ONNX model as it is, a table of static embeddings (`table`), or a
//!   transformer (`transformer`), which `graph` writes as an ONNX model.
//! - `tensors` reads safetensors.
//!
//! Out of scope: downloads. The directory is on the disk.

#![warn(clippy::indexing_slicing)]

mod graph;
mod model;
mod settings;
mod table;
mod tensors;
mod text_towers;
mod transformer;

pub use text_towers::TextTowers;
