//! Weights as safetensors, read against the schema.
//!
//! `shared.safetensors` holds the tables both towers read, `user.safetensors` and
//! `item.safetensors` what one of them reads. Tensors: `table.NAME` `[rows, dimension]`,
//! `layer.N.weight` `[units, inputs]` (as PyTorch's `Linear`) and `layer.N.bias` `[units]`, N
//! counting all layers of the tower from 0. All are little-endian f32.

use super::TowerError;
use super::lookup::Lookup;
use super::model::{Feature, Layer, Model, Side, Table, Tower};
use super::schema::{self, LayerSchema, Schema, TowerSchema};
use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};

/// A file of a towers directory: its name and its bytes.
pub(crate) type NamedBytes = (String, Vec<u8>);

const SHARED: &str = "shared.safetensors";
pub(super) const USER: &str = "user.safetensors";
pub(super) const ITEM: &str = "item.safetensors";

/// The names a towers directory may hold; others in it are not ours.
pub(crate) const FILES: [&str; 4] = [schema::FILE, SHARED, USER, ITEM];

/// One weights file, with what has been taken from it.
struct File<'a> {
    name: &'static str,
    tensors: Option<SafeTensors<'a>>,
    taken: BTreeSet<String>,
}

impl<'a> File<'a> {
    fn open(name: &'static str, parts: &'a [NamedBytes]) -> Result<Self, TowerError> {
        let bytes = parts.iter().find(|(part, _)| part == name);
        let open = |(_, bytes): &'a NamedBytes| {
            SafeTensors::deserialize(bytes)
                .map_err(|error| TowerError::new(name, "header", error.to_string()))
        };
        Ok(Self {
            name,
            tensors: bytes.map(open).transpose()?,
            taken: BTreeSet::new(),
        })
    }

    /// The numbers of a tensor of this very shape, all finite.
    fn take(&mut self, tensor: &str, shape: &[usize]) -> Result<Vec<f32>, TowerError> {
        let wrong = |what: String| TowerError::new(self.name, format!("tensor {tensor:?}"), what);
        let Some(tensors) = &self.tensors else {
            return Err(TowerError::new(
                self.name,
                "file",
                format!("is missing; it should hold tensor {tensor:?} of shape {shape:?}"),
            ));
        };
        let view = tensors
            .tensor(tensor)
            .map_err(|_| wrong(format!("is missing; its shape should be {shape:?}")))?;
        if view.dtype() != Dtype::F32 {
            return Err(wrong(format!(
                "is of type {:?}, should be F32",
                view.dtype()
            )));
        }
        if view.shape() != shape {
            return Err(wrong(format!(
                "has shape {:?}, the schema asks for {shape:?}",
                view.shape()
            )));
        }
        let numbers = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(<[u8; 4]>::try_from(bytes).unwrap_or_default()));
        let numbers: Vec<f32> = numbers.collect();
        if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
            return Err(wrong(format!("component {at} is not a finite number")));
        }
        self.taken.insert(tensor.to_owned());
        Ok(numbers)
    }

    fn matrix(
        &mut self,
        tensor: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Array2<f32>, TowerError> {
        let numbers = self.take(tensor, &[rows, columns])?;
        Array2::from_shape_vec((rows, columns), numbers)
            .map_err(|error| TowerError::new(self.name, tensor, error.to_string()))
    }

    /// Tensors nobody asked for mean that schema and weights are not of one model.
    fn finish(self) -> Result<(), TowerError> {
        let left = self.tensors.iter().flat_map(SafeTensors::names);
        match left.filter(|name| !self.taken.contains(*name)).min() {
            Some(name) => {
                let what = format!("is not described in {}", schema::FILE);
                Err(TowerError::new(self.name, format!("tensor {name:?}"), what))
            }
            None => Ok(()),
        }
    }
}

/// The file that holds a table.
pub(super) fn home(schema: &Schema, table: &str) -> &'static str {
    let reads = |tower: &TowerSchema| tower.features.iter().any(|f| f.table() == Some(table));
    match (reads(&schema.user), reads(&schema.item)) {
        (true, false) => USER,
        (false, true) => ITEM,
        _ => SHARED,
    }
}

impl Model {
    /// Puts a model together from the files of a towers directory.
    pub(crate) fn from_parts(parts: &[NamedBytes]) -> Result<Self, TowerError> {
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
            let shape = (lookup.rows(), table.dimension as usize);
            let weights = file.matrix(&format!("table.{name}"), shape.0, shape.1)?;
            tables.push(Table {
                name: name.clone(),
                lookup,
                weights,
            });
        }
        let mut tower = |side: Side, description: &TowerSchema| {
            let mut layers = Vec::new();
            let mut width = description.width(&schema.tables);
            let name = if side == Side::User { USER } else { ITEM };
            for (at, layer) in description.layers.iter().enumerate() {
                layers.push(match layer {
                    LayerSchema::L2Normalise {} => Layer::L2Normalise,
                    LayerSchema::Dense { units, activation } => {
                        let Some(file) = files.get_mut(name) else {
                            continue;
                        };
                        let units = *units as usize;
                        let weight = file.matrix(&format!("layer.{at}.weight"), units, width)?;
                        let bias = file.take(&format!("layer.{at}.bias"), &[units])?;
                        width = units;
                        Layer::Dense {
                            weight,
                            bias: Array1::from_vec(bias),
                            activation: *activation,
                        }
                    }
                });
            }
            Ok(Tower::new(side, description, layers, &schema))
        };
        let user = tower(Side::User, &schema.user)?;
        let item = tower(Side::Item, &schema.item)?;
        for (_, file) in files {
            file.finish()?;
        }
        Ok(Self {
            tables,
            user,
            item,
            schema,
        })
    }
}

impl Tower {
    /// A tower of these layers; `schema` says where its tables are.
    pub(crate) fn new(
        side: Side,
        description: &TowerSchema,
        layers: Vec<Layer>,
        schema: &Schema,
    ) -> Self {
        let features = description.features.iter().map(|feature| {
            let named = feature.table();
            let table = named.and_then(|named| schema.tables.keys().position(|name| name == named));
            let width = named.and_then(|named| schema.tables.get(named));
            Feature {
                schema: feature.clone(),
                table,
                width: width.map_or(1, |table| table.dimension as usize),
            }
        });
        Self {
            side,
            features: features.collect(),
            layers,
            other_fields: description.other_fields.clone(),
        }
    }
}
