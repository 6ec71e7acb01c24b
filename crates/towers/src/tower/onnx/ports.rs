//! The inputs and outputs of a model, for programs that make towers of it.

use crate::tower::error::TowerError;

/// The inputs and outputs of a model.
pub(crate) struct ModelPorts {
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// The outputs.
    pub outputs: Vec<ModelPort>,
}

/// An output of a model.
pub(crate) struct ModelPort {
    /// Its name.
    pub name: String,
    /// Its dimensions, each `None` for any size; `None` if the file does not declare them.
    pub dims: Option<Vec<Option<u64>>>,
}

impl ModelPorts {
    /// Reads the outline of a file; `name` is its name for errors.
    #[cfg(feature = "onnx")]
    pub(crate) fn read(file: &[u8], name: &'static str) -> Result<Self, TowerError> {
        use super::outline::{Dim, Outline};
        use super::refusal::Refusal;
        let outline = Outline::read(file);
        let refused = |Refusal { place, fault }| TowerError::new(name, place, fault);
        let outline = outline.map_err(refused)?;
        let inputs = outline.inputs.into_iter().map(|port| port.name);
        let outputs = outline.outputs.into_iter().map(|port| {
            let dims = port.shape.map(|shape| {
                let dims = shape.into_iter().map(|dim| match dim {
                    Dim::Fixed(size) => Some(size),
                    Dim::Free(_) => None,
                });
                dims.collect()
            });
            ModelPort {
                name: port.name,
                dims,
            }
        });
        Ok(Self {
            inputs: inputs.collect(),
            outputs: outputs.collect(),
        })
    }

    /// Refuses the model and names the feature.
    #[cfg(not(feature = "onnx"))]
    pub(crate) fn read(_: &[u8], name: &'static str) -> Result<Self, TowerError> {
        use crate::tower::error::TowerFault;
        let what = "is an ONNX model, but this program was built without support: build it with the feature `onnx` of \
                    the crate twinspire";
        Err(TowerError::new(
            name,
            "file",
            TowerFault::Onnx(what.to_owned()),
        ))
    }
}
