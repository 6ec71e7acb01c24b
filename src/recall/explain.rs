//! What a recall did: how each segment was searched, how much of it was looked at, and what took how long.

use super::SCRATCH;
use crate::graph::SearchCounters;
use serde::Serialize;
use std::cell::RefCell;
use std::time::Instant;
use twinspire_core::ids::GenerationNo;

/// What a recall did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explain {
    /// What took how long.
    pub micros: StageMicros,
    /// Each search of a space, in order; an ensemble may search one several times, further each time.
    pub searches: Vec<SpaceSearch>,
    /// What an ensemble made of what they found, in order; empty if it was a recall of a space.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fusion: Vec<FusionStep>,
}

/// A step of the fusion of an ensemble.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FusionStep {
    /// What it was: a `list` of a channel or one that gives its `scale`, a `stage` of a cascade,
    /// what a channel took by its `quota`, the `fusion` of all, the choice for `diversity`.
    pub step: &'static str,
    /// The space that did it; none if it was of no one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// Items that the steps before gave; none of those that search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Items that were kept.
    pub kept: usize,
}

/// Microseconds of the stages of a recall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageMicros {
    /// Finding excluded items, and looking at the filters.
    pub prepare: f64,
    /// From the user's features to the query vector.
    pub query: f64,
    /// Searching, and fusing in an ensemble.
    pub search: f64,
    /// Ids and records of what was found.
    pub answer: f64,
}

/// A search of a space.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SpaceSearch {
    /// The space.
    pub space: String,
    /// The generation that answered.
    pub generation: GenerationNo,
    /// How wide the beams were asked to be; none if every item was scored.
    pub ef: Option<usize>,
    /// Items written since the last seal, which were scanned.
    pub late: usize,
    /// The share of the items that pass the filters, estimated; none without a filter.
    pub passing: Option<f64>,
    /// Its segments, oldest first.
    pub segments: Vec<SegmentSearch>,
}

/// A search of a segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentSearch {
    /// The number in the name of its file.
    pub file: u64,
    /// Vectors in it.
    pub nodes: usize,
    /// How it was searched.
    pub plan: &'static str,
    /// Nodes whose neighbours were looked at.
    pub expanded: u64,
    /// Nodes scored on the way, by their codes if there are any.
    pub scored: u64,
    /// Nodes scored by their vectors.
    pub ranked: u64,
    /// Microseconds it took.
    pub micros: f64,
}

/// Writes down what a recall does, if that is wanted.
#[derive(Default)]
pub(super) struct Trace {
    notes: Option<RefCell<(Explain, Instant)>>,
}

impl Trace {
    /// One that writes if `wanted`.
    pub(super) fn new(wanted: bool) -> Self {
        let notes = || RefCell::new((Explain::default(), Instant::now()));
        Self {
            notes: wanted.then(notes),
        }
    }

    /// A stage is over: what took the time since the last one.
    pub(super) fn stage(&self, which: impl FnOnce(&mut StageMicros) -> &mut f64) {
        if let Some(notes) = &self.notes {
            let (explain, since) = &mut *notes.borrow_mut();
            *which(&mut explain.micros) += micros(*since);
            *since = Instant::now();
        }
    }

    /// What took the time since the last stage belongs to none.
    pub(super) fn pass_over(&self) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().1 = Instant::now();
        }
    }

    /// A space is going to be searched.
    pub(super) fn space(&self, search: impl FnOnce() -> SpaceSearch) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().0.searches.push(search());
        }
    }

    /// A step of a fusion was done.
    pub(super) fn step(&self, step: impl FnOnce() -> FusionStep) {
        if let Some(notes) = &self.notes {
            notes.borrow_mut().0.fusion.push(step());
        }
    }

    /// Searches a segment by `search`, which tells its plan.
    pub(super) fn segment<E>(
        &self,
        file: u64,
        nodes: usize,
        search: impl FnOnce() -> Result<&'static str, E>,
    ) -> Result<(), E> {
        let Some(notes) = &self.notes else {
            return search().map(|_| ());
        };
        let work = || SCRATCH.with_borrow_mut(|scratch| std::mem::take(scratch.counters()));
        work();
        let since = Instant::now();
        let plan = search()?;
        let micros = micros(since);
        let SearchCounters {
            expanded,
            scored,
            ranked,
        } = work();
        if let Some(search) = notes.borrow_mut().0.searches.last_mut() {
            search.segments.push(SegmentSearch {
                file,
                nodes,
                plan,
                expanded,
                scored,
                ranked,
                micros,
            });
        }
        Ok(())
    }

    /// What was written down.
    pub(super) fn finish(self) -> Option<Explain> {
        self.notes.map(|notes| notes.into_inner().0)
    }
}

/// Counts vectors that were scored outside a walk.
pub(super) fn count_ranked(count: usize) {
    SCRATCH.with_borrow_mut(|scratch| scratch.counters().ranked += count as u64);
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64 / 1e3
}
