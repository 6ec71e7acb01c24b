//! The operators of a model and its constants, as far as sizes depend on them.

use super::extent::{Extent, MAX_VALUES};
use crate::tower::onnx::protobuf::{Fields, Value, broken, string, varint};
use crate::tower::onnx::refusal::Refusal;

/// Element types of ONNX that hold floats; of all others, integers.
const F32: u64 = 1;
const F16: u64 = 10;
const F64: u64 = 11;
const I32: u64 = 6;
const I64: u64 = 7;

/// The most characters of a name in a message.
const MAX_SHOWN: usize = 80;

/// The operators of a model, in the order of the file, and its constants.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) constants: Vec<(&'a str, Extent)>,
}

/// One operator.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    /// The names of its inputs; an empty one is absent.
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    attributes: Vec<Attribute<'a>>,
}

/// An attribute of an operator.
#[derive(Debug, Default)]
struct Attribute<'a> {
    name: &'a str,
    int: Option<i64>,
    float: Option<f32>,
    text: &'a [u8],
    ints: Vec<i64>,
    floats: Vec<f32>,
    tensor: Option<Extent>,
}

impl<'a> Graph<'a> {
    /// Reads the graph of a model that was read as an outline before.
    pub(super) fn read(file: &'a [u8]) -> Result<Self, Refusal> {
        let mut graph = Self::default();
        for field in Fields(file) {
            if let (7, Value::Bytes(bytes)) = field? {
                for field in Fields(bytes) {
                    match field? {
                        (1, Value::Bytes(node)) => graph.nodes.push(Node::read(node)?),
                        (5, Value::Bytes(bytes)) => graph.constants.push(tensor(bytes)?),
                        _ => {}
                    }
                }
            }
        }
        Ok(graph)
    }
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut node = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(text)) => node.inputs.push(string(text)?),
                (2, Value::Bytes(text)) => node.outputs.push(string(text)?),
                (3, Value::Bytes(text)) => node.name = string(text)?,
                (4, Value::Bytes(text)) => node.kind = string(text)?,
                (5, Value::Bytes(bytes)) => node.attributes.push(Attribute::read(bytes)?),
                _ => {}
            }
        }
        Ok(node)
    }

    /// The operator for messages.
    pub(super) fn place(&self) -> String {
        let name = match (self.name, self.outputs.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        };
        let short = |text: &str| text.chars().take(MAX_SHOWN).collect::<String>();
        format!("operator {} {:?}", short(self.kind), short(name))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|other| other.name == name)
    }

    /// An attribute that is an integer.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.int
    }

    /// An attribute that is an integer, as a yes or no.
    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    /// An attribute that is a list of integers.
    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|found| &*found.ints)
    }

    /// An attribute that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.attribute(name)?.text).ok()
    }

    /// An attribute that is a tensor.
    pub(super) fn tensor(&self, name: &str) -> Option<&Extent> {
        self.attribute(name)?.tensor.as_ref()
    }

    /// What the operator `Constant` gives.
    pub(super) fn constant(&self) -> Option<Extent> {
        let scalar = |value: f64, integer| Extent::known(Vec::new(), vec![value], integer);
        let [attribute] = &self.attributes[..] else {
            return None;
        };
        match attribute.name {
            "value" => attribute.tensor.clone(),
            "value_int" => Some(scalar(attribute.int? as f64, true)),
            "value_float" => Some(scalar(f64::from(attribute.float?), false)),
            "value_ints" => {
                let values: Vec<f64> = attribute.ints.iter().map(|int| *int as f64).collect();
                Some(Extent::known(vec![values.len() as u64], values, true))
            }
            "value_floats" => {
                let floats = attribute.floats.iter();
                let values: Vec<f64> = floats.map(|float| f64::from(*float)).collect();
                Some(Extent::known(vec![values.len() as u64], values, false))
            }
            _ => None,
        }
    }
}

