//! What a model needs, computed before the runtime sees it.
//!
//! A few bytes of a file can ask for terabytes: `Expand`, `Tile`, `Range`, a chain of `Concat`. The runtime
//! allocates what is asked for, and a failed allocation aborts the process. So the shape of every output is
//! computed here first, from the shapes of the inputs and the constants of the file, for a given number of
//! records. Integers are followed where exporters compute shapes by them. A model is refused if
//! - an operator is not known, or the shape of its output depends on the records;
//! - all outputs and the largest scratch memory together take more than [`ModelLimits::memory`];
//! - arithmetic takes more than [`ModelLimits::operations`].
//!
//! [`graph`] reads the file, [`rules`] has the rule of each operator, [`extent`] what is known of a tensor.

mod arithmetic;
mod call;
mod extent;
mod graph;
mod layout;
mod products;
mod rules;
mod selection;
#[cfg(test)]
mod tests;

use super::fit::Fit;
use super::refusal::{Excess, Refusal};
use crate::tower::error::ModelResource;
use crate::tower::model_limits::ModelLimits;
use call::{Call, Outcome, Problem};
use extent::Extent;
use graph::{Graph, Node};
use std::collections::{HashMap, HashSet};

/// Bytes of an element while a model runs: the runtime keeps halves and doubles in 32 bits.
const ELEMENT: u64 = 4;
/// A model may also take this many times the bytes of its file: converted weights, and copies of them.
const FILES: u64 = 8;
/// Arithmetic operations for an element of an input or output.
const OPERATIONS: u64 = 8;
/// The most dimensions of a tensor.
const MAX_RANK: usize = 32;

/// A model whose operators are in order and known by name.
pub(super) struct Budget<'a> {
    graph: Graph<'a>,
    /// The operators, each after those it reads from.
    order: Vec<usize>,
    memory: u64,
    limits: ModelLimits,
}

impl<'a> Budget<'a> {
    /// Reads a model that was read as an outline before.
    pub(super) fn new(file: &'a [u8], limits: ModelLimits) -> Result<Self, Refusal> {
        let graph = Graph::read(file)?;
        let order = order(&graph)?;
        let memory = limits
            .memory
            .saturating_add((file.len() as u64).saturating_mul(FILES));
        Ok(Self {
            graph,
            order,
            memory,
            limits,
        })
    }

    /// Refuses the model if it needs more than its limits for `rows` records at once.
    pub(super) fn check(&self, fit: &Fit, rows: usize) -> Result<(), Refusal> {
        let mut known: HashMap<&str, Extent> = HashMap::new();
        for (name, constant) in &self.graph.constants {
            known.insert(name, constant.clone());
        }
        for slot in &fit.inputs {
            let shape = [rows as u64, slot.width as u64];
            let shape = if slot.flat { &shape[..1] } else { &shape[..] };
            known.insert(&slot.name, Extent::of(shape.to_vec()));
        }
        let (mut kept, mut scratch, mut work) = (0u64, 0u64, 0u64);
        for node in self.order.iter().filter_map(|at| self.graph.nodes.get(*at)) {
            let (taken, outcome) = outcome(node, &known)?;
            let given = outcome.outputs.iter().take(node.outputs.len());
            let given = sum(given.map(Extent::elements));
            kept = kept.saturating_add(given);
            let copies = taken.saturating_mul(2).saturating_add(outcome.scratch);
            scratch = scratch.max(copies);
            let elements = taken.saturating_add(given).saturating_mul(OPERATIONS);
            work = work.saturating_add(outcome.work).saturating_add(elements);
            let bytes = kept.saturating_add(scratch).saturating_mul(ELEMENT);
            let exceeded = |needed, limit, of| {
                Err(Refusal::exceeded(
                    node.place(),
                    Excess { of, needed, limit },
                ))
            };
            if bytes > self.memory {
                return exceeded(bytes, self.memory, ModelResource::Memory);
            }
            if work > self.limits.operations {
                return exceeded(work, self.limits.operations, ModelResource::Operations);
            }
            for (name, output) in node.outputs.iter().zip(outcome.outputs) {
                known.insert(name, output);
            }
        }
        Ok(())
    }
}

/// The elements that an operator reads, and what it gives.
fn outcome(node: &Node<'_>, known: &HashMap<&str, Extent>) -> Result<(u64, Outcome), Refusal> {
    let input = |name: &&str| match *name {
        "" => Ok(None),
        name => match known.get(name) {
            Some(input) => Ok(Some(input)),
            None => Err(Refusal::new(
                node.place(),
                format!("reads {name:?}, which nothing gives"),
            )),
        },
    };
    let inputs = node
        .inputs
        .iter()
        .map(input)
        .collect::<Result<Vec<_>, _>>()?;
    let taken = sum(inputs.iter().flatten().map(|input| input.elements()));
    let outcome = rules::outcome(&Call { node, inputs });
    let fits = |outcome: &Outcome| {
        outcome
            .outputs
            .iter()
            .all(|output| output.dims.len() <= MAX_RANK)
    };
    let outcome = outcome.and_then(|outcome| match fits(&outcome) {
        true => Ok(outcome),
        false => Err(Problem::DoesNotFit),
    });
    let outcome = outcome.map_err(|problem| {
        let what = match problem {
            Problem::Unsupported => "is not among the operators that towers may use",
            Problem::DependsOnData => {
                "gives an output whose shape depends on the records, so its size has no bound"
            }
            Problem::DoesNotFit => "has inputs or attributes that do not fit together",
        };
        Refusal::new(node.place(), what)
    })?;
    Ok((taken, outcome))
}

/// The operators, each after those it reads from.
fn order(graph: &Graph<'_>) -> Result<Vec<usize>, Refusal> {
    let mut names: HashSet<&str> = HashSet::new();
    let twice = |name: &str| {
        let what = "is given twice: names in a model are unique";
        Refusal::new(format!("tensor {name:?}"), what)
    };
    for (name, _) in graph.constants.iter().filter(|(name, _)| !name.is_empty()) {
        if !names.insert(name) {
            return Err(twice(name));
        }
    }
    let mut givers: HashMap<&str, usize> = HashMap::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if !names.insert(name) {
                return Err(twice(name));
            }
            givers.insert(name, at);
        }
    }
    // The operators that wait for each one, and how many each one waits for.
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut open = vec![0usize; graph.nodes.len()];
    for ((at, node), open) in graph.nodes.iter().enumerate().zip(&mut open) {
        for giver in node.inputs.iter().filter_map(|name| givers.get(name)) {
            if let Some(waiting) = waiting.get_mut(*giver) {
                waiting.push(at);
                *open += 1;
            }
        }
    }
    let ready = open.iter().enumerate().filter(|(_, open)| **open == 0);
    let mut order: Vec<usize> = ready.map(|(at, _)| at).collect();
    let mut done = 0;
    while let Some(at) = order.get(done).copied() {
        done += 1;
        for next in waiting.get(at).into_iter().flatten() {
            if let Some(open) = open.get_mut(*next) {
                *open -= 1;
                if *open == 0 {
                    order.push(*next);
                }
            }
        }
    }
    match order.len() == graph.nodes.len() {
        true => Ok(order),
        false => Err(Refusal::file("has operators that read their own output")),
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}
