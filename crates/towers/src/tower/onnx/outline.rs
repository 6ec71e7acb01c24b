//! The structure of an ONNX file, read before the runtime sees it.
//!
//! Runtimes trust files too much: nested graphs exhaust their stack, and tensors may refer to any other file. So the
//! protocol buffer is walked here first, with one function per message and bounded depth. It refuses graphs inside
//! operators (loops and branches), data outside the file, and tensors that claim more elements than bytes. Fields that
//! towers do not need are ignored.

use super::protobuf::{Fields, Value, broken, string, varint};
use super::refusal::Refusal;

/// The largest file in bytes, which is also the limit of protocol buffers.
const MAX_FILE: usize = 1 << 31;
/// The largest number of operators: runtimes recurse from one to the next.
pub(super) const MAX_NODES: usize = 1 << 12;

/// The inputs and outputs of a model, and its size.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// The number of floating-point numbers in its tensors.
    pub(super) parameters: usize,
}

/// An input or an output.
#[derive(Debug, PartialEq)]
pub(super) struct Port {
    pub(super) name: String,
    /// The element type, as ONNX numbers types; 0 if it is not a tensor.
    pub(super) element: u64,
    /// `None` if the file does not declare one.
    pub(super) shape: Option<Vec<Dim>>,
}

/// A dimension of a shape.
#[derive(Debug, PartialEq)]
pub(super) enum Dim {
    Fixed(u64),
    /// Any size, with a name that may be empty.
    Free(String),
}

/// Element types of ONNX.
pub(super) const F32: u64 = 1;
pub(super) const F16: u64 = 10;
pub(super) const F64: u64 = 11;
const BF16: u64 = 16;

impl Outline {
    /// Reads the structure of a file.
    pub(super) fn read(file: &[u8]) -> Result<Self, Refusal> {
        if file.len() >= MAX_FILE {
            let what = format!("has {} bytes, more than {MAX_FILE}", file.len());
            return Err(Refusal::file(what));
        }
        let mut graph = None;
        for field in Fields(file) {
            match field? {
                (7, Value::Bytes(bytes)) if graph.is_none() => graph = Some(bytes),
                (7, _) => return Err(broken()),
                (25, _) => {
                    let what = "are not supported: inline them when exporting the model";
                    return Err(Refusal::new("functions", what));
                }
                _ => {}
            }
        }
        let mut outline = Self::default();
        outline.graph(graph.ok_or_else(broken)?)?;
        Ok(outline)
    }

    fn graph(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (mut nodes, mut constants) = (0, Vec::new());
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(node)) => {
                    nodes += 1;
                    self.node(node)?;
                }
                (5, Value::Bytes(tensor)) => constants.push(self.tensor(tensor)?),
                (11, Value::Bytes(port)) => self.inputs.push(Port::read(port)?),
                (12, Value::Bytes(port)) => self.outputs.push(Port::read(port)?),
                (15, _) => {
                    let what = "are not supported: make them dense when exporting the model";
                    return Err(Refusal::new("sparse tensors", what));
                }
                _ => {}
            }
        }
        if nodes > MAX_NODES {
            let what = format!("has {nodes} operators, more than {MAX_NODES}");
            return Err(Refusal::new("graph", what));
        }
        // Old files list constants among the inputs.
        self.inputs
            .retain(|input| !constants.contains(&input.name.as_str()));
        Ok(())
    }

    fn node(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (mut kind, mut attributes) = ("", Vec::new());
        for field in Fields(bytes) {
            match field? {
                (4, Value::Bytes(text)) => kind = string(text)?,
                (5, Value::Bytes(attribute)) => attributes.push(attribute),
                _ => {}
            }
        }
        for attribute in attributes {
            for field in Fields(attribute) {
                match field? {
                    (5 | 10, Value::Bytes(tensor)) => drop(self.tensor(tensor)?),
                    (6 | 11, _) => {
                        let what =
                            "runs a graph of its own: towers cannot contain loops and branches";
                        return Err(Refusal::new(format!("operator {kind}"), what));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Checks a tensor; returns its name.
    fn tensor<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a str, Refusal> {
        let (mut name, mut element, mut shape, mut outside) = ("", 0, Vec::new(), false);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Number(size)) => shape.push(size),
                (1, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        shape.push(varint(&mut packed).ok_or_else(broken)?);
                    }
                }
                (2, Value::Number(number)) => element = number,
                (8, Value::Bytes(text)) => name = string(text)?,
                (13, _) => outside = true,
                (14, Value::Number(place)) => outside |= place != 0,
                _ => {}
            }
        }
        let wrong = |what: String| Refusal::new(format!("tensor {name:?}"), what);
        if outside {
            let what = "lies in another file, which is not read: export the model as one file";
            return Err(wrong(what.to_owned()));
        }
        let count = |all: u64, size: &u64| all.checked_mul(*size);
        let count = shape.iter().try_fold(1, count);
        // Every element takes at least one byte in any encoding.
        let count = count.and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count <= bytes.len());
        let Some(count) = count else {
            let size = bytes.len();
            return Err(wrong(format!(
                "has shape {shape:?}, which is more than its {size} bytes can hold"
            )));
        };
        if [F32, F16, F64, BF16].contains(&element) {
            self.parameters += count;
        }
        Ok(name)
    }
}

impl Port {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (mut name, mut element, mut shape) = ("", 0, None);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(text)) => name = string(text)?,
                (2, Value::Bytes(of)) => {
                    for field in Fields(of) {
                        if let (1, Value::Bytes(tensor)) = field? {
                            (element, shape) = tensor_type(tensor)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(Self {
            name: name.to_owned(),
            element,
            shape,
        })
    }

    /// Its shape for messages.
    pub(super) fn shown(&self) -> String {
        let Some(shape) = &self.shape else {
            return "no shape".to_owned();
        };
        let each = shape.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Free(name) if name.is_empty() => "?".to_owned(),
            Dim::Free(name) => name.clone(),
        });
        format!("shape [{}]", each.collect::<Vec<_>>().join(", "))
    }
}

fn tensor_type(bytes: &[u8]) -> Result<(u64, Option<Vec<Dim>>), Refusal> {
    let (mut element, mut shape) = (0, None);
    for field in Fields(bytes) {
        match field? {
            (1, Value::Number(number)) => element = number,
            (2, Value::Bytes(dims)) => {
                let shape = shape.get_or_insert_with(Vec::new);
                for field in Fields(dims) {
                    if let (1, Value::Bytes(of)) = field? {
                        shape.push(dim(of)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok((element, shape))
}

fn dim(bytes: &[u8]) -> Result<Dim, Refusal> {
    let mut dim = Dim::Free(String::new());
    for field in Fields(bytes) {
        match field? {
            // Some exporters write any size as a negative number.
            (1, Value::Number(size)) if size > i64::MAX as u64 => {}
            (1, Value::Number(size)) => dim = Dim::Fixed(size),
            (2, Value::Bytes(text)) => dim = Dim::Free(string(text)?.to_owned()),
            _ => {}
        }
    }
    Ok(dim)
}
