//! The rule of each operator gives the shapes that the runtime gives.

use super::Budget;
use super::call::Call;
use super::graph::Graph;
use super::rules::outcome;
use crate::tower::onnx::fit::Fit;
use crate::tower::onnx::runtime::operators;
use crate::tower::onnx::tests::{attribute, field, floats, int, ints, model, node, port, through};
use crate::tower::{ModelLimits, ModelResource, TowerFault};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rten::{ModelOptions, Value};
use std::collections::BTreeMap;

/// An input of a case: a shape and, for integers, their values.
#[derive(Clone, Debug)]
enum Input {
    Floats(Vec<u64>),
    Integers(Vec<u64>, Vec<i64>),
}

/// An operator with constant inputs, and the number of its outputs.
#[derive(Clone, Debug)]
struct Case {
    kind: &'static str,
    inputs: Vec<Input>,
    attributes: Vec<Vec<u8>>,
    outputs: usize,
}

fn case(kind: &'static str, inputs: Vec<Input>, attributes: Vec<Vec<u8>>) -> Case {
    Case {
        kind,
        inputs,
        attributes,
        outputs: 1,
    }
}

impl Case {
    fn file(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        let mut names = Vec::new();
        for (at, input) in self.inputs.iter().enumerate() {
            let name = format!("c{at}");
            graph.push(match input {
                Input::Floats(dims) => floats(&name, dims),
                Input::Integers(dims, values) => ints(&name, dims, values),
            });
            names.push(name);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut operator = node(self.kind, &names, "y0");
        for at in 1..self.outputs {
            operator.extend(field(2, format!("y{at}").as_bytes()));
        }
        operator.extend(self.attributes.concat());
        graph.push(field(1, &operator));
        graph.extend((0..self.outputs).map(|at| port(12, &format!("y{at}"), &[])));
        model(&graph)
    }

    /// The shapes of the outputs as the runtime gives them; `None` if it refuses the case.
    fn by_runtime(&self) -> Option<Vec<Vec<u64>>> {
        let file = self.file();
        let run = move || {
            let mut options = ModelOptions::with_ops(operators());
            options.enable_optimization(false);
            let model = options.load(file).ok()?;
            let outputs = model.run(Vec::new(), model.output_ids(), None).ok()?;
            Some(outputs.iter().map(shape).collect())
        };
        let done = crate::tower::onnx::runner::on_large_stack(ModelLimits::DEFAULT.time, run);
        done.ok().flatten()
    }

    /// The shapes of the outputs by the rule.
    fn by_rule(&self) -> Option<Vec<Vec<u64>>> {
        let file = self.file();
        let graph = Graph::read(&file).unwrap();
        let inputs = graph.constants.iter().map(|(_, extent)| Some(extent));
        let node = &graph.nodes[0];
        let call = Call {
            node,
            inputs: inputs.collect(),
        };
        let outcome = outcome(&call).ok()?;
        let given = outcome.outputs.into_iter().take(self.outputs);
        Some(given.map(|output| output.dims).collect())
    }
}

fn shape(value: &Value) -> Vec<u64> {
    fn of_rank<const N: usize>(value: &Value) -> Option<Vec<u64>> {
        let floats = value
            .clone()
            .into_shape_vec::<f32, N>()
            .map(|(shape, _)| shape);
        let integers = || {
            value
                .clone()
                .into_shape_vec::<i32, N>()
                .map(|(shape, _)| shape)
        };
        let shape = floats.or_else(|_| integers()).ok()?;
        Some(shape.iter().map(|size| *size as u64).collect())
    }
    let ranks = [
        of_rank::<0>,
        of_rank::<1>,
        of_rank::<2>,
        of_rank::<3>,
        of_rank::<4>,
        of_rank::<5>,
        of_rank::<6>,
    ];
    let mut found = ranks.iter().filter_map(|of_rank| of_rank(value));
    found.next().unwrap()
}

fn list(values: &[i64]) -> Input {
    Input::Integers(vec![values.len() as u64], values.to_vec())
}

fn scalar(value: i64) -> Input {
    Input::Integers(Vec::new(), vec![value])
}

/// An axis of a tensor, counted from either end, and at times one too many.
fn axis() -> impl Strategy<Value = i64> {
    -3i64..4
}

fn shapes(rank: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![1 => 0u64..1, 8 => 1u64..4], rank)
}

