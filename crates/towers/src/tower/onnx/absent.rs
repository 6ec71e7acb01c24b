//! What there is in a program without the feature: nothing.

use super::super::layer::LayerError;
use super::super::{NamedBlob, TowerError};
use super::Asked;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Aligned;

/// A model that cannot be.
#[derive(Clone, Debug)]
pub enum OnnxModel {}

impl OnnxModel {
    /// Refuses it.
    pub(crate) fn open(_: &[NamedBlob], asked: &Asked<'_>) -> Result<Self, TowerError> {
        let place = format!("{} layer {}", asked.side, asked.layer);
        let what = "runs an ONNX model, and this program was built without: build it with the feature \
                    `onnx` of the crate twinspire";
        Err(TowerError::schema(place, what))
    }

    pub(crate) fn file(&self) -> &'static str {
        match *self {}
    }

    pub(crate) fn blob(&self) -> &Arc<Blob> {
        match *self {}
    }

    pub(crate) fn parameters(&self) -> usize {
        match *self {}
    }

    pub(crate) fn forward(&self, _: usize, _: &[f32], _: &mut Aligned) -> Result<(), LayerError> {
        match *self {}
    }
}
