use super::outline::{MAX_NODES, Outline};
use crate::tower::encode::Reading;
use crate::tower::error::{EmbedError, TowerError};
use crate::tower::files::NamedBlob;
use crate::tower::model::Model;
use crate::tower::side::Side;
use serde_json::json;
use std::sync::Arc;
use twinspire_core::files::Blob;

/// A number in groups of seven bits.
fn varint(mut number: u64) -> Vec<u8> {
    let mut all = Vec::new();
    while number > 127 {
        all.push(number as u8 | 128);
        number >>= 7;
    }
    all.push(number as u8);
    all
}

/// A field of a message that holds bytes.
pub(super) fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2], &*varint(bytes.len() as u64), bytes].concat()
}

/// A field that holds a number below 128.
fn small(number: u8, value: u8) -> Vec<u8> {
    vec![number << 3, value]
}

/// The value of an attribute that is an integer.
pub(super) fn int(value: i64) -> Vec<u8> {
    [vec![3 << 3], varint(value as u64)].concat()
}

/// An attribute with this value.
pub(super) fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    field(5, &[&field(1, name.as_bytes()), value].concat())
}

/// The dimensions of a tensor.
fn dims(dims: &[u64]) -> Vec<u8> {
    let each = dims
        .iter()
        .map(|size| [vec![1 << 3], varint(*size)].concat());
    each.collect::<Vec<_>>().concat()
}

/// A constant of integers of 64 bits.
pub(super) fn ints(name: &str, shape: &[u64], values: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let all = [
        dims(shape),
        small(2, 7),
        field(8, name.as_bytes()),
        field(9, &raw),
    ];
    field(5, &all.concat())
}

/// A constant of floats, all a quarter.
pub(super) fn floats(name: &str, shape: &[u64]) -> Vec<u8> {
    let raw = 0.25f32
        .to_le_bytes()
        .repeat(shape.iter().product::<u64>() as usize);
    let all = [
        dims(shape),
        small(2, 1),
        field(8, name.as_bytes()),
        field(9, &raw),
    ];
    field(5, &all.concat())
}

/// An input or an output of numbers of 32 bits; a dimension of 0 may be any. No dimensions are no shape.
pub(super) fn port(number: u8, name: &str, shape: &[u8]) -> Vec<u8> {
    let dims = shape.iter().map(|size| match size {
        0 => field(1, &field(2, b"batch")),
        size => field(1, &small(1, *size)),
    });
    let dims = dims.collect::<Vec<_>>().concat();
    let shape = if shape.is_empty() {
        Vec::new()
    } else {
        field(2, &dims)
    };
    let tensor = [small(1, 1), shape].concat();
    let of = [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat();
    field(number, &of)
}

pub(super) fn node(kind: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().map(|name| field(1, name.as_bytes()));
    let names = [field(2, output.as_bytes()), field(4, kind.as_bytes())].concat();
    [inputs.collect::<Vec<_>>().concat(), names].concat()
}

pub(super) fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    let set = field(8, &[field(1, b""), small(2, 17)].concat());
    [small(1, 8), set, field(7, &graph.concat())].concat()
}

/// A model of two numbers in and two out.
pub(super) fn through(nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<_> = nodes.iter().map(|node| field(1, node)).collect();
    graph.extend([port(11, "x", &[0, 2]), port(12, "y", &[0, 2])]);
    model(&graph)
}

pub(super) fn open(user: Vec<u8>) -> Result<Model, TowerError> {
    let description = json!({
        "format": 1, "name": "n", "dimension": 2, "metric": "inner_product",
        "user": {
            "features": [{"kind": "vector", "field": "x", "dimension": 2}],
            "layers": [{"kind": "onnx", "units": 2}]
        }
    });
    let blob = |bytes: &[u8]| Arc::new(Blob::from_bytes(bytes));
    let parts: [NamedBlob; 2] = [
        (
            "tower.json".to_owned(),
            blob(description.to_string().as_bytes()),
        ),
        ("user.onnx".to_owned(), blob(&user)),
    ];
    Model::from_parts(&parts)
}

fn refused(user: Vec<u8>) -> String {
    open(user).unwrap_err().to_string()
}

