//! Tensors of a safetensors file, as floats.

use crate::tower::{TowerError, TowerFault};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use twinspire_core::kernel::Weights;

/// The name of the file.
pub(super) const WEIGHTS: &str = "model.safetensors";

/// The tensors of `model.safetensors`.
pub(super) struct Tensors<'a> {
    all: SafeTensors<'a>,
    /// What the names of all tensors begin with, such as `bert.`.
    prefix: &'static str,
}

impl<'a> Tensors<'a> {
    /// Reads the header of a file.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, TowerError> {
        let all = SafeTensors::deserialize(bytes);
        let all = all.map_err(|error| TowerError::new(WEIGHTS, "header", error))?;
        Ok(Self { all, prefix: "" })
    }

    /// The same tensors under names that lack the first of these prefixes that the tensor `probe` has.
    pub(super) fn without_prefix(mut self, prefixes: &[&'static str], probe: &str) -> Self {
        let has = |prefix: &&&'static str| self.all.tensor(&format!("{prefix}{probe}")).is_ok();
        self.prefix = prefixes.iter().find(has).copied().unwrap_or("");
        self
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.view(name).is_ok()
    }

    /// The shape of a tensor.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>, TowerError> {
        Ok(self.view(name)?.shape().to_vec())
    }

    /// The numbers of a tensor of this shape, which are finite.
    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, TowerError> {
        let view = self.view(name)?;
        let wrong = |fault| TowerError::new(WEIGHTS, format!("tensor {name:?}"), fault);
        if view.shape() != shape {
            let (found, expected) = (view.shape().to_vec(), shape.to_vec());
            return Err(wrong(TowerFault::Shape { found, expected }));
        }
        let halves = || {
            let all = view.data().as_chunks().0.iter();
            all.map(|two| u16::from_le_bytes(*two))
                .collect::<Vec<u16>>()
        };
        let data = view.data();
        let numbers: Vec<f32> = match view.dtype() {
            Dtype::F32 => {
                let all = data.as_chunks().0.iter();
                all.map(|four| f32::from_le_bytes(*four)).collect()
            }
            Dtype::F16 => Weights::F16(&halves()).to_vec(),
            Dtype::BF16 => Weights::Bf16(&halves()).to_vec(),
            Dtype::F64 => {
                let all = data.as_chunks().0.iter();
                all.map(|eight| f64::from_le_bytes(*eight) as f32).collect()
            }
            other => {
                let found = format!("{other:?}");
                return Err(wrong(TowerFault::Type { found }));
            }
        };
        match numbers.iter().position(|x| !x.is_finite()) {
            Some(component) => Err(wrong(TowerFault::NotFinite { component })),
            None => Ok(numbers),
        }
    }

    /// The numbers of a tensor of integers.
    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>, TowerError> {
        let view = self.view(name)?;
        let data = view.data();
        match view.dtype() {
            Dtype::I64 => {
                let all = data.as_chunks().0.iter();
                Ok(all.map(|eight| i64::from_le_bytes(*eight)).collect())
            }
            Dtype::I32 => {
                let all = data.as_chunks().0.iter();
                Ok(all.map(|four| i32::from_le_bytes(*four).into()).collect())
            }
            other => {
                let what = format!("is of type {other:?}, not I64 or I32");
                let fault = TowerFault::Description(what);
                Err(TowerError::new(WEIGHTS, format!("tensor {name:?}"), fault))
            }
        }
    }

    fn view(&self, name: &str) -> Result<TensorView<'_>, TowerError> {
        let name = format!("{}{name}", self.prefix);
        self.all.tensor(&name).map_err(|_| {
            let needed = "the model has it".to_owned();
            let fault = TowerFault::Missing { needed };
            TowerError::new(WEIGHTS, format!("tensor {name:?}"), fault)
        })
    }
}
