//! Operators that compute each element by itself. Values are followed where exporters compute shapes by them.

use super::call::{Call, Problem};
use super::extent::{Extent, MAX_VALUES, broadcast, broadcast_index};

/// Element types of ONNX that are floats; the runtime keeps them in 32 bits.
const FLOATS: [i64; 3] = [1, 10, 11];
/// Element types of ONNX that are integers, likewise.
const INTEGERS: [i64; 2] = [6, 7];

/// The output of an operator with the shape of its first input.
pub(super) fn unary(call: &Call<'_>) -> Result<Extent, Problem> {
    let input = call.input(0)?;
    let output = Extent::of(input.dims.clone());
    let Some(values) = input.values() else {
        return Ok(output);
    };
    let to = call.node.int("to");
    let is_one_of = |types: &[i64]| to.is_some_and(|to| types.contains(&to));
    let (compute, integer): (fn(f64) -> f64, bool) = match call.node.kind {
        "Identity" => (|x| x, input.integer),
        "Cast" if is_one_of(&FLOATS) => (|x| x, false),
        "Cast" if is_one_of(&INTEGERS) => (f64::trunc, true),
        "Neg" => (|x| -x, input.integer),
        "Abs" => (f64::abs, input.integer),
        "Ceil" => (f64::ceil, input.integer),
        "Floor" => (f64::floor, input.integer),
        "Not" if input.integer => (|x| f64::from(x == 0.0), true),
        _ => return Ok(output),
    };
    let values = values.iter().map(|value| compute(*value)).collect();
    Ok(output.with_values(values, integer))
}

/// The output of an operator whose inputs are broadcast to one shape.
pub(super) fn broadcast_all(call: &Call<'_>) -> Result<Extent, Problem> {
    let inputs = (0..call.inputs.len()).map(|at| call.input(at));
    let inputs = inputs.collect::<Result<Vec<&Extent>, _>>()?;
    let mut dims = Vec::new();
    for input in &inputs {
        dims = broadcast(&dims, &input.dims).ok_or(Problem::DoesNotFit)?;
    }
    let output = Extent::of(dims);
    let values: Option<Vec<_>> = inputs.iter().map(|input| input.values()).collect();
    let Some(values) = values.filter(|_| output.elements() <= MAX_VALUES as u64) else {
        return Ok(output);
    };
    let integer = inputs.last().is_some_and(|input| input.integer);
    // The condition of a choice is of another type than what it chooses from.
    let mut operands = inputs.iter().skip(usize::from(call.node.kind == "Where"));
    if operands.any(|input| input.integer != integer) || values.len() > 3 {
        return Ok(output);
    }
    let is_test = TESTS.contains(&call.node.kind);
    let mut computed = Vec::with_capacity(output.elements() as usize);
    for at in 0..output.elements() as usize {
        let own = inputs.iter().zip(&values).map(|(input, values)| {
            let own = broadcast_index(&input.dims, &output.dims, at);
            values.get(own).copied().unwrap_or(f64::NAN)
        });
        match compute(call.node.kind, &own.collect::<Vec<_>>(), integer) {
            Some(value) => computed.push(value),
            None => return Ok(output),
        }
    }
    Ok(output.with_values(computed, integer || is_test))
}

/// Operators that give 0 or 1.
const TESTS: [&str; 7] = [
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "And",
    "Or",
];

/// One element of the output; `None` for an operator by which no shape is computed.
fn compute(kind: &str, inputs: &[f64], integer: bool) -> Option<f64> {
    let yes = |is: bool| Some(f64::from(is));
    match (kind, inputs) {
        ("Add" | "Sum", [a, b]) => Some(a + b),
        ("Max", all) => all.iter().copied().reduce(f64::max),
        ("Min", all) => all.iter().copied().reduce(f64::min),
        ("Sub", [a, b]) => Some(a - b),
        ("Mul", [a, b]) => Some(a * b),
        ("Div", [_, 0.0]) => None,
        ("Div", [a, b]) if integer => Some((a / b).trunc()),
        ("Div", [a, b]) => Some(a / b),
        ("Equal", [a, b]) => yes(a == b),
        ("Greater", [a, b]) => yes(a > b),
        ("GreaterOrEqual", [a, b]) => yes(a >= b),
        ("Less", [a, b]) => yes(a < b),
        ("LessOrEqual", [a, b]) => yes(a <= b),
        ("And", [a, b]) => yes(*a != 0.0 && *b != 0.0),
        ("Or", [a, b]) => yes(*a != 0.0 || *b != 0.0),
        ("Where", [choice, a, b]) => Some(if *choice == 0.0 { *b } else { *a }),
        _ => None,
    }
}
