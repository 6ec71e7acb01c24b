//! Records how an answer is found: for [`Explain`], for metrics and for spans.

use super::explain::{
    Explain, FusionStep, SegmentPlan, SegmentSearch, SpaceSearch, StageMicros, WordSearch,
};
use super::meter::{Meter, take_counters};
use super::stage::Stage;
use crate::graph::SearchCounters;
use std::cell::RefCell;
use std::time::Instant;
use twinspire_core::telemetry::{self, METRICS};

/// Records what a search does: for [`Explain`], if the recall is to be explained, for metrics and for spans. The
/// search is the same either way.
#[derive(Default)]
pub(super) struct Trace {
    /// What was recorded so far, and when the current stage began.
    record: Option<RefCell<(Explain, Instant)>>,
    /// What is measured for metrics.
    meter: Option<Meter>,
}

impl Trace {
    /// A trace that records for `Explain` if `explain` is set, and starts from stages that have been timed already.
    /// Of a batch, `in_batch` says that the query vector has been made too.
    pub(super) fn new(explain: bool, micros: StageMicros, in_batch: bool) -> Self {
        let record = || {
            let explain = Explain {
                micros,
                ..Explain::default()
            };
            RefCell::new((explain, Instant::now()))
        };
        Self {
            record: explain.then(record),
            meter: Meter::start((!in_batch).then_some(micros.prepare / 1e6)),
        }
    }

    /// Ends a stage: adds the time since the end of the last one to its total.
    pub(super) fn end_stage(&self, stage: Stage) {
        if let Some(record) = &self.record {
            let (explain, since) = &mut *record.borrow_mut();
            let total = match stage {
                Stage::Query => &mut explain.micros.query,
                Stage::Search => &mut explain.micros.search,
                Stage::Answer => &mut explain.micros.answer,
            };
            *total += micros(*since);
            *since = Instant::now();
        }
        if let Some(meter) = self.meter() {
            meter.end_stage(stage);
        }
    }

    /// Records that the search of a space begins.
    pub(super) fn begin_space(&self, search: impl FnOnce() -> SpaceSearch) {
        if let Some(record) = &self.record {
            record.borrow_mut().0.searches.push(search());
        }
    }

    /// Records the query of a lexical space.
    pub(super) fn words(&self, search: impl FnOnce() -> WordSearch) {
        if let Some(record) = &self.record {
            record.borrow_mut().0.words.push(search());
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
        let span = telemetry::trace_span!(
            "segment",
            file,
            nodes,
            plan = telemetry::Empty,
            expanded = telemetry::Empty,
            scored = telemetry::Empty,
            ranked = telemetry::Empty,
        );
        if self.record.is_none() && span.is_disabled() {
            return search().map(|_| ());
        }
        self.count();
        let since = Instant::now();
        let plan = span.in_scope(search)?;
        let micros = micros(since);
        let counters = self.count();
        let SearchCounters {
            expanded,
            scored,
            ranked,
        } = counters;
        span.record("plan", format_args!("{plan}"))
            .record("expanded", expanded)
            .record("scored", scored)
            .record("ranked", ranked);
        let Some(record) = &self.record else {
            return Ok(());
        };
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

    /// What measures, which is nothing without the feature `metrics`: the compiler knows.
    fn meter(&self) -> Option<&Meter> {
        self.meter.as_ref().filter(|_| METRICS)
    }

    /// Takes the counters of this thread, and adds them to the metrics.
    fn count(&self) -> SearchCounters {
        let counters = take_counters();
        if let Some(meter) = self.meter() {
            meter.add(&counters);
        }
        counters
    }

    /// Records some answers of a space or an ensemble for metrics.
    pub(super) fn measure(&self, target: &str, answers: u64) {
        if let Some(meter) = self.meter() {
            meter.record(target, answers);
        }
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