fn cases() -> impl Strategy<Value = Case> {
    let axis_of = |value: i64| attribute("axis", &int(value));
    let any_shape = || shapes(0..4);
    let some_ints = |range: std::ops::Range<i64>| prop::collection::vec(range, 0..4);
    let layouts = prop_oneof![
        (any_shape(), any_shape(), any::<bool>()).prop_map(|(a, b, more)| {
            let kind = if more { "Add" } else { "Pow" };
            case(kind, vec![Input::Floats(a), Input::Floats(b)], vec![])
        }),
        (any_shape(), axis(), any::<bool>()).prop_map(move |(a, axis, keep)| {
            let keep = attribute("keepdims", &int(i64::from(keep)));
            case("ArgMax", vec![Input::Floats(a)], vec![axis_of(axis), keep])
        }),
        (any_shape(), some_ints(-3..4), any::<bool>()).prop_map(|(a, axes, keep)| {
            let keep = attribute("keepdims", &int(i64::from(keep)));
            case("ReduceSum", vec![Input::Floats(a), list(&axes)], vec![keep])
        }),
        (shapes(1..4), axis(), 0u64..3).prop_map(move |(a, axis, more)| {
            let mut b = a.clone();
            if let Some(at) = super::extent::axis(axis, a.len()) {
                b[at] += more;
            }
            let inputs = vec![Input::Floats(a), Input::Floats(b)];
            case("Concat", inputs, vec![axis_of(axis)])
        }),
        some_ints(0..5).prop_map(|shape| case("ConstantOfShape", vec![list(&shape)], vec![])),
        (any_shape(), some_ints(0..4)).prop_map(|(a, shape)| case(
            "Expand",
            vec![Input::Floats(a), list(&shape)],
            vec![]
        )),
        (any_shape(), axis()).prop_map(move |(a, axis)| case(
            "Flatten",
            vec![Input::Floats(a)],
            vec![axis_of(axis)]
        )),
        (any_shape(), prop::collection::vec(0i64..4, 8)).prop_map(|(a, mut pads)| {
            pads.truncate(2 * a.len());
            case("Pad", vec![Input::Floats(a), list(&pads)], vec![])
        }),
        (-9i64..9, -9i64..9, -3i64..4).prop_map(|(a, b, c)| case(
            "Range",
            vec![scalar(a), scalar(b), scalar(c)],
            vec![]
        )),
        (any_shape(), some_ints(-1..5)).prop_map(|(a, shape)| case(
            "Reshape",
            vec![Input::Floats(a), list(&shape)],
            vec![]
        )),
        (any_shape(), 0usize..4, -1i64..1).prop_map(|(a, place, number)| {
            // The sizes from behind, one of them left to the runtime.
            let mut shape: Vec<i64> = a.iter().rev().map(|size| *size as i64).collect();
            if let Some(size) = shape.get_mut(place) {
                *size = number;
            }
            case("Reshape", vec![Input::Floats(a), list(&shape)], vec![])
        }),
        (any_shape(), axis(), axis()).prop_map(|(a, start, end)| {
            let bounds = [("start", start), ("end", end)];
            let bounds = bounds.map(|(name, at)| attribute(name, &int(at)));
            case("Shape", vec![Input::Floats(a)], bounds.into())
        }),
        any_shape().prop_map(|a| case("Size", vec![Input::Floats(a)], vec![])),
        (any_shape(), some_ints(-3..4)).prop_map(|(a, axes)| case(
            "Squeeze",
            vec![Input::Floats(a), list(&axes)],
            vec![]
        )),
        any_shape().prop_map(|a| case("Squeeze", vec![Input::Floats(a)], vec![])),
        (any_shape(), some_ints(-4..5)).prop_map(|(a, axes)| case(
            "Unsqueeze",
            vec![Input::Floats(a), list(&axes)],
            vec![]
        )),
        (any_shape(), some_ints(0..4)).prop_map(|(a, times)| case(
            "Tile",
            vec![Input::Floats(a), list(&times)],
            vec![]
        )),
        any_shape().prop_map(|a| case("Transpose", vec![Input::Floats(a)], vec![])),
    ];
    let selections = prop_oneof![
        (any_shape(), any_shape(), axis()).prop_map(move |(a, b, axis)| {
            let zeros = vec![0; super::extent::product(&b) as usize];
            let inputs = vec![Input::Floats(a), Input::Integers(b, zeros)];
            case("Gather", inputs, vec![axis_of(axis)])
        }),
        (shapes(1..4), shapes(1..3), 0i64..2).prop_map(|(a, b, batch)| {
            let zeros = vec![0; super::extent::product(&b) as usize];
            let inputs = vec![Input::Floats(a), Input::Integers(b, zeros)];
            case(
                "GatherND",
                inputs,
                vec![attribute("batch_dims", &int(batch))],
            )
        }),
        (any_shape(), 0i64..5, axis()).prop_map(move |(a, depth, axis)| {
            let zeros = vec![0; super::extent::product(&a) as usize];
            let values = Input::Floats(vec![2]);
            let inputs = vec![Input::Integers(a, zeros), scalar(depth), values];
            case("OneHot", inputs, vec![axis_of(axis)])
        }),
        (
            shapes(1..4),
            -5i64..6,
            -5i64..6,
            axis(),
            prop_oneof![-2i64..0, 1i64..3]
        )
            .prop_map(|(a, start, end, axis, step)| {
                let bounds = [start, end, axis, step].map(|number| list(&[number]));
                let inputs = [vec![Input::Floats(a)], bounds.into()].concat();
                case("Slice", inputs, vec![])
            }),
        (shapes(1..4), prop::collection::vec(0i64..4, 1..4), axis()).prop_map(
            move |(mut a, sizes, axis)| {
                if let Some(at) = super::extent::axis(axis, a.len()) {
                    a[at] = sizes.iter().sum::<i64>() as u64;
                }
                let inputs = vec![Input::Floats(a), list(&sizes)];
                Case {
                    outputs: sizes.len(),
                    ..case("Split", inputs, vec![axis_of(axis)])
                }
            }
        ),
        (shapes(1..4), 1usize..4, axis()).prop_map(move |(a, parts, axis)| Case {
            outputs: parts,
            ..case("Split", vec![Input::Floats(a)], vec![axis_of(axis)])
        }),
        (shapes(1..4), 0i64..4, axis()).prop_map(move |(a, k, axis)| Case {
            outputs: 2,
            ..case(
                "TopK",
                vec![Input::Floats(a), list(&[k])],
                vec![axis_of(axis)]
            )
        }),
    ];
    let sizes = || prop::collection::vec(1u64..4, 3);
    let positive = || prop::collection::vec(1u64..4, 1..4);
    let products = prop_oneof![
        (positive(), positive()).prop_map(|(mut a, mut b)| {
            // The runtime gives products of many matrices with a vector wrongly.
            if b.len() == 1 {
                a = a.split_off(a.len().saturating_sub(2));
            }
            // Often fits.
            let place = b.len().saturating_sub(2);
            b[place] = a[a.len() - 1];
            if a.len() > 2 && b.len() > 2 {
                a[0] = b[0];
            }
            case("MatMul", vec![Input::Floats(a), Input::Floats(b)], vec![])
        }),
        (sizes(), any::<bool>(), any::<bool>()).prop_map(|(s, a, b)| {
            let (m, k, n) = (s[0], s[1], s[2]);
            let left = if a { vec![k, m] } else { vec![m, k] };
            let right = if b { vec![n, k] } else { vec![k, n] };
            let turned = [("transA", a), ("transB", b)];
            let turned = turned.map(|(name, is)| attribute(name, &int(i64::from(is))));
            case(
                "Gemm",
                vec![Input::Floats(left), Input::Floats(right)],
                turned.into(),
            )
        }),
        (
            sizes(),
            sizes(),
            1i64..3,
            1i64..3,
            prop::collection::vec(0i64..3, 4)
        )
            .prop_map(|(s, kernel, stride, dilation, pads)| {
                let input = Input::Floats(vec![s[0], s[1], s[2] + 2, 5]);
                let weights = Input::Floats(vec![kernel[0], s[1], kernel[1], kernel[2]]);
                let attributes = [
                    ("strides", vec![stride, stride]),
                    ("dilations", vec![dilation, dilation]),
                    ("pads", pads),
                ];
                let attributes = attributes.map(|(name, list)| {
                    let each: Vec<u8> = list
                        .iter()
                        .flat_map(|number| {
                            let mut one = vec![8 << 3];
                            one.extend(&int(*number)[1..]);
                            one
                        })
                        .collect();
                    attribute(name, &each)
                });
                case("Conv", vec![input, weights], attributes.into())
            }),
        sizes().prop_map(|s| {
            let inputs = vec![
                Input::Floats(vec![s[0], s[1]]),
                Input::Floats(vec![s[1], s[2]]),
            ];
            let equation = attribute("equation", &field(4, b"ij, jk -> ki"));
            case("Einsum", inputs, vec![equation])
        }),
        (sizes(), 1u64..4, any::<bool>()).prop_map(|(s, hidden, gru)| {
            let (kind, gates) = if gru { ("GRU", 3) } else { ("LSTM", 4) };
            let weights = Input::Floats(vec![1, gates * hidden, s[2]]);
            let again = Input::Floats(vec![1, gates * hidden, hidden]);
            let mut attributes = vec![attribute("hidden_size", &int(hidden as i64))];
            if gru {
                // The only kind that the runtime has.
                attributes.push(attribute("linear_before_reset", &int(1)));
            }
            Case {
                outputs: 2,
                ..case(kind, vec![Input::Floats(s), weights, again], attributes)
            }
        }),
    ];
    prop_oneof![4 => layouts, 2 => selections, 2 => products]
}

