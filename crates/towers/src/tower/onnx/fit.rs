//! Whether the inputs and outputs of a model fit its layer.

use super::onnx_layer::OnnxLayer;
use super::outline::{Dim, F16, F32, F64, Outline, Port};
use super::refusal::Refusal;
use crate::tower::schema::TokenPooling;

const I32: u64 = 6;
const I64: u64 = 7;
const BOOL: u64 = 9;

/// How the columns of a layer map to the inputs and output of its model.
#[derive(Debug, PartialEq)]
pub(super) struct Fit {
    /// The inputs, in the order of the columns.
    pub(super) inputs: Vec<Slot>,
    /// The index and name of the output that is read.
    pub(super) output: (usize, String),
    /// Whether the model runs one record at a time.
    pub(super) single: bool,
    /// Width of its input.
    pub(super) width: usize,
    /// Width of its output.
    pub(super) units: usize,
    /// How it reads the tokens of a text, if it does.
    pub(super) tokens: Option<Tokens>,
}

/// How a model reads the tokens of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Tokens {
    /// The columns of the mask: where they start, and how many there are.
    pub(super) mask: (usize, usize),
    /// Whether inputs may be cut to the longest text of a batch.
    pub(super) cut: bool,
    /// How the outputs for the tokens of a text become one.
    pub(super) pooling: Option<TokenPooling>,
}

/// An input and its columns.
#[derive(Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) width: usize,
    /// Whether its shape is `[batch]` instead of `[batch, width]`.
    pub(super) flat: bool,
    /// Whether the model takes any number of columns.
    pub(super) free: bool,
    /// Whether it has a column for each token.
    pub(super) tokens: bool,
    pub(super) element: Element,
}

/// The type of the elements of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Float,
    Integer,
    /// True for every number but 0.
    Bool,
}

impl Fit {
    /// Maps a layer to its model.
    pub(super) fn new(outline: &Outline, layer: &OnnxLayer<'_>) -> Result<Self, Refusal> {
        let mut single = false;
        let mut inputs = Vec::new();
        match layer.inputs {
            Some(given) => {
                for input in given {
                    let port = named(&outline.inputs, "input", &input.name)?;
                    inputs.push(slot(port, Some(input.width as usize), &mut single)?);
                }
                let unlisted = |port: &&Port| !inputs.iter().any(|slot| slot.name == port.name);
                if let Some(port) = outline.inputs.iter().find(unlisted) {
                    let what = "is not among the inputs of its layer";
                    return Err(Refusal::new(format!("input {:?}", port.name), what));
                }
            }
            None => {
                for port in &outline.inputs {
                    inputs.push(slot(port, None, &mut single)?);
                }
            }
        }
        let all = inputs.iter().map(|slot| slot.width);
        let all = all.fold(0, usize::saturating_add);
        if all != layer.width {
            let each = inputs
                .iter()
                .map(|slot| format!("{:?} {}", slot.name, slot.width));
            let each = each.collect::<Vec<_>>().join(", ");
            let what = format!(
                "take {all} numbers together ({each}), but {} layer {} reads {}",
                layer.side, layer.layer, layer.width
            );
            return Err(Refusal::new("inputs", what));
        }
        let tokens = tokens(layer, &mut inputs)?;
        Ok(Self {
            output: output(outline, layer, single)?,
            tokens,
            inputs,
            single,
            width: layer.width,
            units: layer.units,
        })
    }
}

