//! Metrics of a recall: time by stage, and nodes visited and re-ranked.

use super::scratch::SCRATCH;
use super::stage::Stage;
use crate::graph::SearchCounters;
use std::cell::Cell;
use twinspire_core::telemetry::metrics::{self, RecallWork};
use twinspire_core::telemetry::{METRICS, Stopwatch};

/// Collects the metrics of one recall. [`start`](Self::start) returns `None` unless the feature `metrics` is on.
pub(super) struct Meter {
    whole: Stopwatch,
    stage: Cell<Stopwatch>,
    work: Cell<RecallWork>,
    /// Seconds of the set-up; `None` for a query of a batch.
    prepare: Option<f64>,
}

impl Meter {
    /// Starts to measure a recall whose set-up took `prepare` seconds. `None` for a query of a batch, which shares its
    /// set-up and query vectors with the others.
    #[inline]
    pub(super) fn start(prepare: Option<f64>) -> Option<Self> {
        METRICS.then(|| {
            take_counters();
            let now = Stopwatch::start();
            Self {
                whole: now,
                stage: Cell::new(now),
                work: Cell::default(),
                prepare,
            }
        })
    }

    /// Ends a stage.
    pub(super) fn end_stage(&self, stage: Stage) {
        let mut watch = self.stage.get();
        let seconds = watch.lap();
        self.stage.set(watch);
        if self.prepare.is_some() || stage > Stage::Query {
            self.update(|work| {
                if let Some(sum) = work.stages.get_mut(stage as usize) {
                    *sum = Some(sum.unwrap_or_default() + seconds);
                }
            });
        }
    }

    /// Adds the work of a search of a segment.
    pub(super) fn add(&self, counters: &SearchCounters) {
        self.update(|work| {
            work.visited += counters.scored;
            work.reranked += counters.ranked;
        });
    }

    /// Records some answers of a space or an ensemble.
    pub(super) fn record(&self, target: &str, answers: u64) {
        self.add(&take_counters());
        let mut work = self.work.get();
        let [prepare, ..] = &mut work.stages;
        *prepare = self.prepare;
        work.seconds = self.whole.seconds() + self.prepare.unwrap_or_default();
        metrics::record_recall(target, answers, &work);
    }

    fn update(&self, change: impl FnOnce(&mut RecallWork)) {
        let mut work = self.work.get();
        change(&mut work);
        self.work.set(work);
    }
}

/// The work of this thread's searches since the last call.
pub(super) fn take_counters() -> SearchCounters {
    SCRATCH.with_borrow_mut(|scratch| std::mem::take(scratch.counters()))
}
