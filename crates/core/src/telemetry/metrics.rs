//! Every metric, declared once. `docs/observability.md` has the same table, which a test compares.

use super::metric::{Metric, MetricKind, Unit};

/// Declares metrics, and the list of all.
macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal, $unit:ident $(by $label:literal)?, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $id: Metric =
                Metric::new($name, MetricKind::$kind, Unit::$unit, label!($($label)?), $help);
        )*

        /// All metrics, in the order of the documentation.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

macro_rules! label {
    () => {
        None
    };
    ($label:literal) => {
        Some($label)
    };
}

metrics! {
    RECALLS: Counter "twinspire_recalls_total", Count by "target",
        "Answers of a space or an ensemble; of a shard, contributions to answers.";
    RECALL_ERRORS: Counter "twinspire_recall_errors_total", Count by "kind",
        "Queries that were refused or failed, by kind of error.";
    RECALL_SECONDS: Histogram "twinspire_recall_seconds", Seconds by "target",
        "Time of an answer; in a batch, of its search and look-ups alone. Queries that share one scan count once.";
    RECALL_STAGE_SECONDS: Histogram "twinspire_recall_stage_seconds", Seconds by "stage",
        "Time of a stage of recalls: prepare, query, search, answer. A batch runs the first two once.";
    VISITED: Counter "twinspire_visited_total", Count,
        "Nodes that searches of indexes scored, by their codes where there are codes.";
    RERANKED: Counter "twinspire_reranked_total", Count,
        "Nodes that recalls scored by their vectors.";
    FILTER_CACHE: Counter "twinspire_filter_cache_total", Count by "outcome",
        "Look-ups in the filter cache, one a filtered segment: hit, miss, or fill.";
    PAGES_REQUESTED: Counter "twinspire_pages_requested_total", Count,
        "Vectors that were asked of the disk ahead of their use, in files larger than memory.";
    PAGES_RELEASED: Counter "twinspire_pages_released_total", Count,
        "Vectors whose memory was given back after their use, in files larger than memory.";
    WRITES: Counter "twinspire_writes_total", Count by "kind",
        "Acknowledged writes of items: put or delete.";
    WRITE_SECONDS: Histogram "twinspire_write_seconds", Seconds,
        "Time of a call that writes, from its check to its acknowledgement.";
    FSYNCS: Counter "twinspire_fsyncs_total", Count by "of",
        "Syncs to the disk: of a file or a directory. Those of the index of unsealed items are not counted.";
    FSYNC_SECONDS: Histogram "twinspire_fsync_seconds", Seconds by "of",
        "Time of a sync to the disk.";
    FRESH_ITEMS: Gauge "twinspire_fresh_items", Count,
        "Items in the journal that are not sealed yet.";
    JOURNAL_BYTES: Gauge "twinspire_journal_bytes", Bytes,
        "Size of the journal.";
    SEALS: Counter "twinspire_seals_total", Count,
        "Seals that wrote segments.";
    SEAL_SECONDS: Histogram "twinspire_seal_seconds", Seconds,
        "Time of a seal.";
    MERGES: Counter "twinspire_merges_total", Count by "of",
        "Merges of segments: of items or of a space.";
    MERGE_SECONDS: Histogram "twinspire_merge_seconds", Seconds by "of",
        "Time of a merge.";
    PUBLISHES: Counter "twinspire_publishes_total", Count by "outcome",
        "Publishes: ok, cancelled or error.";
    PUBLISH_SECONDS: Histogram "twinspire_publish_seconds", Seconds,
        "Time of a publish that succeeded.";
    PUBLISH_STAGE_SECONDS: Histogram "twinspire_publish_stage_seconds", Seconds by "stage",
        "Time of a stage of publishes: seal, embed, build (with audit), activate.";
    REFRESHES: Counter "twinspire_refreshes_total", Count,
        "Refreshes of read-only handles.";
    REFRESH_SECONDS: Histogram "twinspire_refresh_seconds", Seconds,
        "Time of a refresh.";
    BACKGROUND_ERRORS: Counter "twinspire_background_errors_total", Count,
        "Failures of the background thread.";
}

/// Tells the recorder in force what each metric means.
pub fn describe() {
    #[cfg(feature = "metrics")]
    metrics::with_recorder(|recorder| {
        for metric in ALL {
            metric.describe_to(recorder);
        }
    });
}