/// An input of `width` numbers, or of as many as the model declares.
fn slot(port: &Port, width: Option<usize>, single: &mut bool) -> Result<Slot, Refusal> {
    let wrong = |what: String| Refusal::new(format!("input {:?}", port.name), what);
    let shown = port.shown();
    let element = match port.element {
        F32 | F16 | F64 => Element::Float,
        I32 | I64 => Element::Integer,
        BOOL => Element::Bool,
        other => {
            return Err(wrong(format!(
                "has type {other} of ONNX, not float (1), float16 (10), double (11), int32 (6), \
                 int64 (7) or bool (9)"
            )));
        }
    };
    let (batch, columns) = match port.shape.as_deref() {
        Some([batch]) => (batch, None),
        Some([batch, columns]) => (batch, Some(columns)),
        _ => return Err(wrong(format!("has {shown}, not [batch] or [batch, width]"))),
    };
    match batch {
        Dim::Free(_) => {}
        Dim::Fixed(1) => *single = true,
        Dim::Fixed(size) => {
            return Err(wrong(format!(
                "has {shown}, a batch of {size}: it should be of any number, or of 1"
            )));
        }
    }
    let own = match columns {
        None => Some(1),
        Some(Dim::Fixed(columns)) => usize::try_from(*columns).ok(),
        Some(Dim::Free(_)) => None,
    };
    let Some(width) = width.or(own) else {
        return Err(wrong(format!(
            "has {shown}, and its layer does not say how many numbers that is: list its inputs"
        )));
    };
    if own.is_some_and(|own| own != width) || width == 0 {
        let expected = format!("should be [batch, {width}]");
        return Err(wrong(format!("has {shown}, {expected}")));
    }
    Ok(Slot {
        name: port.name.clone(),
        width,
        flat: columns.is_none(),
        free: matches!(columns, Some(Dim::Free(_))),
        tokens: false,
        element,
    })
}

/// How the tokens of a layer are read, and which inputs have a column for each.
fn tokens(layer: &OnnxLayer<'_>, inputs: &mut [Slot]) -> Result<Option<Tokens>, Refusal> {
    let Some(given) = layer.tokens else {
        return Ok(None);
    };
    let (mut from, mut mask) = (0, None);
    for slot in &*inputs {
        if slot.name == given.mask && !slot.flat {
            mask = Some((from, slot.width));
        }
        from += slot.width;
    }
    let (from, width) = mask.ok_or_else(|| {
        let what = "is the mask of tokens, so it should have the shape [batch, tokens]";
        Refusal::new(format!("input {:?}", given.mask), what)
    })?;
    let mut cut = true;
    for slot in inputs.iter_mut().filter(|slot| slot.width == width) {
        slot.tokens = !slot.flat;
        cut &= slot.free;
    }
    Ok(Some(Tokens {
        mask: (from, width),
        cut,
        pooling: given.pooling,
    }))
}

/// The index and name of the output that is read.
fn output(
    outline: &Outline,
    layer: &OnnxLayer<'_>,
    single: bool,
) -> Result<(usize, String), Refusal> {
    let port = match (layer.output, outline.outputs.as_slice()) {
        (Some(name), all) => named(all, "output", name)?,
        (None, [one]) => one,
        (None, all) => {
            let what = format!(
                "are {} ({}), and its layer does not name one: set its output",
                all.len(),
                names(all)
            );
            return Err(Refusal::new("outputs", what));
        }
    };
    let wrong = |what: String| Refusal::new(format!("output {:?}", port.name), what);
    if ![F32, F16, F64].contains(&port.element) {
        let element = port.element;
        return Err(wrong(format!(
            "has type {element} of ONNX, not float (1), float16 (10) or double (11)"
        )));
    }
    let (units, shown) = (layer.units, port.shown());
    let pools = layer.tokens.is_some_and(|tokens| tokens.pooling.is_some());
    let fits = match port.shape.as_deref() {
        // Checked when it runs.
        None => true,
        Some([batch, middle @ .., columns]) if middle.len() == usize::from(pools) => {
            let batch = match batch {
                Dim::Free(_) => true,
                Dim::Fixed(size) => single && *size == 1,
            };
            batch && (matches!(columns, Dim::Free(_)) || *columns == Dim::Fixed(units as u64))
        }
        Some(_) => false,
    };
    if !fits {
        let batch = if single { "1" } else { "batch" };
        let middle = if pools { "tokens, " } else { "" };
        return Err(wrong(format!(
            "has {shown}, should be [{batch}, {middle}{units}]"
        )));
    }
    let at = outline.outputs.iter().position(|other| other == port);
    Ok((at.unwrap_or(0), port.name.clone()))
}

fn named<'a>(ports: &'a [Port], what: &str, name: &str) -> Result<&'a Port, Refusal> {
    let found = ports.iter().find(|port| port.name == name);
    found.ok_or_else(|| {
        let there = format!("does not exist; the model has {}", names(ports));
        Refusal::new(format!("{what} {name:?}"), there)
    })
}

fn names(ports: &[Port]) -> String {
    let each = ports.iter().map(|port| format!("{:?}", port.name));
    each.collect::<Vec<_>>().join(", ")
}
