//! Weights as safetensors, read against the schema.
//!
//! `shared.safetensors` holds the tables both towers read, `user.safetensors` and
//! `item.safetensors` what one of them reads. Tensors: `table.NAME` `[rows, dimension]`, and those of
//! layer N (all layers of the tower counted, from 0) `layer.N.…`, by the names that PyTorch has for
//! them. Matrices stay where the file has them, in the precision it has them in; what else there is, a
//! number for each unit, is read.

use super::encode::{Encoder, Reading, Texts};
use super::encoded::Encoded;
use super::layer::{FeatureWeights, Layer, Step};
use super::lookup::Lookup;
use super::matrix::{Matrix, Precision};
use super::model::{Feature, Model, Side, Table, Tower};
use super::onnx::{Asked, OnnxModel};
use super::schema::{self, LayerKind, LayerSchema, Missing, Schema, TowerSchema, Wiring};
use super::{TowerError, onnx, selftest, training_state};
use ndarray::Array2;
use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use twinspire_core::files::Blob;
use twinspire_core::kernel::Weights;
use twinspire_core::wire::Checksum;

/// A file of a towers directory: its name and its content.
pub type NamedBlob = (String, Arc<Blob>);

/// Bytes of a line of the cache.
const LINE: usize = 64;
const SHARED: &str = "shared.safetensors";
pub(super) const USER: &str = "user.safetensors";
pub(super) const ITEM: &str = "item.safetensors";

/// The names a towers directory may hold; others in it are not ours.
pub const FILES: [&str; 9] = [
    schema::FILE,
    SHARED,
    USER,
    ITEM,
    selftest::FILE,
    onnx::USER,
    onnx::ITEM,
    training_state::FREQUENCY,
    training_state::OPTIMISER,
];

/// A hash over the files of a towers directory, given their checksums.
pub fn content_hash<'a>(files: impl Iterator<Item = (&'a str, u64)>) -> u64 {
    let mut sum = Checksum::default();
    for (name, checksum) in files {
        sum.update(name.as_bytes());
        sum.update(&checksum.to_le_bytes());
    }
    sum.value()
}

/// One weights file, with what has been taken from it.
struct File<'a> {
    name: &'static str,
    tensors: Option<(&'a Arc<Blob>, usize, Metadata)>,
    taken: BTreeSet<String>,
}

impl<'a> File<'a> {
    fn open(name: &'static str, parts: &'a [NamedBlob]) -> Result<Self, TowerError> {
        let part = parts.iter().find(|(part, _)| part == name);
        let open = |(_, blob): &'a NamedBlob| {
            let wrong = |error| TowerError::new(name, "header", format!("{error}"));
            // Checks that the tensors follow one another and are all there is.
            let (header, metadata) = SafeTensors::read_metadata(blob).map_err(wrong)?;
            Ok((blob, 8 + header, metadata))
        };
        Ok(Self {
            name,
            tensors: part.map(open).transpose()?,
            taken: BTreeSet::new(),
        })
    }

    /// A matrix of this very shape.
    fn matrix(&mut self, tensor: &str, rows: usize, columns: usize) -> Result<Matrix, TowerError> {
        self.take(tensor, &[rows, columns], (rows, columns))
    }

    /// The numbers of a list of this very length.
    fn list(&mut self, tensor: &str, length: usize) -> Result<Vec<f32>, TowerError> {
        let list = self.take(tensor, &[length], (1, length))?;
        Ok(list.weights().iter().collect())
    }

    fn take(
        &mut self,
        tensor: &str,
        shape: &[usize],
        size: (usize, usize),
    ) -> Result<Matrix, TowerError> {
        let wrong = |what: String| TowerError::new(self.name, format!("tensor {tensor:?}"), what);
        let Some((blob, data, metadata)) = &self.tensors else {
            let what = format!("is missing; it should hold tensor {tensor:?} of shape {shape:?}");
            return Err(TowerError::new(self.name, "file", what));
        };
        let info = metadata.info(tensor);
        let info =
            info.ok_or_else(|| wrong(format!("is missing; its shape should be {shape:?}")))?;
        let precision = match info.dtype {
            Dtype::F32 => Precision::F32,
            Dtype::F16 => Precision::F16,
            Dtype::BF16 => Precision::Bf16,
            other => return Err(wrong(format!("is of type {other:?}, not F32, F16 or BF16"))),
        };
        if info.shape != shape {
            let found = &info.shape;
            return Err(wrong(format!(
                "has shape {found:?}, the schema asks for {shape:?}"
            )));
        }
        let (from, to) = info.data_offsets;
        let bytes = data.saturating_add(from)..data.saturating_add(to);
        let matrix = Matrix::stored(blob, bytes, precision, size);
        let matrix = matrix.ok_or_else(|| wrong("does not lie within the file".to_owned()))?;
        self.taken.insert(tensor.to_owned());
        Ok(matrix)
    }

    /// Tensors nobody asked for mean that schema and weights are not of one model.
    fn finish(self) -> Result<(), TowerError> {
        let all = self
            .tensors
            .iter()
            .flat_map(|(_, _, metadata)| metadata.offset_keys());
        match all.filter(|name| !self.taken.contains(name)).min() {
            Some(name) => {
                let what = format!("is not described in {}", schema::FILE);
                Err(TowerError::new(self.name, format!("tensor {name:?}"), what))
            }
            None => Ok(()),
        }
    }
}

