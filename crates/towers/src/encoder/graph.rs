//! Writes ONNX models: operators, constants, inputs, an output.

/// The version of the operators.
const OPERATORS: u64 = 20;
/// The version of the file format.
const FORMAT: u64 = 9;
/// Element types.
pub(super) const FLOAT: u64 = 1;
pub(super) const INTEGER: u64 = 7;

/// A graph that is being written.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<u8>,
    constants: Vec<u8>,
    ports: Vec<u8>,
}

/// An attribute of an operator.
pub(super) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Float(&'a str, f32),
    Text(&'a str, &'a str),
}

/// A dimension of an input or output.
pub(super) enum Dim<'a> {
    Free(&'a str),
    Fixed(u64),
}

impl Graph {
    /// Adds an operator with one output of the given name.
    pub(super) fn node(
        &mut self,
        kind: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[Attribute<'_>],
    ) {
        let mut node = Vec::new();
        inputs.iter().for_each(|name| text(&mut node, 1, name));
        text(&mut node, 2, output);
        text(&mut node, 3, output);
        text(&mut node, 4, kind);
        for attribute in attributes {
            bytes(&mut node, 5, &attribute.to_bytes());
        }
        bytes(&mut self.nodes, 1, &node);
    }

    /// Adds a constant of floats.
    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, dims, FLOAT, &raw);
    }

    /// Adds a constant of integers; without dimensions, a single one.
    pub(super) fn integers(&mut self, name: &str, dims: &[usize], values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, dims, INTEGER, &raw);
    }

    fn constant(&mut self, name: &str, dims: &[usize], element: u64, raw: &[u8]) {
        let mut tensor = Vec::with_capacity(raw.len() + 64);
        dims.iter()
            .for_each(|size| number(&mut tensor, 1, *size as u64));
        number(&mut tensor, 2, element);
        text(&mut tensor, 8, name);
        bytes(&mut tensor, 9, raw);
        bytes(&mut self.constants, 5, &tensor);
    }

    /// Declares an input.
    pub(super) fn input(&mut self, name: &str, element: u64, dims: &[Dim<'_>]) {
        bytes(&mut self.ports, 11, &port(name, element, dims));
    }

    /// Declares an output.
    pub(super) fn output(&mut self, name: &str, element: u64, dims: &[Dim<'_>]) {
        bytes(&mut self.ports, 12, &port(name, element, dims));
    }

    /// The file of the model.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut graph = self.nodes;
        text(&mut graph, 2, "encoder");
        graph.extend(self.constants);
        graph.extend(self.ports);
        let (mut file, mut operators) = (Vec::with_capacity(graph.len() + 64), Vec::new());
        number(&mut operators, 2, OPERATORS);
        number(&mut file, 1, FORMAT);
        bytes(&mut file, 8, &operators);
        bytes(&mut file, 7, &graph);
        file
    }
}

impl Attribute<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let (Self::Int(name, _) | Self::Ints(name, _) | Self::Float(name, _) | Self::Text(name, _)) =
            self;
        text(&mut all, 1, name);
        match self {
            Self::Int(_, value) => {
                number(&mut all, 3, *value as u64);
                number(&mut all, 20, 2);
            }
            Self::Ints(_, values) => {
                values
                    .iter()
                    .for_each(|value| number(&mut all, 8, *value as u64));
                number(&mut all, 20, 7);
            }
            Self::Float(_, value) => {
                varint(&mut all, (2 << 3) | 5);
                all.extend(value.to_le_bytes());
                number(&mut all, 20, 1);
            }
            Self::Text(_, value) => {
                text(&mut all, 4, value);
                number(&mut all, 20, 3);
            }
        }
        all
    }
}

fn port(name: &str, element: u64, dims: &[Dim<'_>]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut one = Vec::new();
        match dim {
            Dim::Fixed(size) => number(&mut one, 1, *size),
            Dim::Free(name) => text(&mut one, 2, name),
        }
        bytes(&mut shape, 1, &one);
    }
    let (mut tensor, mut of, mut port) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, element);
    bytes(&mut tensor, 2, &shape);
    bytes(&mut of, 1, &tensor);
    text(&mut port, 1, name);
    bytes(&mut port, 2, &of);
    port
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        to.push(number as u8 | 128);
        number >>= 7;
    }
    to.push(number as u8);
}

fn number(to: &mut Vec<u8>, field: u64, value: u64) {
    varint(to, field << 3);
    varint(to, value);
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(to, (field << 3) | 2);
    varint(to, value.len() as u64);
    to.extend(value);
}

fn text(to: &mut Vec<u8>, field: u64, value: &str) {
    bytes(to, field, value.as_bytes());
}
