//! Which outputs each layer reads, and how wide they are.

use super::description::{Schema, TowerSchema};
use super::layers::{From, INPUT, LayerKind, MAX_WIDTH, OnnxInput, OnnxTokens};
use crate::tower::error::TowerError;
use crate::tower::side::Side;
use std::collections::{HashMap, HashSet};

/// The largest number of features, layers, tables or names in a list.
pub(super) const MAX_PARTS: usize = 1024;
/// The largest width of the input and all outputs of a tower together: all are kept until the vector is computed.
const MAX_TOTAL: usize = 1 << 20;

/// The inputs and the output of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The outputs that it reads: 0 is the input of the tower, N + 1 the output of layer N.
    pub from: Vec<usize>,
    /// Width of its input: the sum of these outputs.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
}

impl Schema {
    /// The wiring of all layers of a tower.
    pub fn wiring(&self, side: Side, tower: &TowerSchema) -> Result<Vec<Wiring>, TowerError> {
        let input = self.widths(tower).iter().sum::<usize>();
        let place = |at: usize| format!("{side} layer {at}");
        let fits = |place: &dyn Fn() -> String, width: usize| {
            let what = format!("gives {width} numbers, not 1 to {MAX_WIDTH}");
            let fits = (1..=MAX_WIDTH as usize).contains(&width);
            fits.then_some(())
                .ok_or_else(|| TowerError::description(place(), what))
        };
        fits(&|| format!("{side} features"), input)?;
        let mut named = HashMap::from([(INPUT, 0)]);
        let mut widths = vec![input];
        let mut wirings = Vec::with_capacity(tower.layers.len());
        let mut has_model = false;
        for (at, layer) in tower.layers.iter().enumerate() {
            let wrong = |what: String| TowerError::description(place(at), what);
            let find = |name: &String| {
                let found = named.get(name.as_str()).copied();
                found.ok_or_else(|| {
                    wrong(format!(
                        "reads {name:?}, but no earlier layer has that name"
                    ))
                })
            };
            let from = match &layer.from {
                None => vec![at],
                Some(From::One(name)) => vec![find(name)?],
                Some(From::Many(names)) if names.len() <= MAX_PARTS => {
                    names.iter().map(find).collect::<Result<_, _>>()?
                }
                Some(From::Many(_)) => return Err(wrong(format!("reads more than {MAX_PARTS}"))),
            };
            let many = matches!(layer.kind, LayerKind::Add {} | LayerKind::Concat {});
            if many != (from.len() > 1) {
                let what = match many {
                    true => "reads one layer; from should be a list of two names or more",
                    false => "reads several layers, which only add and concat do",
                };
                return Err(wrong(what.to_owned()));
            }
            let read = || from.iter().filter_map(|slot| widths.get(*slot).copied());
            let inputs = read().sum();
            let outputs = match &layer.kind {
                LayerKind::Dense { units, .. } | LayerKind::Onnx { units, .. } => *units as usize,
                LayerKind::Add {} => {
                    let width = read().next().unwrap_or(0);
                    if read().any(|other| other != width) {
                        let all: Vec<_> = read().collect();
                        return Err(wrong(format!("adds outputs of different widths: {all:?}")));
                    }
                    width
                }
                _ => inputs,
            };
            fits(&|| place(at), outputs)?;
            match &layer.kind {
                LayerKind::FeatureWeights { units, .. } => {
                    check_size(&place(at), *units, MAX_WIDTH)?;
                    if from != [0] {
                        let what = "weighs features, so it should read the input";
                        return Err(wrong(what.to_owned()));
                    }
                }
                LayerKind::LayerNorm { epsilon } | LayerKind::BatchNorm { epsilon }
                    if !(epsilon.is_finite() && *epsilon > 0.0) =>
                {
                    return Err(wrong("epsilon must be finite and above 0".to_owned()));
                }
                LayerKind::Temperature { value } if !(value.is_finite() && *value > 0.0) => {
                    return Err(wrong("value must be finite and above 0".to_owned()));
                }
                LayerKind::Onnx {
                    inputs: given,
                    tokens,
                    ..
                } => {
                    if std::mem::replace(&mut has_model, true) {
                        return Err(wrong("a tower has one ONNX model at most".to_owned()));
                    }
                    if let Some(given) = given {
                        check_onnx_inputs(given, inputs).map_err(wrong)?;
                    }
                    if let Some(tokens) = tokens {
                        check_onnx_tokens(tokens, given.as_deref()).map_err(wrong)?;
                    }
                }
                _ => {}
            }
            if let Some(name) = &layer.name {
                let before = named.insert(name, at + 1);
                if name.is_empty() || before.is_some() {
                    let what = format!("the name {name:?} is empty or taken");
                    return Err(wrong(what));
                }
            }
            widths.push(outputs);
            if widths.iter().sum::<usize>() > MAX_TOTAL {
                let what = format!("with those before gives more than {MAX_TOTAL} numbers");
                return Err(wrong(what));
            }
            wirings.push(Wiring {
                from,
                inputs,
                outputs,
            });
        }
        Ok(wirings)
    }
}

/// Checks that the declared inputs of an ONNX model take exactly what its layer reads.
fn check_onnx_inputs(given: &[OnnxInput], read: usize) -> Result<(), String> {
    if given.is_empty() || given.len() > MAX_PARTS {
        return Err(format!("inputs are 1 to {MAX_PARTS}"));
    }
    let mut names = HashSet::new();
    for input in given {
        if input.name.is_empty() || !names.insert(&input.name) {
            let name = &input.name;
            return Err(format!("the input name {name:?} is empty or given twice"));
        }
        if !(1..=MAX_WIDTH).contains(&input.width) {
            let (name, width) = (&input.name, input.width);
            return Err(format!(
                "input {name:?} has a width of {width}, not 1 to {MAX_WIDTH}"
            ));
        }
    }
    let all = given
        .iter()
        .map(|input| input.width as usize)
        .sum::<usize>();
    let what = format!("its inputs take {all} numbers together, but it reads {read}");
    (all == read).then_some(()).ok_or(what)
}

/// Checks that the mask of tokens is a declared input.
fn check_onnx_tokens(tokens: &OnnxTokens, given: Option<&[OnnxInput]>) -> Result<(), String> {
    let Some(given) = given else {
        return Err("tokens are read by inputs, which should be listed".to_owned());
    };
    let mask = &tokens.mask;
    let found = given.iter().any(|input| input.name == *mask);
    let what = || format!("the mask {mask:?} of its tokens is not among its inputs");
    found.then_some(()).ok_or_else(what)
}

/// Checks that a size is between 1 and `most`.
pub(super) fn check_size(place: &str, found: u32, most: u32) -> Result<(), TowerError> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    let what = format!("a size of {found} is not between 1 and {most}");
    Err(TowerError::description(place, what))
}
