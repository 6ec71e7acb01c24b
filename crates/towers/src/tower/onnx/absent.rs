//! The stand-in for a program without the feature `onnx`.

use super::onnx_layer::OnnxLayer;
use crate::tower::error::{LayerError, TowerError};
use crate::tower::files::NamedBlob;
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Aligned;

/// A model, which cannot exist without the feature.
#[derive(Clone, Debug)]
pub enum OnnxModel {}

impl OnnxModel {
    /// Refuses the model and names the feature.
    pub(crate) fn open(
        _: &[NamedBlob],
        layer: &OnnxLayer<'_>,
        _: &mut Option<Self>,
    ) -> Result<Self, TowerError> {
        let place = format!("{} layer {}", layer.side, layer.layer);
        let what = "runs an ONNX model, but this program was built without support: build it with the feature \
                    `onnx` of the crate twinspire";
        Err(TowerError::description(place, what))
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
