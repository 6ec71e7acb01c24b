//! Models of a few bytes that ask for terabytes, for hours, or for a panic: each is an error, at once.

use super::runner::{self, RunnerError};
use super::tests::{attribute, field, floats, int, ints, model, node, open, port};
use crate::tower::encode::Reading;
use crate::tower::error::{ModelResource, TowerFault};
use crate::tower::side::Side;
use serde_json::json;
use std::thread::sleep;
use std::time::{Duration, Instant};

const TERA: i64 = 1 << 40;

/// A model of these operators and constants that gives `h` added to its input.
fn adding(nodes: &[Vec<u8>], constants: &[Vec<u8>]) -> Vec<u8> {
    let mut graph: Vec<_> = nodes.iter().map(|node| field(1, node)).collect();
    graph.push(field(1, &node("ReduceMax", &["h"], "one")));
    graph.push(field(1, &node("Add", &["x", "one"], "y")));
    graph.extend_from_slice(constants);
    graph.extend([port(11, "x", &[0, 2]), port(12, "y", &[0, 2])]);
    model(&graph)
}

fn with(mut node: Vec<u8>, attributes: &[Vec<u8>]) -> Vec<u8> {
    node.extend(attributes.concat());
    node
}

/// A constant vector of integers.
fn list(name: &str, values: &[i64]) -> Vec<u8> {
    ints(name, &[values.len() as u64], values)
}

/// A constant number.
fn number(name: &str, value: i64) -> Vec<u8> {
    ints(name, &[], &[value])
}

/// What asks for more memory than there is, by the operator that does.
fn greedy() -> Vec<(&'static str, Vec<u8>)> {
    let big = list("big", &[TERA]);
    let square = list("square", &[1 << 20, 1 << 20]);
    let tall = list("tall", &[1 << 20, 1]);
    let zeros = |shape: &str, output: &str| node("ConstantOfShape", &[shape], output);
    let mut doubling = vec![node("Concat", &["x", "x"], "d0")];
    for at in 1..40 {
        let (from, to) = (format!("d{}", at - 1), format!("d{at}"));
        doubling.push(node("Concat", &[&from, &from], &to));
    }
    doubling.push(node("Identity", &["d39"], "h"));
    for node in &mut doubling[..40] {
        node.extend(attribute("axis", &int(0)));
    }
    let one = |kind, inputs: &[&str], constants: Vec<Vec<u8>>| {
        (kind, adding(&[node(kind, inputs, "h")], &constants))
    };
    let mut all = vec![
        one(
            "Expand",
            &["f", "big"],
            vec![floats("f", &[1]), big.clone()],
        ),
        one("ConstantOfShape", &["square"], vec![square.clone()]),
        one("Tile", &["x", "square"], vec![square.clone()]),
        one(
            "Range",
            &["a", "b", "c"],
            vec![number("a", 0), number("b", 1 << 30), number("c", 1)],
        ),
        one("Pad", &["x", "pads"], vec![list("pads", &[0, 0, TERA, 0])]),
        one(
            "OneHot",
            &["i", "depth", "v"],
            vec![list("i", &[1]), number("depth", TERA), floats("v", &[2])],
        ),
        ("Concat", adding(&doubling, &[])),
    ];
    // Two vectors of a million, and what makes a trillion of them.
    let pair = [zeros("tall", "t"), node("Transpose", &["t"], "u")];
    for last in [
        node("MatMul", &["t", "u"], "h"),
        node("Add", &["t", "u"], "h"),
        node("Max", &["t", "u", "t"], "h"),
        with(
            node("Einsum", &["t", "u"], "h"),
            &[attribute("equation", &field(4, b"ia,bj->ij"))],
        ),
        node("Gemm", &["t", "u"], "h"),
    ] {
        let nodes = [&pair[..], &[last]].concat();
        all.push(("", adding(&nodes, std::slice::from_ref(&tall))));
    }
    // Many rows, each of them wide.
    let gathered = [
        zeros("wide", "w"),
        with(
            zeros("count", "i"),
            &[attribute("value", &ints("", &[1], &[0]))],
        ),
        node("Gather", &["w", "i"], "h"),
    ];
    let counts = [list("wide", &[1, 1 << 20]), list("count", &[1 << 20])];
    all.push(("Gather", adding(&gathered, &counts)));
    // No output reads it.
    let unread = [node("Identity", &["x"], "h"), zeros("square", "z")];
    all.push(("ConstantOfShape", adding(&unread, &[square])));
    // A tensor without elements, and its axis without an end.
    let empty = [zeros("empty", "e"), node("ReduceSum", &["e", "axes"], "h")];
    let constants = [list("empty", &[0, TERA]), list("axes", &[0])];
    all.push(("ReduceSum", adding(&empty, &constants)));
    let conv = [with(
        node("Conv", &["image", "kernel"], "h"),
        &[attribute(
            "pads",
            &[TERA, TERA]
                .map(|pad| [&[8 << 3], &int(pad)[1..]].concat())
                .concat(),
        )],
    )];
    let constants = [floats("image", &[1, 1, 2]), floats("kernel", &[1, 1, 1])];
    all.push(("Conv", adding(&conv, &constants)));
    all
}

