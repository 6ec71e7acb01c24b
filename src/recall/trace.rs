//! Records how an answer is found, for [`Explain`].

use super::explain::{Explain, FusionStep, SegmentPlan, SegmentSearch, SpaceSearch, StageMicros};
use super::scratch::SCRATCH;
use crate::graph::SearchCounters;
use std::cell::RefCell;
use std::time::Instant;

/// Records what a search does, if the recall is to be explained. The search is the same either way.
#[derive(Default)]
pub(super) struct Trace {
    /// What was recorded so far, and when the current stage began.
    record: Option<RefCell<(Explain, Instant)>>,
}

impl Trace {
    /// A trace that records if `explain` is set.
    pub(super) fn new(explain: bool) -> Self {
        Self::with_stages(explain, StageMicros::default())
    }

    /// A trace that records if `explain` is set, and starts from stages that have been timed already.
    pub(super) fn with_stages(explain: bool, micros: StageMicros) -> Self {
        let record = || {
            let explain = Explain {
                micros,
                ..Explain::default()
            };
            RefCell::new((explain, Instant::now()))
        };
        Self {
            record: explain.then(record),
        }
    }

    /// Ends a stage: adds the time since the end of the last one to its total.
    pub(super) fn end_stage(&self, stage: impl FnOnce(&mut StageMicros) -> &mut f64) {
        if let Some(record) = &self.record {
            let (explain, since) = &mut *record.borrow_mut();
            *stage(&mut explain.micros) += micros(*since);
            *since = Instant::now();
        }
    }

    /// Records that the search of a space begins.
    pub(super) fn begin_space(&self, search: impl FnOnce() -> SpaceSearch) {
        if let Some(record) = &self.record {
            record.borrow_mut().0.searches.push(search());
        }
    }

    /// Records a step of a fusion.
    pub(super) fn fusion_step(&self, step: impl FnOnce() -> FusionStep) {
        if let Some(record) = &self.record {
            record.borrow_mut().0.fusion.push(step());
        }
    }

    /// Runs the search of a segment, which returns its plan, and records its work.
    pub(super) fn segment<E>(
        &self,
        file: u64,
        nodes: usize,
        search: impl FnOnce() -> Result<SegmentPlan, E>,
    ) -> Result<(), E> {
        let Some(record) = &self.record else {
            return search().map(|_| ());
        };
        let take_counters =
            || SCRATCH.with_borrow_mut(|scratch| std::mem::take(scratch.counters()));
        take_counters();
        let since = Instant::now();
        let plan = search()?;
        let micros = micros(since);
        let SearchCounters {
            expanded,
            scored,
            ranked,
        } = take_counters();
        if let Some(search) = record.borrow_mut().0.searches.last_mut() {
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

    /// What was recorded; `None` if the recall is not to be explained.
    pub(super) fn finish(self) -> Option<Explain> {
        self.record.map(|record| record.into_inner().0)
    }
}

/// Microseconds since a moment.
pub(super) fn micros(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64 / 1e3
}
