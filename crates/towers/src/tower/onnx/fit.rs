//! Whether a model takes what its layer reads, and gives what its layer should.

use super::Asked;
use super::outline::{Dim, F16, F32, F64, Outline, Port, Refused};

const I32: u64 = 6;
const I64: u64 = 7;
const BOOL: u64 = 9;

/// How a layer and its model go together.
#[derive(Debug, PartialEq)]
pub(super) struct Fit {
    /// In the order of the columns.
    pub(super) inputs: Vec<Slot>,
    /// The place of the output that is read among all, and its name.
    pub(super) output: (usize, String),
    /// Records at once, if not any number.
    pub(super) alone: bool,
    /// Numbers of a record.
    pub(super) width: usize,
    /// Numbers of the output.
    pub(super) units: usize,
}

/// An input and its columns.
#[derive(Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) width: usize,
    /// Whether its shape is that of the batch alone.
    pub(super) flat: bool,
    pub(super) takes: Takes,
}

/// What an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Numbers,
    Integers,
    /// 1 for what is not 0.
    Booleans,
}

impl Fit {
    /// Puts the two together.
    pub(super) fn new(outline: &Outline, asked: &Asked<'_>) -> Result<Self, Refused> {
        let mut alone = false;
        let mut inputs = Vec::new();
        match asked.inputs {
            Some(given) => {
                for input in given {
                    let port = named(&outline.inputs, "input", &input.name)?;
                    inputs.push(slot(port, Some(input.width as usize), &mut alone)?);
                }
                let forgotten = |port: &&Port| !inputs.iter().any(|slot| slot.name == port.name);
                if let Some(port) = outline.inputs.iter().find(forgotten) {
                    let what = "is not among the inputs of its layer";
                    return Err((format!("input {:?}", port.name), what.to_owned()));
                }
            }
            None => {
                for port in &outline.inputs {
                    inputs.push(slot(port, None, &mut alone)?);
                }
            }
        }
        let all = inputs.iter().map(|slot| slot.width);
        let all = all.fold(0, usize::saturating_add);
        if all != asked.width {
            let each = inputs
                .iter()
                .map(|slot| format!("{:?} {}", slot.name, slot.width));
            let each = each.collect::<Vec<_>>().join(", ");
            let what = format!(
                "take {all} numbers together ({each}), but {} layer {} reads {}",
                asked.side, asked.layer, asked.width
            );
            return Err(("inputs".to_owned(), what));
        }
        Ok(Self {
            output: output(outline, asked, alone)?,
            inputs,
            alone,
            width: asked.width,
            units: asked.units,
        })
    }
}

/// An input for so many numbers of a record, or for as many as it says.
fn slot(port: &Port, width: Option<usize>, alone: &mut bool) -> Result<Slot, Refused> {
    let wrong = |what: String| (format!("input {:?}", port.name), what);
    let shown = port.shown();
    let takes = match port.element {
        F32 | F16 | F64 => Takes::Numbers,
        I32 | I64 => Takes::Integers,
        BOOL => Takes::Booleans,
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
        Dim::Fixed(1) => *alone = true,
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
            "has {shown}, and its layer does not say how many numbers that is: give its inputs"
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
        takes,
    })
}

/// The output that is read.
fn output(outline: &Outline, asked: &Asked<'_>, alone: bool) -> Result<(usize, String), Refused> {
    let port = match (asked.output, outline.outputs.as_slice()) {
        (Some(name), all) => named(all, "output", name)?,
        (None, [one]) => one,
        (None, all) => {
            let what = format!(
                "are {} ({}), and its layer does not name one: give its output",
                all.len(),
                names(all)
            );
            return Err(("outputs".to_owned(), what));
        }
    };
    let wrong = |what: String| (format!("output {:?}", port.name), what);
    if ![F32, F16, F64].contains(&port.element) {
        let element = port.element;
        return Err(wrong(format!(
            "has type {element} of ONNX, not float (1), float16 (10) or double (11)"
        )));
    }
    let (units, shown) = (asked.units, port.shown());
    let fits = match port.shape.as_deref() {
        // Running it tells.
        None => true,
        Some([batch, columns]) => {
            let batch = match batch {
                Dim::Free(_) => true,
                Dim::Fixed(size) => alone && *size == 1,
            };
            batch && (matches!(columns, Dim::Free(_)) || *columns == Dim::Fixed(units as u64))
        }
        Some(_) => false,
    };
    if !fits {
        let batch = if alone { "1" } else { "batch" };
        return Err(wrong(format!("has {shown}, should be [{batch}, {units}]")));
    }
    let at = outline.outputs.iter().position(|other| other == port);
    Ok((at.unwrap_or(0), port.name.clone()))
}

fn named<'a>(ports: &'a [Port], what: &str, name: &str) -> Result<&'a Port, Refused> {
    let found = ports.iter().find(|port| port.name == name);
    found.ok_or_else(|| {
        let there = format!("is not there; there is {}", names(ports));
        (format!("{what} {name:?}"), there)
    })
}

fn names(ports: &[Port]) -> String {
    let each = ports.iter().map(|port| format!("{:?}", port.name));
    each.collect::<Vec<_>>().join(", ")
}