#[test]
fn the_rule_of_each_operator_gives_the_shapes_that_the_runtime_gives() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut agreed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing = Vec::new();
    for _ in 0..1_000 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        let Some(due) = case.by_runtime() else {
            continue;
        };
        match case.by_rule() {
            Some(found) if found == due => *agreed.entry(case.kind).or_default() += 1,
            found => differing.push((case, found, due)),
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(agreed.len(), 29, "each operator was tried: {agreed:?}");
    assert!(agreed.values().all(|count| *count >= 3), "{agreed:?}");
}

/// The fault of a model under these limits; the model has `x` of two numbers as its input.
fn fault(nodes: &[Vec<u8>], limits: ModelLimits, rows: usize) -> Option<(String, TowerFault)> {
    let file = through(nodes);
    let outline = crate::tower::onnx::outline::Outline::read(&file).unwrap();
    let layer = crate::tower::onnx::OnnxLayer {
        side: crate::tower::Side::User,
        layer: 0,
        inputs: None,
        width: 2,
        output: None,
        units: 2,
        tokens: None,
    };
    let fit = Fit::new(&outline, &layer).ok()?;
    let checked = Budget::new(&file, limits).unwrap().check(&fit, rows);
    checked.err().map(|refusal| (refusal.place, refusal.fault))
}

