//! One operator with what is known of its inputs.

use super::extent::{Extent, axis};
use super::graph::Node;

/// An operator with what is known of its inputs.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node<'a>,
    /// `None` for an input that is left out.
    pub(super) inputs: Vec<Option<&'a Extent>>,
}

/// What an operator gives and takes.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// Its outputs, as many as there can be.
    pub(super) outputs: Vec<Extent>,
    /// Elements of its scratch memory, beyond copies of its inputs.
    pub(super) scratch: u64,
    /// Arithmetic operations beyond a few for each element of its inputs and outputs.
    pub(super) work: u64,
}

/// Why the size of an output is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The operator is not among those that towers may use.
    Unsupported,
    /// The shape depends on numbers that are known only when the model runs.
    DependsOnData,
    /// The inputs and attributes do not fit together.
    DoesNotFit,
}

impl Outcome {
    /// Outputs that take no more than a few operations an element.
    pub(super) fn of(outputs: Vec<Extent>) -> Self {
        Self {
            outputs,
            scratch: 0,
            work: 0,
        }
    }

    /// One output of this shape.
    pub(super) fn shaped(dims: Vec<u64>) -> Self {
        Self::of(vec![Extent::of(dims)])
    }
}

impl<'a> Call<'a> {
    /// An input that may be left out.
    pub(super) fn optional(&self, at: usize) -> Option<&'a Extent> {
        self.inputs.get(at).copied().flatten()
    }

    /// An input.
    pub(super) fn input(&self, at: usize) -> Result<&'a Extent, Problem> {
        self.optional(at).ok_or(Problem::DoesNotFit)
    }

    /// The shape of an input.
    pub(super) fn dims(&self, at: usize) -> Result<&'a [u64], Problem> {
        self.input(at).map(|input| &*input.dims)
    }

    /// The integers of an input, or of the attribute that older models have instead; `None` if there is neither.
    pub(super) fn integers(&self, at: usize, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        match self.optional(at) {
            Some(input) => {
                let integers = input.integers();
                integers.ok_or(Problem::DependsOnData).map(Some)
            }
            None => Ok(self.node.ints(name).map(<[i64]>::to_vec)),
        }
    }

    /// The place of the axis that an attribute names, in a tensor of `rank` dimensions.
    pub(super) fn axis(&self, default: i64, rank: usize) -> Result<usize, Problem> {
        let named = self.node.int("axis").unwrap_or(default);
        axis(named, rank).ok_or(Problem::DoesNotFit)
    }

    /// [`axes`](Self::axes) of which none may be named twice: the runtime keeps to one of the two, whichever.
    pub(super) fn distinct_axes(named: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
        let axes = Self::axes(named, rank)?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        match sorted.len() == axes.len() {
            true => Ok(axes),
            false => Err(Problem::DoesNotFit),
        }
    }

    /// The places of axes in a tensor of `rank` dimensions.
    pub(super) fn axes(named: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
        let each = named
            .iter()
            .map(|named| axis(*named, rank).ok_or(Problem::DoesNotFit));
        each.collect()
    }
}

/// The element of a list, or that its owner does not fit.
pub(super) fn at<T: Copy>(list: &[T], place: usize) -> Result<T, Problem> {
    list.get(place).copied().ok_or(Problem::DoesNotFit)
}

/// A size that may not be negative.
pub(super) fn size(number: i64) -> Result<u64, Problem> {
    u64::try_from(number).map_err(|_| Problem::DoesNotFit)
}