#[test]
fn a_model_that_asks_for_more_memory_than_its_limit_is_refused_at_once() {
    for (kind, file) in greedy() {
        let began = Instant::now();
        let error = open(file).unwrap_err();
        let TowerFault::Exceeds { of, needed, limit } = error.fault else {
            panic!("{kind}: {error}");
        };
        assert_eq!(of, ModelResource::Memory);
        assert!(needed > limit, "{error}");
        assert!(
            error.place.starts_with(&format!("operator {kind}")),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(1), "{error}");
    }
}

#[test]
fn a_model_that_computes_for_hours_is_refused_at_once() {
    let name = |at: usize| {
        if at == 0 {
            "h".to_owned()
        } else {
            format!("m{at}")
        }
    };
    let mut nodes = vec![node("ConstantOfShape", &["square"], "m1000")];
    for at in 0..1000 {
        let from = name(at + 1);
        nodes.push(node("MatMul", &[&from, &from], &name(at)));
    }
    let file = adding(&nodes, &[list("square", &[500, 500])]);
    let began = Instant::now();
    let error = open(file).unwrap_err();
    let exceeds = TowerFault::Exceeds {
        of: ModelResource::Operations,
        needed: 0,
        limit: 0,
    };
    let same = std::mem::discriminant(&error.fault) == std::mem::discriminant(&exceeds);
    assert!(same && began.elapsed() < Duration::from_secs(1), "{error}");
}

