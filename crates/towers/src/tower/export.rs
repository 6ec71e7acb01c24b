//! Writes a model as the files of a towers directory.

use super::error::{TowerError, TowerFault};
use super::files::{self, DESCRIPTION, NamedBlob, aligned};
use super::layer::{Layer, Step};
use super::matrix::Matrix;
use super::model::Model;
use super::sequence::SequenceModel;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::sync::Arc;
use twinspire_core::files::Blob;

/// A tensor to be written.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn matrix(name: String, matrix: &Matrix) -> Self {
        Self {
            name,
            shape: vec![matrix.rows(), matrix.columns()],
            bytes: bytes(matrix.weights().iter()),
        }
    }

    fn list(name: String, list: &[f32]) -> Self {
        Self {
            name,
            shape: vec![list.len()],
            bytes: bytes(list.iter().copied()),
        }
    }
}

fn bytes(numbers: impl Iterator<Item = f32>) -> Vec<u8> {
    numbers.flat_map(f32::to_le_bytes).collect()
}

impl Model {
    /// The files of a towers directory. All weights are written in 32 bits.
    pub fn to_parts(&self) -> Result<Vec<NamedBlob>, TowerError> {
        let mut tensors: BTreeMap<&'static str, Vec<Tensor>> = BTreeMap::new();
        let embedded = self
            .tables
            .iter()
            .filter(|table| table.weights.columns() > 0);
        for table in embedded {
            let named = tensors
                .entry(self.schema.file_of_table(&table.name))
                .or_default();
            named.push(Tensor::matrix(
                format!("table.{}", table.name),
                &table.weights,
            ));
        }
        let (mut models, mut tokenizer) = (Vec::new(), None);
        for tower in [&self.user, &self.item] {
            let file = files::weights_of(tower.side);
            models.extend(tower.onnx().map(|model| (model, tower.side)));
            tokenizer = tokenizer.or(tower.tokenizer());
            for (at, feature) in tower.features.iter().enumerate() {
                let sequence = feature.sequence.iter().flat_map(SequenceModel::tensors);
                for (described, weights) in sequence {
                    tensors.entry(file).or_default().push(Tensor {
                        name: format!("feature.{at}.{}", described.name),
                        shape: described.shape.clone(),
                        bytes: bytes(weights.weights().iter()),
                    });
                }
            }
            for (at, layer) in tower.layers.iter().enumerate() {
                let named = tensors_of(file, at, layer)?;
                if !named.is_empty() {
                    tensors.entry(file).or_default().extend(named);
                }
            }
        }
        let blob = |bytes: &[u8]| Arc::new(Blob::from_bytes(bytes));
        let mut parts = vec![(DESCRIPTION.to_owned(), blob(&self.schema.to_json()?))];
        for (file, named) in &tensors {
            let wrong = |error: safetensors::SafeTensorError| TowerError::new(file, "file", error);
            let views = named.iter().map(|tensor| {
                let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?;
                Ok((&tensor.name, view))
            });
            let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            let bytes = safetensors::serialize(views, None).map_err(wrong)?;
            parts.push(((*file).to_owned(), blob(&aligned(bytes))));
        }
        // Of towers that were combined, each may run a shared model of its own.
        let shares = match models[..] {
            [(a, _), (b, _)] => Arc::ptr_eq(a.blob(), b.blob()),
            _ => false,
        };
        for (model, side) in models {
            let file = match shares {
                true => files::SHARED_ONNX,
                false => files::onnx_of(side),
            };
            if files::find(&parts, file).is_none() {
                parts.push((file.to_owned(), Arc::clone(model.blob())));
            }
        }
        if let Some(tokenizer) = tokenizer {
            parts.push((files::TOKENIZER.to_owned(), Arc::clone(tokenizer.blob())));
        }
        files::sort(&mut parts);
        Ok(parts)
    }
}

/// The learned weights of a layer.
fn tensors_of(file: &'static str, at: usize, layer: &Layer) -> Result<Vec<Tensor>, TowerError> {
    let name = |name: &str| format!("layer.{at}.{name}");
    Ok(match &layer.step {
        Step::Dense { weight, bias, .. } => {
            let weight = Tensor::matrix(name("weight"), weight);
            let bias = bias.iter().map(|bias| Tensor::list(name("bias"), bias));
            std::iter::once(weight).chain(bias).collect()
        }
        Step::Bias(bias) => vec![Tensor::list(name("bias"), bias)],
        Step::LayerNorm { weight, bias, .. } => vec![
            Tensor::list(name("weight"), weight),
            Tensor::list(name("bias"), bias),
        ],
        Step::FeatureWeights(weights) => {
            let (squeeze, excite) = (&weights.squeeze, &weights.excite);
            vec![
                Tensor::matrix(name("squeeze.weight"), &squeeze.0),
                Tensor::list(name("squeeze.bias"), &squeeze.1),
                Tensor::matrix(name("excite.weight"), &excite.0),
                Tensor::list(name("excite.bias"), &excite.1),
            ]
        }
        Step::Affine { .. } => {
            let place = format!("layer {at}");
            return Err(TowerError::new(file, place, TowerFault::Unwritable));
        }
        // No weights, or in a file of its own.
        Step::Activation(_)
        | Step::Add
        | Step::Concat
        | Step::L2Normalise
        | Step::Scale(_)
        | Step::Onnx(_) => Vec::new(),
    })
}
