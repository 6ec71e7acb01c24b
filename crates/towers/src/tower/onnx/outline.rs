//! What an ONNX file says of itself, read before a runtime sees it.
//!
//! Runtimes trust files further than we do: graphs nested in graphs exhaust their stack, tensors may lie
//! in any other file. So the protocol buffer is walked here first, each message by a function of its
//! own that goes no deeper than the format has to, and what is not for towers is refused: graphs inside
//! of operators (loops and branches), data outside of the file, tensors larger than their bytes. What
//! neither this nor towers have a use for is passed over.

/// Bytes of a file; a protocol buffer has no more.
const MAX_FILE: usize = 1 << 31;
/// Operators. Runtimes go from one to the next by recursion.
pub(super) const MAX_NODES: usize = 1 << 12;

/// A place in the file, and what is wrong there.
pub(super) type Refused = (String, String);

/// The inputs and outputs of a model, and how much is in it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// Numbers with a point in its tensors.
    pub(super) parameters: usize,
}

/// An input or an output.
#[derive(Debug, PartialEq)]
pub(super) struct Port {
    pub(super) name: String,
    /// The type of its numbers, as ONNX counts types; 0 of what is no tensor.
    pub(super) element: u64,
    /// None if the file does not tell.
    pub(super) shape: Option<Vec<Dim>>,
}

/// A dimension of a shape.
#[derive(Debug, PartialEq)]
pub(super) enum Dim {
    Fixed(u64),
    /// Any number, by a name that may be empty.
    Free(String),
}

/// Numbers of 32, 16 and 64 bits, as ONNX counts types.
pub(super) const F32: u64 = 1;
pub(super) const F16: u64 = 10;
pub(super) const F64: u64 = 11;
const BF16: u64 = 16;

impl Outline {
    /// Reads a file.
    pub(super) fn read(file: &[u8]) -> Result<Self, Refused> {
        if file.len() >= MAX_FILE {
            let what = format!("has {} bytes, more than {MAX_FILE}", file.len());
            return Err(("file".to_owned(), what));
        }
        let mut graph = None;
        for field in Fields(file) {
            match field? {
                (7, Value::Bytes(bytes)) if graph.is_none() => graph = Some(bytes),
                (7, _) => return Err(broken()),
                (25, _) => {
                    let what = "defines functions, which should be inlined when it is exported";
                    return Err(("functions".to_owned(), what.to_owned()));
                }
                _ => {}
            }
        }
        let mut outline = Self::default();
        outline.graph(graph.ok_or_else(broken)?)?;
        Ok(outline)
    }

    fn graph(&mut self, bytes: &[u8]) -> Result<(), Refused> {
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
                    let what = "are not read; make them dense when it is exported";
                    return Err(("sparse tensors".to_owned(), what.to_owned()));
                }
                _ => {}
            }
        }
        if nodes > MAX_NODES {
            let what = format!("has {nodes} operators, more than {MAX_NODES}");
            return Err(("graph".to_owned(), what));
        }
        // Old files list what has a value among the inputs.
        self.inputs
            .retain(|input| !constants.contains(&input.name.as_str()));
        Ok(())
    }

    fn node(&mut self, bytes: &[u8]) -> Result<(), Refused> {
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
                        let what = "runs a graph of its own: no loops and branches in towers";
                        return Err((format!("operator {kind}"), what.to_owned()));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Checks a tensor; gives its name.
    fn tensor<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a str, Refused> {
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
        let wrong = |what: String| (format!("tensor {name:?}"), what);
        if outside {
            let what = "lies in another file, which is not read: export the model as one file";
            return Err(wrong(what.to_owned()));
        }
        let count = |all: u64, size: &u64| all.checked_mul(*size);
        let count = shape.iter().try_fold(1, count);
        // Every number takes a byte at least, however it is written.
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
    fn read(bytes: &[u8]) -> Result<Self, Refused> {
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

    /// Its shape as people write it.
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

fn tensor_type(bytes: &[u8]) -> Result<(u64, Option<Vec<Dim>>), Refused> {
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

fn dim(bytes: &[u8]) -> Result<Dim, Refused> {
    let mut dim = Dim::Free(String::new());
    for field in Fields(bytes) {
        match field? {
            // Below 0, as some exporters write what may be any number.
            (1, Value::Number(size)) if size > i64::MAX as u64 => {}
            (1, Value::Number(size)) => dim = Dim::Fixed(size),
            (2, Value::Bytes(text)) => dim = Dim::Free(string(text)?.to_owned()),
            _ => {}
        }
    }
    Ok(dim)
}

/// The fields of a message, each with its number.
struct Fields<'a>(&'a [u8]);

/// A field's value.
enum Value<'a> {
    Number(u64),
    /// A message, a text, or numbers one after the other.
    Bytes(&'a [u8]),
    /// A number of 4 or 8 bytes, of which none matters here.
    Fixed,
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.0)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = varint(&mut self.0)?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field().ok_or_else(broken))
    }
}

/// A number in groups of seven bits, the lowest first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for at in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 127) << (7 * at);
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}

fn string(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|_| broken())
}

fn broken() -> Refused {
    let what = "is no ONNX model, or one that was cut short";
    ("file".to_owned(), what.to_owned())
}