/// The stages of a recall, in order: the values of the label of [`RECALL_STAGE_SECONDS`].
pub const RECALL_STAGES: [&str; 4] = ["prepare", "query", "search", "answer"];

/// What a recall did.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecallWork {
    /// Seconds of the answer as a whole.
    pub seconds: f64,
    /// Seconds of each of the [stages](RECALL_STAGES); `None` for those that it did not run.
    pub stages: [Option<f64>; RECALL_STAGES.len()],
    /// Nodes scored in indexes.
    pub visited: u64,
    /// Nodes scored by their vectors.
    pub reranked: u64,
}

/// Records some answers of a space or an ensemble, which took this work together.
pub fn record_recall(target: &str, answers: u64, work: &RecallWork) {
    #[cfg(feature = "metrics")]
    keys::record(target, answers, work);
    #[cfg(not(feature = "metrics"))]
    let _ = (target, answers, work);
}

/// What a look-up in the filter cache found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// The passing nodes.
    Hit,
    /// Nothing.
    Miss,
    /// Nothing, and the recall adds them.
    Fill,
}

impl CacheOutcome {
    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Fill => "fill",
        }
    }
}

/// Counts a look-up in the filter cache.
pub fn record_filter_cache(outcome: CacheOutcome) {
    #[cfg(feature = "metrics")]
    keys::record_filter_cache(outcome);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}

/// Records the stages that a batch ran for all its queries.
pub fn record_recall_stages(stages: [Option<f64>; RECALL_STAGES.len()]) {
    #[cfg(feature = "metrics")]
    keys::record_stages(stages);
    #[cfg(not(feature = "metrics"))]
    let _ = stages;
}

/// Keys with labels, made once: a recall allocates nothing.
#[cfg(feature = "metrics")]
mod keys {
    use super::{
        CacheOutcome, FILTER_CACHE, RECALL_SECONDS, RECALL_STAGE_SECONDS, RECALL_STAGES, RECALLS,
        RERANKED, RecallWork, VISITED,
    };
    use metrics::Key;
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::sync::LazyLock;

    /// Maximum number of targets whose keys a thread keeps.
    const MAX_TARGETS: usize = 256;

    static STAGES: LazyLock<[Key; RECALL_STAGES.len()]> =
        LazyLock::new(|| RECALL_STAGES.map(|stage| RECALL_STAGE_SECONDS.key_for(stage)));

    const OUTCOMES: [CacheOutcome; 3] = [CacheOutcome::Hit, CacheOutcome::Miss, CacheOutcome::Fill];

    static FILTER_CACHE_KEYS: LazyLock<[Key; OUTCOMES.len()]> =
        LazyLock::new(|| OUTCOMES.map(|outcome| FILTER_CACHE.key_for(outcome.as_str())));

    pub(super) fn record_filter_cache(outcome: CacheOutcome) {
        if let Some(key) = FILTER_CACHE_KEYS.get(outcome as usize) {
            FILTER_CACHE.add_to(key, 1);
        }
    }

    /// The keys of a space or an ensemble.
    struct TargetKeys {
        recalls: Key,
        seconds: Key,
    }

    thread_local! {
        static TARGETS: RefCell<HashMap<Box<str>, TargetKeys>> = RefCell::default();
    }

    pub(super) fn record(target: &str, answers: u64, work: &RecallWork) {
        record_stages(work.stages);
        VISITED.add(work.visited);
        RERANKED.add(work.reranked);
        TARGETS.with_borrow_mut(|targets| {
            if !targets.contains_key(target) {
                if targets.len() >= MAX_TARGETS {
                    targets.clear();
                }
                let keys = TargetKeys {
                    recalls: RECALLS.key_for(target),
                    seconds: RECALL_SECONDS.key_for(target),
                };
                targets.insert(target.into(), keys);
            }
            if let Some(keys) = targets.get(target) {
                RECALLS.add_to(&keys.recalls, answers);
                RECALL_SECONDS.observe_in(&keys.seconds, work.seconds);
            }
        });
    }

    pub(super) fn record_stages(stages: [Option<f64>; RECALL_STAGES.len()]) {
        for (key, seconds) in STAGES.iter().zip(stages) {
            if let Some(seconds) = seconds {
                RECALL_STAGE_SECONDS.observe_in(key, seconds);
            }
        }
    }
}