#[test]
fn ranges_that_never_end_are_refused() {
    let floats = |name: &str, value: f32| {
        let raw = value.to_le_bytes();
        let all = [vec![2 << 3, 1], field(8, name.as_bytes()), field(9, &raw)];
        field(5, &all.concat())
    };
    // A step that a float loses, and steps beyond the largest integer.
    for constants in [
        [floats("a", 1e8), floats("b", 1e8 + 64.0), floats("c", 1.0)],
        [
            floats("a", -1e8),
            floats("b", -1e8 - 64.0),
            floats("c", -1.0),
        ],
        [
            number("a", 2_147_483_000),
            number("b", 2_147_483_600),
            number("c", 1_000),
        ],
        [
            number("a", 0),
            number("b", i64::MAX),
            number("c", i64::MAX - 1),
        ],
        [
            number("a", -2_147_483_000),
            number("b", i64::MIN),
            number("c", -1_000),
        ],
    ] {
        let began = Instant::now();
        let error = open(adding(&[node("Range", &["a", "b", "c"], "h")], &constants)).unwrap_err();
        assert!(error.place.starts_with("operator Range"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(1), "{error}");
    }
}

#[test]
fn a_size_is_computed_as_the_runtime_does_or_is_unknown() {
    // Each gives a small number with integers without an end, or exact fractions, and a large one in 32 bits.
    let floats = |name: &str, value: f32| {
        let raw = value.to_le_bytes();
        let all = [vec![2 << 3, 1], field(8, name.as_bytes()), field(9, &raw)];
        field(5, &all.concat())
    };
    let cast = |from: &str, to: &str, element: i64| {
        with(node("Cast", &[from], to), &[attribute("to", &int(element))])
    };
    let expand = [
        node("Unsqueeze", &["n", "zero"], "shape"),
        node("ConstantOfShape", &["shape"], "h"),
    ];
    let zero = list("zero", &[0]);
    let overflow = [
        node("Add", &["most", "most"], "wide"),
        node("Add", &["wide", "two"], "narrow"),
        node("Max", &["narrow", "two"], "n"),
    ];
    let constants = [
        number("most", i64::from(i32::MAX)),
        number("two", 2),
        zero.clone(),
    ];
    let error = open(adding(&[&overflow[..], &expand].concat(), &constants)).unwrap_err();
    assert!(
        error.to_string().contains("depends on the records"),
        "{error}"
    );
    let fractions = [
        node("Add", &["big", "four"], "sum"),
        node("Sub", &["sum", "big"], "rest"),
        node("Sub", &["rest", "four"], "lost"),
        node("Mul", &["lost", "lost"], "square"),
        node("Mul", &["square", "scale"], "large"),
        cast("large", "n", 7),
    ];
    let constants = [
        floats("big", 1e8),
        floats("four", 4.0),
        floats("scale", 1e8),
        zero.clone(),
    ];
    let error = open(adding(&[&fractions[..], &expand].concat(), &constants)).unwrap_err();
    assert!(matches!(error.fault, TowerFault::Exceeds { .. }), "{error}");
    let truth = [
        cast("half", "yes", 9),
        cast("yes", "unit", 7),
        node("Mul", &["unit", "most"], "n"),
    ];
    let constants = [
        floats("half", 0.5),
        number("most", i64::from(i32::MAX)),
        zero,
    ];
    let error = open(adding(&[&truth[..], &expand].concat(), &constants)).unwrap_err();
    assert!(
        error.to_string().contains("depends on the records"),
        "{error}"
    );
}

#[test]
fn a_shape_that_only_a_run_shows_is_refused() {
    let to_integers = with(node("Cast", &["x"], "i"), &[attribute("to", &int(7))]);
    let flat = node("Flatten", &["i"], "f");
    for last in [
        node("Expand", &["x", "i"], "h"),
        node("Tile", &["x", "i"], "h"),
        node("Reshape", &["x", "i"], "h"),
        node("ConstantOfShape", &["i"], "h"),
        node("Range", &["i", "i", "i"], "h"),
        node("Slice", &["x", "i", "i"], "h"),
        node("OneHot", &["i", "i", "x"], "h"),
        node("Pad", &["x", "i"], "h"),
        node("TopK", &["x", "i"], "h"),
    ] {
        let error = open(adding(&[to_integers.clone(), flat.clone(), last], &[])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("depends on the records"), "{text}");
    }
    // Which of two ranges of one axis counts is not to be guessed.
    let twice = [
        list("starts", &[0, 0]),
        list("ends", &[9, 1]),
        list("axes", &[1, -1]),
    ];
    let slice = node("Slice", &["x", "starts", "ends", "axes"], "h");
    let error = open(adding(&[slice], &twice)).unwrap_err();
    assert!(error.to_string().contains("do not fit together"), "{error}");
    for kind in [
        "NonZero",
        "Resize",
        "Compress",
        "Loop",
        "Scan",
        "SequenceAt",
        "NoSuch",
    ] {
        let error = open(adding(&[node(kind, &["x"], "h")], &[])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("not among the operators"), "{text}");
    }
}

#[test]
fn exported_computations_of_shapes_are_followed() {
    // What `expand(-1, 2)` of PyTorch becomes.
    let expand = [
        node("Shape", &["x"], "s"),
        node("Gather", &["s", "first"], "n"),
        node("Unsqueeze", &["n", "axis"], "rows"),
        with(
            node("Concat", &["rows", "two"], "wanted"),
            &[attribute("axis", &int(0))],
        ),
        with(
            node("ConstantOfShape", &["rank"], "ones"),
            &[attribute("value", &ints("", &[1], &[1]))],
        ),
        node("Mul", &["ones", "minus"], "minuses"),
        node("Equal", &["wanted", "minuses"], "is"),
        node("Where", &["is", "ones", "wanted"], "shape"),
        node("Expand", &["f", "shape"], "h"),
    ];
    let constants = [
        number("first", 0),
        list("axis", &[0]),
        list("two", &[-1]),
        list("rank", &[2]),
        number("minus", -1),
        floats("f", &[1, 2]),
    ];
    let model = open(adding(&expand, &constants)).unwrap();
    let records = [json!({"x": [1.0, 2.0]}), json!({"x": [3.0, 4.0]})];
    let vectors = model.embed_many(Side::User, &records, Reading::default());
    assert_eq!(vectors.unwrap(), [1.25, 2.25, 3.25, 4.25]);
}

#[test]
fn panics_and_long_runs_are_errors() {
    let panicked = runner::call(Duration::from_secs(9), |_| -> u32 { panic!("so it goes") });
    assert_eq!(
        panicked.unwrap_err().to_string(),
        "the runtime panicked: so it goes"
    );
    let short = Duration::from_millis(20);
    let long = || sleep(Duration::from_millis(200));
    let overrun = runner::call(short, move |_| long());
    assert!(matches!(overrun, Err(RunnerError::TimedOut(_))));
    let overrun = runner::on_large_stack(short, long);
    assert!(matches!(overrun, Err(RunnerError::TimedOut(_))));
    assert_eq!(runner::call(Duration::from_secs(9), |_| 7).unwrap(), 7);
}
