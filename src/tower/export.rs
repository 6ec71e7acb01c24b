//! A model as the files of a towers directory.

use super::TowerError;
use super::model::{Layer, Model};
use super::schema;
use super::weights::{ITEM, NamedBytes, USER, home};
use ndarray::{Array, Dimension};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

/// A tensor about to be written.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn new<D: Dimension>(name: String, numbers: &Array<f32, D>) -> Self {
        Self {
            name,
            shape: numbers.shape().to_vec(),
            bytes: numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

impl Model {
    /// The files of a towers directory.
    pub(crate) fn to_parts(&self) -> Result<Vec<NamedBytes>, TowerError> {
        let mut tensors: BTreeMap<&str, Vec<Tensor>> = BTreeMap::new();
        for table in &self.tables {
            let named = tensors.entry(home(&self.schema, &table.name)).or_default();
            named.push(Tensor::new(format!("table.{}", table.name), &table.weights));
        }
        for (file, tower) in [(USER, &self.user), (ITEM, &self.item)] {
            for (at, layer) in tower.layers.iter().enumerate() {
                if let Layer::Dense { weight, bias, .. } = layer {
                    let named = tensors.entry(file).or_default();
                    named.push(Tensor::new(format!("layer.{at}.weight"), weight));
                    named.push(Tensor::new(format!("layer.{at}.bias"), bias));
                }
            }
        }
        let mut parts = vec![(schema::FILE.to_owned(), self.schema.to_json()?)];
        for (file, named) in &tensors {
            let wrong = |error: safetensors::SafeTensorError| {
                TowerError::new(file, "file", error.to_string())
            };
            let views = named.iter().map(|tensor| {
                let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes)?;
                Ok((&tensor.name, view))
            });
            let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            let bytes = safetensors::serialize(views, None).map_err(wrong)?;
            parts.push(((*file).to_owned(), bytes));
        }
        Ok(parts)
    }
}