#[test]
fn limits_count_all_outputs_and_all_arithmetic() {
    let nodes = [node("Relu", &["x"], "h"), node("Relu", &["h"], "y")];
    let file = through(&nodes).len() as u64;
    // Two outputs of two numbers, and a copy of an input and its scratch: 8 numbers of 4 bytes.
    let limits = |memory: u64, operations| {
        let memory = memory.wrapping_sub(8 * file);
        ModelLimits::DEFAULT
            .with_memory(memory)
            .with_operations(operations)
    };
    assert_eq!(fault(&nodes, ModelLimits::DEFAULT, 1), None);
    let (place, exceeds) = fault(&nodes, ModelLimits::DEFAULT.with_memory(0), 1 << 40).unwrap();
    assert_eq!(place, "operator Relu \"h\"");
    assert!(matches!(
        exceeds,
        TowerFault::Exceeds {
            of: ModelResource::Memory,
            ..
        }
    ));
    let of_work = fault(&nodes, limits(u64::MAX, 63), 1);
    let due = TowerFault::Exceeds {
        of: ModelResource::Operations,
        needed: 64,
        limit: 63,
    };
    assert_eq!(of_work, Some(("operator Relu \"y\"".to_owned(), due)));
    assert_eq!(fault(&nodes, limits(u64::MAX, 64), 1), None);
}
