//! Reads a model from the files of a towers directory, checked against the schema.
//!
//! `shared.safetensors` holds the tables that both towers read, `user.safetensors` and `item.safetensors` the
//! layers and the other tables. Tensors: `table.NAME` `[rows, dimension]`, `feature.N.…` for the encoder of feature N, and `layer.N.…` for layer N (all layers
//! of a tower counted, from 0) by PyTorch's names. Matrices stay where the file has them, in its precision.
//! Vectors, one number per unit, are copied.

#![warn(clippy::indexing_slicing)]

use super::encode::{Encoder, Reading, Texts};
use super::encoded::Encoded;
use super::error::{TowerError, TowerFault};
use super::files::{self, DESCRIPTION, NamedBlob};
use super::layer::{FeatureWeights, Layer, Step};
use super::lookup::Lookup;
use super::matrix::{Matrix, Precision};
use super::model::{Model, Table, Tower};
use super::onnx::{OnnxLayer, OnnxModel};
use super::schema::{
    EncoderTensor, FeatureSchema, LayerKind, LayerSchema, Missing, Schema, Wiring,
};
use super::sequence::SequenceModel;
use super::side::Side;
use super::tokens::Tokenizer;
use ndarray::Array2;
use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Weights;

/// One weights file, and which of its tensors were read.
struct File<'a> {
    name: &'static str,
    tensors: Option<(&'a Arc<Blob>, usize, Metadata)>,
    taken: BTreeSet<String>,
}

impl<'a> File<'a> {
    fn open(name: &'static str, parts: &'a [NamedBlob]) -> Result<Self, TowerError> {
        let open = |blob: &'a Arc<Blob>| {
            // Checks that the tensors are contiguous and fill the file.
            let (header, metadata) = SafeTensors::read_metadata(blob)
                .map_err(|error| TowerError::new(name, "header", error))?;
            Ok((blob, 8 + header, metadata))
        };
        Ok(Self {
            name,
            tensors: files::find(parts, name).map(open).transpose()?,
            taken: BTreeSet::new(),
        })
    }

    /// Reads a matrix of exactly this shape.
    fn matrix(&mut self, tensor: &str, rows: usize, columns: usize) -> Result<Matrix, TowerError> {
        self.take(tensor, &[rows, columns], (rows, columns))
    }

    /// Reads a vector of exactly this length.
    fn list(&mut self, tensor: &str, length: usize) -> Result<Vec<f32>, TowerError> {
        let list = self.take(tensor, &[length], (1, length))?;
        Ok(list.weights().to_vec())
    }

    fn take(
        &mut self,
        tensor: &str,
        shape: &[usize],
        size: (usize, usize),
    ) -> Result<Matrix, TowerError> {
        let wrong = |fault| TowerError::new(self.name, format!("tensor {tensor:?}"), fault);
        let Some((blob, data, metadata)) = &self.tensors else {
            let needed = format!("it should hold tensor {tensor:?} of shape {shape:?}");
            return Err(TowerError::new(
                self.name,
                "file",
                TowerFault::Missing { needed },
            ));
        };
        let info = metadata.info(tensor).ok_or_else(|| {
            let needed = format!("its shape should be {shape:?}");
            wrong(TowerFault::Missing { needed })
        })?;
        let precision = match info.dtype {
            Dtype::F32 => Precision::F32,
            Dtype::F16 => Precision::F16,
            Dtype::BF16 => Precision::Bf16,
            other => {
                let found = format!("{other:?}");
                return Err(wrong(TowerFault::Type { found }));
            }
        };
        if info.shape != shape {
            let (found, expected) = (info.shape.clone(), shape.to_vec());
            return Err(wrong(TowerFault::Shape { found, expected }));
        }
        let (from, to) = info.data_offsets;
        let bytes = data.saturating_add(from)..data.saturating_add(to);
        let matrix = Matrix::stored(blob, bytes, precision, size);
        let matrix = matrix.ok_or_else(|| wrong(TowerFault::Bounds))?;
        self.taken.insert(tensor.to_owned());
        Ok(matrix)
    }

    /// Refuses tensors that were not read: schema and weights are not of one model then.
    fn finish(self) -> Result<(), TowerError> {
        let all = self
            .tensors
            .iter()
            .flat_map(|(_, _, metadata)| metadata.offset_keys());
        match all.filter(|name| !self.taken.contains(name)).min() {
            Some(name) => {
                let place = format!("tensor {name:?}");
                Err(TowerError::new(self.name, place, TowerFault::Undescribed))
            }
            None => Ok(()),
        }
    }
}

