//! A recorder of the program sees what the library counts.

use super::{ENSEMBLE, SPACE, alone, live_through};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, with_local_recorder,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// The sum of each series and how often it was recorded, by name and labels.
#[derive(Clone, Default)]
struct Recorded(
    Arc<Mutex<BTreeMap<String, (f64, usize)>>>,
    Arc<Mutex<BTreeSet<String>>>,
);

struct Series(Recorded, String);

impl Recorded {
    fn series(&self, key: &Key) -> Arc<Series> {
        let mut name = key.name().to_owned();
        for label in key.labels() {
            name.push_str(&format!(" {}={}", label.key(), label.value()));
        }
        Arc::new(Series(self.clone(), name))
    }

    fn of(&self, series: &str) -> (f64, usize) {
        let all = self.0.lock().unwrap();
        *all.get(series)
            .unwrap_or_else(|| panic!("{series} in {:#?}", all.keys()))
    }
}

impl Series {
    fn update(&self, change: impl FnOnce(&mut f64)) {
        let mut all = self.0.0.lock().unwrap();
        let (sum, count) = all.entry(self.1.clone()).or_default();
        change(sum);
        *count += 1;
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.update(|sum| *sum += value as f64);
    }

    fn absolute(&self, value: u64) {
        self.update(|sum| *sum = value as f64);
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.update(|sum| *sum += value);
    }

    fn decrement(&self, value: f64) {
        self.update(|sum| *sum -= value);
    }

    fn set(&self, value: f64) {
        self.update(|sum| *sum = value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.update(|sum| *sum += value);
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[test]
fn a_recorder_sees_requests_writes_and_upkeep() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let recorded = Recorded::default();
    with_local_recorder(&recorded, || live_through(&dir.path().join("shop.twin")));
    let of = |series: &str| recorded.of(series);
    assert_eq!(
        of(&format!("twinspire_recalls_total target={SPACE}")).0,
        1.0
    );
    assert_eq!(
        of(&format!("twinspire_recalls_total target={ENSEMBLE}")).0,
        1.0
    );
    assert_eq!(of("twinspire_recall_errors_total kind=NotFound").0, 1.0);
    let (seconds, count) = of(&format!("twinspire_recall_seconds target={SPACE}"));
    assert!(count == 1 && seconds > 0.0, "{seconds}");
    let mut stages = 0.0;
    for stage in ["prepare", "query", "search", "answer"] {
        let (seconds, count) = of(&format!("twinspire_recall_stage_seconds stage={stage}"));
        assert_eq!(count, 2, "{stage}");
        stages += seconds;
    }
    let whole = seconds + of(&format!("twinspire_recall_seconds target={ENSEMBLE}")).0;
    assert!(stages <= whole, "{stages} of {whole} s");
    assert!(of("twinspire_visited_total").0 + of("twinspire_reranked_total").0 > 3.0);
    assert_eq!(of("twinspire_writes_total kind=put").0, 51.0);
    assert_eq!(of("twinspire_writes_total kind=delete").0, 1.0);
    assert_eq!(of("twinspire_write_seconds").1, 3);
    assert!(of("twinspire_fsyncs_total of=file").0 > 5.0);
    assert!(of("twinspire_fsyncs_total of=directory").0 > 2.0);
    assert_eq!(of("twinspire_fresh_items").0, 0.0, "all are sealed");
    // The publish seals first.
    assert_eq!(of("twinspire_seals_total").0, 2.0);
    assert_eq!(of("twinspire_merges_total of=items").0, 1.0);
    assert_eq!(of("twinspire_merges_total of=space").0, 1.0);
    assert_eq!(of("twinspire_publishes_total outcome=ok").0, 1.0);
    for stage in ["seal", "embed", "build", "activate"] {
        assert_eq!(
            of(&format!("twinspire_publish_stage_seconds stage={stage}")).1,
            1
        );
    }
    assert!(of("twinspire_refreshes_total").0 >= 1.0);
    let described = recorded.1.lock().unwrap();
    for series in recorded.0.lock().unwrap().keys() {
        let name = series.split(' ').next().unwrap();
        assert!(described.contains(name), "{name} is not described");
    }
}