impl<'a> Attribute<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut attribute = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(text)) => attribute.name = string(text)?,
                (2, Value::Fixed(bytes)) => attribute.float = float(bytes),
                (3, Value::Number(number)) => attribute.int = Some(number as i64),
                (4, Value::Bytes(text)) => attribute.text = text,
                (5, Value::Bytes(bytes)) => attribute.tensor = Some(tensor(bytes)?.1),
                (7, Value::Fixed(bytes)) => attribute.floats.extend(float(bytes)),
                (7, Value::Bytes(packed)) => {
                    attribute
                        .floats
                        .extend(packed.chunks_exact(4).filter_map(float));
                }
                (8, Value::Number(number)) => attribute.ints.push(number as i64),
                (8, Value::Bytes(packed)) => {
                    let ints = varints(packed)?.into_iter();
                    attribute.ints.extend(ints.map(|int| int as i64));
                }
                _ => {}
            }
        }
        Ok(attribute)
    }
}

/// The name and the extent of a tensor.
fn tensor(bytes: &[u8]) -> Result<(&str, Extent), Refusal> {
    let (mut name, mut element, mut dims, mut values) = ("", 0, Vec::new(), Vec::new());
    let mut raw = None;
    for field in Fields(bytes) {
        match field? {
            (1, Value::Number(size)) => dims.push(size),
            (1, Value::Bytes(packed)) => dims.extend(varints(packed)?),
            (2, Value::Number(number)) => element = number,
            (8, Value::Bytes(text)) => name = string(text)?,
            (4, Value::Bytes(packed)) if packed.len() <= 4 * MAX_VALUES => {
                values.extend(packed.chunks_exact(4).filter_map(float).map(f64::from));
            }
            (4, Value::Fixed(bytes)) => values.extend(float(bytes).map(f64::from)),
            (5 | 7, Value::Number(number)) => values.push(number as i64 as f64),
            (5 | 7, Value::Bytes(packed)) if packed.len() <= 10 * MAX_VALUES => {
                values.extend(varints(packed)?.into_iter().map(|int| int as i64 as f64));
            }
            (9, Value::Bytes(bytes)) => raw = Some(bytes),
            (10, Value::Bytes(packed)) if packed.len() <= 8 * MAX_VALUES => {
                values.extend(
                    packed
                        .as_chunks()
                        .0
                        .iter()
                        .map(|eight| f64::from_le_bytes(*eight)),
                );
            }
            _ => {}
        }
    }
    if let Some(raw) = raw.filter(|raw| raw.len() <= 8 * MAX_VALUES) {
        values = raw_values(raw, element);
    }
    let integer = ![F32, F16, F64].contains(&element);
    let mut extent = Extent::of(dims);
    if values.len() as u64 == extent.elements() {
        if integer {
            // The runtime keeps integers in 32 bits; those beyond saturate.
            let clamp = |value: f64| value.clamp(f64::from(i32::MIN), f64::from(i32::MAX));
            values = values.into_iter().map(clamp).collect();
        }
        extent = extent.with_values(values, integer);
    }
    Ok((name, extent))
}

/// The numbers in the raw bytes of a tensor; empty for types that shapes are not made of.
fn raw_values(raw: &[u8], element: u64) -> Vec<f64> {
    match element {
        I64 => {
            let all = raw.as_chunks().0.iter();
            all.map(|eight| i64::from_le_bytes(*eight) as f64).collect()
        }
        I32 => {
            let all = raw.as_chunks().0.iter();
            all.map(|four| f64::from(i32::from_le_bytes(*four)))
                .collect()
        }
        F32 => raw
            .chunks_exact(4)
            .filter_map(float)
            .map(f64::from)
            .collect(),
        F64 => {
            let all = raw.as_chunks().0.iter();
            all.map(|eight| f64::from_le_bytes(*eight)).collect()
        }
        _ => Vec::new(),
    }
}

fn varints(mut packed: &[u8]) -> Result<Vec<u64>, Refusal> {
    let mut all = Vec::new();
    while !packed.is_empty() {
        all.push(varint(&mut packed).ok_or_else(broken)?);
    }
    Ok(all)
}

fn float(four: &[u8]) -> Option<f32> {
    four.try_into().ok().map(f32::from_le_bytes)
}