/// The same file with as many spaces after its header as let the data begin with a line of the cache,
/// once it is mapped; where it does already, or is no such file, as it is.
pub fn aligned(bytes: Vec<u8>) -> Vec<u8> {
    let Ok((header, _)) = SafeTensors::read_metadata(&bytes) else {
        return bytes;
    };
    let data = 8 + header;
    let spaces = data.next_multiple_of(LINE) - data;
    let longer = ((header + spaces) as u64).to_le_bytes();
    let (header, data) = bytes.split_at(data);
    let header = header.get(8..).unwrap_or_default();
    [&longer, header, &b" ".repeat(spaces), data].concat()
}

/// The file that holds a table.
pub(super) fn home(schema: &Schema, table: &str) -> &'static str {
    let reads = |tower: &TowerSchema| tower.features.iter().any(|f| f.table() == Some(table));
    let reads = |tower: &Option<TowerSchema>| tower.as_ref().is_some_and(reads);
    match (reads(&schema.user), reads(&schema.item)) {
        (true, false) => USER,
        (false, true) => ITEM,
        _ => SHARED,
    }
}

impl Model {
    /// Puts a model together from the files of a towers directory. Matrices stay in them, and what
    /// they hold is not looked at: [`check_finite`](Self::check_finite) does that.
    pub fn from_parts(parts: &[NamedBlob]) -> Result<Self, TowerError> {
        let json = parts.iter().find(|(name, _)| name == schema::FILE);
        let (_, json) = json.ok_or_else(|| TowerError::schema("file", "is missing"))?;
        let schema = Schema::parse(json)?;
        let mut files = BTreeMap::new();
        for name in [SHARED, USER, ITEM] {
            files.insert(name, File::open(name, parts)?);
        }
        let mut tables = Vec::new();
        for (name, table) in &schema.tables {
            let lookup = Lookup::new(name, &table.lookup)?;
            let Some(file) = files.get_mut(home(&schema, name)) else {
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
        let model = Self::assemble(schema, tables, |side, description, schema, tables| {
            let name = if side == Side::User { USER } else { ITEM };
            let wiring = schema.wiring(side, description)?;
            let widths = schema.widths(description);
            let mut layers = Vec::new();
            if let Some(file) = files.get_mut(name) {
                let each = description.layers.iter().zip(wiring).enumerate();
                for (at, (layer, wiring)) in each {
                    let place = (side, at);
                    layers.push(read_layer(file, parts, place, layer, wiring, &widths)?);
                }
            }
            let tower = Tower::new(side, description, layers, schema);
            tower.check_defaults(tables)?;
            Ok(tower)
        })?;
        for (_, file) in files {
            file.finish()?;
        }
        for (file, tower) in [(onnx::USER, &model.user), (onnx::ITEM, &model.item)] {
            if tower.onnx().is_none() && parts.iter().any(|(name, _)| name == file) {
                let what = format!("no layer of {} runs it", schema::FILE);
                return Err(TowerError::new(file, "file", what));
            }
        }
        Ok(model)
    }

    /// Whether all weights are numbers. Reads all of them.
    pub(crate) fn check_finite(&self) -> Result<(), TowerError> {
        let check = |file: &str, tensor: String, weights: Weights<'_>| {
            let found = weights.iter().position(|x| !x.is_finite());
            found.map_or(Ok(()), |at| {
                let what = format!("component {at} is not a finite number");
                Err(TowerError::new(file, format!("tensor {tensor:?}"), what))
            })
        };
        for table in &self.tables {
            let file = home(&self.schema, &table.name);
            check(
                file,
                format!("table.{}", table.name),
                table.weights.weights(),
            )?;
        }
        for (file, tower) in [(USER, &self.user), (ITEM, &self.item)] {
            for (at, layer) in tower.layers.iter().enumerate() {
                for (name, weights) in layer.weights() {
                    check(file, format!("layer.{at}.{name}"), weights)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the weights of one layer.
fn read_layer(
    file: &mut File<'_>,
    parts: &[NamedBlob],
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
                let what = format!("component {at} is below 0, which no variance is");
                let tensor = format!("tensor {:?}", tensor("running_var"));
                return Err(TowerError::new(file.name, tensor, what));
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
        } => Step::Onnx(OnnxModel::open(
            parts,
            &Asked {
                side,
                layer: at,
                inputs: given.as_deref(),
                width: inputs,
                output: output.as_deref(),
                units: *units as usize,
            },
        )?),
    };
    Ok(Layer {
        from: wiring.from,
        width,
        step,
    })
}

impl Tower {
    /// A tower of these layers; `schema` says where its tables are.
    pub fn new(side: Side, description: &TowerSchema, layers: Vec<Layer>, schema: &Schema) -> Self {
        let widths = schema.widths(description);
        let features = description.features.iter().zip(widths);
        let features = features.map(|(feature, width)| Feature {
            table: feature
                .table()
                .and_then(|named| schema.tables.keys().position(|name| name == named)),
            schema: feature.clone(),
            width,
        });
        Self {
            side,
            features: features.collect(),
            layers,
            other_fields: description.other_fields.clone(),
        }
    }

    /// Whether each feature can read what stands for its field when that is missing.
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
                TowerError::schema(place, format!("its default is {found}, not {expected}"))
            })?;
        }
        Ok(())
    }
}