fn embedded(model: &Model, x: [f32; 2]) -> Result<Vec<f32>, EmbedError> {
    model.embed(Side::User, &json!({"x": x}), Reading::default())
}

#[test]
fn a_handwritten_model_runs() {
    let model = open(through(&[node("Relu", &["x"], "y")])).unwrap();
    assert_eq!(embedded(&model, [1.5, -2.0]).unwrap(), [1.5, 0.0]);
    // The input is the output.
    let model = open(through(&[node("Identity", &["x"], "y")])).unwrap();
    assert_eq!(embedded(&model, [1.5, -2.0]).unwrap(), [1.5, -2.0]);
}

#[test]
fn a_model_that_computes_batches_wrongly_runs_one_record_at_a_time() {
    let ints = |name: &str, values: &[u8]| {
        let all = [
            small(1, values.len() as u8),
            small(2, 7),
            field(8, name.as_bytes()),
        ];
        field(5, &[all.concat(), field(7, values)].concat())
    };
    let floats = {
        let all = [small(1, 2), small(2, 1), field(8, b"w")].concat();
        let numbers: Vec<u8> = [2.0f32, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        field(5, &[all, field(9, &numbers)].concat())
    };
    let axis = field(5, &[field(1, b"axis"), small(3, 1)].concat());
    // A product with a vector, which the runtime computes wrongly in batches; a shape of one row.
    for (nodes, constants, expected) in [
        (
            vec![
                node("Unsqueeze", &["x", "one"], "rows"),
                node("MatMul", &["rows", "w"], "dots"),
                [node("Concat", &["dots", "dots"], "y"), axis].concat(),
            ],
            vec![ints("one", &[1]), floats],
            [8.0, 8.0],
        ),
        (
            vec![node("Reshape", &["x", "shape"], "y")],
            vec![ints("shape", &[1, 2])],
            [1.0, 2.0],
        ),
    ] {
        let mut graph: Vec<_> = nodes.iter().map(|node| field(1, node)).collect();
        graph.extend(constants);
        graph.extend([port(11, "x", &[0, 2]), port(12, "y", &[0, 2])]);
        let model = open(self::model(&graph)).unwrap();
        assert_eq!(embedded(&model, [1.0, 2.0]).unwrap(), expected);
        let records = [[1.0, 2.0]; 5].map(|x| json!({"x": x}));
        let many = model
            .embed_many(Side::User, &records, Reading::default())
            .unwrap();
        assert_eq!(many, expected.repeat(5));
    }
}

#[test]
fn an_output_that_is_not_finite_is_an_error() {
    let model = open(through(&[node("Log", &["x"], "y")])).unwrap();
    assert!(embedded(&model, [1.0, 2.0]).is_ok());
    let error = embedded(&model, [1.0, -1.0]).unwrap_err().to_string();
    assert!(
        error.contains("component 1 of its output is not a finite number"),
        "{error}"
    );
    let records = [[1.0, 2.0], [2.0, 1.0], [0.0, 1.0]].map(|x| json!({"x": x}));
    let error = model
        .embed_many(Side::User, &records, Reading::default())
        .unwrap_err();
    assert_eq!(error.0, 2);
}

#[test]
fn data_in_other_files_is_refused_wherever_it_is_referenced() {
    let place = field(
        13,
        &[field(1, b"location"), field(2, b"../../secret")].concat(),
    );
    let tensor = [small(1, 2), small(2, 1), field(8, b"w")].concat();
    let add = node("Add", &["x", "w"], "y");
    let with = |tensor: &[u8]| {
        let graph = [
            field(1, &add),
            field(5, tensor),
            port(11, "x", &[0, 2]),
            port(12, "y", &[0, 2]),
        ];
        refused(model(&graph))
    };
    for outside in [
        [&tensor[..], &place].concat(),
        [&tensor[..], &small(14, 1)].concat(),
        [&tensor[..], &place, &small(14, 0)].concat(),
    ] {
        let error = with(&outside);
        assert!(
            error.contains("tensor \"w\": lies in another file"),
            "{error}"
        );
    }
    let constant = field(
        5,
        &[field(1, b"value"), field(5, &[tensor, place].concat())].concat(),
    );
    let constant = [node("Constant", &[], "w"), constant].concat();
    let error = refused(through(&[constant, add.clone()]));
    assert!(error.contains("lies in another file"), "{error}");
}

#[test]
fn nested_graphs_and_oversized_tensors_are_refused() {
    let inside = field(5, &field(6, b""));
    let error = refused(through(&[[node("If", &["x"], "y"), inside].concat()]));
    assert!(
        error.contains("operator If: runs a graph of its own"),
        "{error}"
    );
    // Deeper than any stack.
    let mut deep = Vec::new();
    for _ in 0..20_000 {
        deep = field(1, &field(5, &field(6, &deep)));
    }
    assert!(refused(model(&[deep])).contains("runs a graph of its own"));
    let many = vec![field(1, &node("Relu", &["x"], "y")); MAX_NODES + 1];
    assert!(refused(model(&many)).contains("operators, more than"));
    let large = [small(1, 100), small(1, 100), small(2, 1), field(8, b"w")].concat();
    let error = refused(model(&[field(5, &large)]));
    assert!(
        error.contains("\"w\": has shape [100, 100], which is more than"),
        "{error}"
    );
    assert!(refused([model(&[]), model(&[])].concat()).contains("is not an ONNX model"));
}

#[test]
fn a_model_with_the_maximum_number_of_operators_runs() {
    let name = |at: usize| match at {
        0 => "x".to_owned(),
        MAX_NODES => "y".to_owned(),
        at => format!("n{at}"),
    };
    let nodes = (0..MAX_NODES).map(|at| node("Softsign", &[&name(at)], &name(at + 1)));
    let model = open(through(&nodes.collect::<Vec<_>>())).unwrap();
    let vector = embedded(&model, [1.0, -1.0]).unwrap();
    assert!(
        (vector[0] - 1.0 / (1.0 + MAX_NODES as f32)).abs() < 1e-5,
        "{vector:?}"
    );
}

#[test]
fn errors_that_show_only_when_running_are_found_when_opening() {
    // A cycle, an unknown operator, a wrong number of inputs, no operator.
    for nodes in [
        vec![node("Relu", &["z"], "y"), node("Relu", &["y"], "z")],
        vec![node("NoSuch", &["x"], "y")],
        vec![node("RandomNormalLike", &["x"], "y")],
        vec![node("Add", &["x"], "y")],
        vec![],
    ] {
        let error = open(through(&nodes)).unwrap_err();
        assert_eq!(error.file, "user.onnx", "{error}");
    }
    let reduce = [
        node("ReduceSum", &["x"], "y"),
        field(5, &[field(1, b"keepdims"), small(3, 0)].concat()),
    ];
    let error = refused(through(&[reduce.concat()]));
    assert!(error.contains("output \"y\""), "{error}");
    let transposed = refused(model(&[
        field(1, &node("Transpose", &["x"], "t")),
        field(1, &node("MatMul", &["t", "x"], "m")),
        field(1, &node("Concat", &["m"], "y")),
        port(11, "x", &[0, 3]),
        port(12, "y", &[0, 2]),
    ]));
    assert!(
        transposed.contains("take 3 numbers together"),
        "{transposed}"
    );
}

#[test]
fn an_outline_lists_inputs_outputs_and_parameters() {
    let weights = [small(1, 2), small(2, 1), field(8, b"w"), field(9, &[0; 8])].concat();
    let graph = [
        field(5, &weights),
        port(11, "w", &[2]),
        port(11, "x", &[0, 2]),
        port(12, "y", &[1, 7, 9]),
    ];
    let outline = Outline::read(&model(&graph)).unwrap();
    assert_eq!(outline.parameters, 2);
    let shown = |ports: &[super::outline::Port]| -> Vec<String> {
        let each = ports.iter();
        each.map(|port| format!("{} {}", port.name, port.shown()))
            .collect()
    };
    assert_eq!(shown(&outline.inputs), ["x shape [batch, 2]"]);
    assert_eq!(shown(&outline.outputs), ["y shape [1, 7, 9]"]);
}