impl Model {
    /// Reads a model from the files of a towers directory. Matrices stay in the files, and their values are not
    /// checked: [`check_finite`](Self::check_finite) does that.
    pub fn from_parts(parts: &[NamedBlob]) -> Result<Self, TowerError> {
        let json = files::find(parts, DESCRIPTION).ok_or_else(|| {
            let needed = "it describes the towers".to_owned();
            TowerError::new(DESCRIPTION, "file", TowerFault::Missing { needed })
        })?;
        let schema = Schema::parse(json)?;
        let mut opened = BTreeMap::new();
        for name in [files::SHARED, files::USER, files::ITEM] {
            opened.insert(name, File::open(name, parts)?);
        }
        let mut tables = Vec::new();
        for (name, table) in &schema.tables {
            let lookup = Lookup::new(name, &table.lookup)?;
            let Some(file) = opened.get_mut(schema.file_of_table(name)) else {
                continue;
            };
            let weights = match table.dimension {
                Some(dimension) => {
                    let tensor = format!("table.{name}");
                    file.matrix(&tensor, lookup.rows(), dimension as usize)?
                }
                None => Array2::zeros((lookup.rows(), 0)).into(),
            };
            tables.push(Table {
                name: name.clone(),
                lookup,
                weights,
            });
        }
        let tokenizer = read_tokenizer(&schema, parts)?;
        // The model of the first tower, which the second one may run too.
        let mut opened_model = None;
        let model = Self::assemble(schema, tables, |side, description, schema, tables| {
            let wiring = schema.wiring(side, description)?;
            let widths = schema.widths(description);
            let (mut layers, mut sequences) = (Vec::new(), Vec::new());
            if let Some(file) = opened.get_mut(files::weights_of(side)) {
                for (at, feature) in description.features.iter().enumerate() {
                    sequences.push(read_sequence(file, at, feature, schema)?);
                }
                let each = description.layers.iter().zip(wiring).enumerate();
                for (at, (layer, wiring)) in each {
                    let place = (side, at);
                    let read = read_layer(
                        file,
                        (parts, &mut opened_model),
                        place,
                        layer,
                        wiring,
                        &widths,
                    );
                    layers.push(read?);
                }
            }
            let tower = Tower::new(side, description, sequences, layers, schema);
            let tower = tower.with_tokenizer(tokenizer.as_ref());
            tower.check_tokens(tables)?;
            tower.check_defaults(tables)?;
            Ok(tower)
        })?;
        for (_, file) in opened {
            file.finish()?;
        }
        for file in [files::USER_ONNX, files::ITEM_ONNX, files::SHARED_ONNX] {
            let models = [&model.user, &model.item].map(Tower::onnx);
            let mut models = models.into_iter().flatten();
            if files::find(parts, file).is_some() && !models.any(|model| model.file() == file) {
                let what = format!("no layer of {DESCRIPTION} runs it");
                return Err(TowerError::new(file, "file", TowerFault::Onnx(what)));
            }
        }
        Ok(model)
    }

    /// Checks that all weights are finite. Reads all of them.
    pub(crate) fn check_finite(&self) -> Result<(), TowerError> {
        let check = |file: &'static str, tensor: String, weights: Weights<'_>| {
            let found = weights.iter().position(|x| !x.is_finite());
            found.map_or(Ok(()), |at| {
                let fault = TowerFault::NotFinite { component: at };
                Err(TowerError::new(file, format!("tensor {tensor:?}"), fault))
            })
        };
        for table in &self.tables {
            let file = self.schema.file_of_table(&table.name);
            check(
                file,
                format!("table.{}", table.name),
                table.weights.weights(),
            )?;
        }
        for tower in [&self.user, &self.item] {
            let file = files::weights_of(tower.side);
            for (at, part) in tower.weights().into_iter().enumerate() {
                for (name, weights) in part {
                    let tensor = match at.checked_sub(tower.features.len()) {
                        Some(layer) => format!("layer.{layer}.{name}"),
                        None => format!("feature.{at}.{name}"),
                    };
                    check(file, tensor, weights)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads what cuts texts into tokens, if a feature reads tokens.
fn read_tokenizer(schema: &Schema, parts: &[NamedBlob]) -> Result<Option<Tokenizer>, TowerError> {
    let towers = schema.towers();
    let mut features = towers.flat_map(|(_, tower)| &tower.features);
    let is_read = features.any(FeatureSchema::reads_tokens);
    match (files::find(parts, files::TOKENIZER), is_read) {
        (Some(blob), true) => Tokenizer::open(blob).map(Some),
        (None, false) => Ok(None),
        (Some(_), false) => Err(TowerError::new(
            files::TOKENIZER,
            "file",
            TowerFault::Undescribed,
        )),
        (None, true) => {
            let needed = "a feature reads tokens".to_owned();
            let fault = TowerFault::Missing { needed };
            Err(TowerError::new(files::TOKENIZER, "file", fault))
        }
    }
}

/// Reads the encoder of a feature, if it has one.
fn read_sequence(
    file: &mut File<'_>,
    at: usize,
    feature: &FeatureSchema,
    schema: &Schema,
) -> Result<Option<SequenceModel>, TowerError> {
    let (Some(encoder), Some((limit, _))) = (feature.encoder(), feature.limit()) else {
        return Ok(None);
    };
    let table = feature.table().and_then(|table| schema.tables.get(table));
    let input = table.and_then(|table| table.dimension).unwrap_or(0) as usize;
    let read = |tensor: &EncoderTensor| {
        let name = format!("feature.{at}.{}", tensor.name);
        match tensor.shape[..] {
            [rows, columns] => file.matrix(&name, rows, columns),
            _ => {
                let list = file.list(&name, tensor.shape.iter().product())?;
                Ok(Array2::from_shape_fn((1, list.len()), |(_, at)| {
                    list.get(at).copied().unwrap_or_default()
                })
                .into())
            }
        }
    };
    SequenceModel::new(*encoder, limit as usize, input, read).map(Some)
}

/// Reads the weights of one layer.
fn read_layer(
    file: &mut File<'_>,
    (parts, opened): (&[NamedBlob], &mut Option<OnnxModel>),
    (side, at): (Side, usize),
    schema: &LayerSchema,
    wiring: Wiring,
    features: &[usize],
) -> Result<Layer, TowerError> {
    let (inputs, width) = (wiring.inputs, wiring.outputs);
    let tensor = |name: &str| format!("layer.{at}.{name}");
    let step = match &schema.kind {
        LayerKind::Dense {
            units,
            activation,
            bias,
        } => {
            let units = *units as usize;
            let weight = file.matrix(&tensor("weight"), units, inputs)?;
            let bias = bias.then(|| file.list(&tensor("bias"), units));
            Step::Dense {
                weight,
                bias: bias.transpose()?,
                activation: *activation,
            }
        }
        LayerKind::Activation { activation } => Step::Activation(*activation),
        LayerKind::Bias {} => Step::Bias(file.list(&tensor("bias"), width)?),
        LayerKind::LayerNorm { epsilon } => Step::LayerNorm {
            weight: file.list(&tensor("weight"), width)?,
            bias: file.list(&tensor("bias"), width)?,
            epsilon: *epsilon,
        },
        LayerKind::BatchNorm { epsilon } => {
            let mut list = |name| file.list(&tensor(name), width);
            let (weight, bias) = (list("weight")?, list("bias")?);
            let (mean, variance) = (list("running_mean")?, list("running_var")?);
            if let Some(at) = variance.iter().position(|x| *x < 0.0) {
                let fault = TowerFault::NegativeVariance { component: at };
                let tensor = format!("tensor {:?}", tensor("running_var"));
                return Err(TowerError::new(file.name, tensor, fault));
            }
            let scale = weight.iter().zip(&variance);
            let scale: Vec<f32> = scale.map(|(w, v)| w / (v + epsilon).sqrt()).collect();
            let shift = bias.iter().zip(&mean).zip(&scale);
            Step::Affine {
                shift: shift.map(|((b, m), s)| b - m * s).collect(),
                scale,
            }
        }
        LayerKind::Add {} => Step::Add,
        LayerKind::Concat {} => Step::Concat,
        LayerKind::FeatureWeights {
            units,
            activation,
            gate,
        } => {
            let (units, count) = (*units as usize, features.len());
            let mut dense = |name: &str, units, inputs| {
                let weight = file.matrix(&tensor(&format!("{name}.weight")), units, inputs)?;
                let bias = file.list(&tensor(&format!("{name}.bias")), units)?;
                Ok((weight, bias))
            };
            Step::FeatureWeights(Box::new(FeatureWeights {
                widths: features.to_vec(),
                squeeze: dense("squeeze", units, count)?,
                activation: *activation,
                excite: dense("excite", count, units)?,
                gate: *gate,
            }))
        }
        LayerKind::L2Normalise {} => Step::L2Normalise,
        LayerKind::Temperature { value } => Step::Scale(1.0 / value),
        LayerKind::Onnx {
            units,
            inputs: given,
            output,
            tokens,
        } => Step::Onnx(OnnxModel::open(
            parts,
            &OnnxLayer {
                side,
                layer: at,
                inputs: given.as_deref(),
                width: inputs,
                output: output.as_deref(),
                units: *units as usize,
                tokens: tokens.as_ref(),
            },
            opened,
        )?),
    };
    Ok(Layer {
        from: wiring.from,
        width,
        step,
    })
}

impl Tower {
    /// Checks that tables have a row for each token.
    fn check_tokens(&self, tables: &[Table]) -> Result<(), TowerError> {
        for (at, feature) in self.features.iter().enumerate() {
            let table = feature.table.and_then(|at| tables.get(at));
            let Some((tokenizer, table)) = feature.tokenizer.as_ref().zip(table) else {
                continue;
            };
            let (rows, needed) = (table.weights.rows(), tokenizer.rows());
            if rows < needed as usize {
                let place = format!("{} feature {at} ({:?})", self.side, feature.schema.field());
                let what = format!(
                    "table {:?} has {rows} rows, the tokens of {} need {needed}",
                    table.name,
                    files::TOKENIZER
                );
                return Err(TowerError::description(place, what));
            }
        }
        Ok(())
    }

    /// Checks that each feature can read the default of its field.
    fn check_defaults(&self, tables: &[Table]) -> Result<(), TowerError> {
        let mut encoder = Encoder {
            tables,
            reading: Reading {
                items: Some(&|_, _| {}),
                ..Reading::default()
            },
            texts: &mut Texts::default(),
        };
        for (at, feature) in self.features.iter().enumerate() {
            let Missing::Default(value) = &feature.schema.missing else {
                continue;
            };
            let read = encoder.read(feature, value, None, &mut Encoded::default());
            read.map_err(|error| {
                let place = format!("{} feature {at} ({:?})", self.side, error.field);
                let (expected, found) = (error.expected, error.found);
                TowerError::description(place, format!("its default is {found}, not {expected}"))
            })?;
        }
        Ok(())
    }
}
