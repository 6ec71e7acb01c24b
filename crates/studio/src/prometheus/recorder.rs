//! Holds what this process records by the facade `metrics`.

use super::histogram::Buckets;
use super::text::Text;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    set_global_recorder,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Maximum number of series of a kind. Labels are names of spaces, stages and kinds of errors, so that only a program
/// that makes spaces without end comes near.
const MAX_SERIES: usize = 4_096;

static INSTALLED: OnceLock<Arc<Series>> = OnceLock::new();

/// Records the metrics of this process from now on, unless it has a recorder of its own. Says whether it does.
pub fn install() -> bool {
    if INSTALLED.get().is_some() {
        return true;
    }
    let series = Arc::new(Series::default());
    let is_first = set_global_recorder(Installed(Arc::clone(&series))).is_ok();
    if is_first {
        // Nobody else sets it: the facade takes one recorder.
        let _ = INSTALLED.set(series);
    }
    is_first
}

/// What was recorded, if the metrics of this process are.
pub fn installed() -> Option<&'static Series> {
    INSTALLED.get().map(|series| &**series)
}

/// All series, by their keys.
#[derive(Default)]
pub struct Series {
    help: RwLock<HashMap<String, SharedString>>,
    counters: Kind<AtomicU64>,
    gauges: Kind<AtomicU64>,
    histograms: Kind<Buckets>,
}

impl Series {
    /// Writes all families, by name.
    pub fn write(&self, text: &mut Text) {
        let number = |text: &mut Text, key: &Key, value| {
            text.sample((key.name(), ""), labels(key), value);
        };
        self.write_kind("counter", &self.counters, text, |text, key, count| {
            number(text, key, count.load(Ordering::Relaxed) as f64);
        });
        self.write_kind("gauge", &self.gauges, text, |text, key, bits| {
            number(text, key, f64::from_bits(bits.load(Ordering::Relaxed)));
        });
        self.write_kind("histogram", &self.histograms, text, |text, key, buckets| {
            let (buckets, sum) = buckets.read();
            for (bound, count) in &buckets {
                let bound = match bound.is_finite() {
                    true => bound.to_string(),
                    false => "+Inf".to_owned(),
                };
                let labels = labels(key).chain([("le", bound.as_str())]);
                text.sample((key.name(), "_bucket"), labels, *count as f64);
            }
            let count = buckets.last().map_or(0, |(_, count)| *count);
            text.sample((key.name(), "_sum"), labels(key), sum);
            text.sample((key.name(), "_count"), labels(key), count as f64);
        });
    }

    fn write_kind<T>(
        &self,
        kind: &str,
        series: &Kind<T>,
        text: &mut Text,
        write: impl Fn(&mut Text, &Key, &T),
    ) {
        let help = self.help.read().unwrap_or_else(PoisonError::into_inner);
        for (name, family) in series.families() {
            let help = help.get(&name).map_or("", |help| &**help);
            text.family(&name, kind, help);
            for (key, value) in family {
                write(text, &key, &value);
            }
        }
    }

    fn describe(&self, name: KeyName, help: SharedString) {
        let mut all = self.help.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.as_str().to_owned(), help);
    }
}

fn labels(key: &Key) -> impl Iterator<Item = (&str, &str)> {
    key.labels().map(|label| (label.key(), label.value()))
}

/// The series of one kind.
struct Kind<T>(RwLock<HashMap<Key, Arc<T>>>);

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Kind<T> {
    /// The series by family, in order.
    fn families(&self) -> BTreeMap<String, Vec<(Key, Arc<T>)>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut families: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (key, value) in &*all {
            let family = families.entry(key.name().to_owned()).or_default();
            family.push((key.clone(), Arc::clone(value)));
        }
        for family in families.values_mut() {
            family.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        }
        families
    }
}

impl<T: Default> Kind<T> {
    /// The series of a key, which is made if it is new. `None` if there are too many.
    fn of(&self, key: &Key) -> Option<Arc<T>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(key) {
            return Some(Arc::clone(known));
        }
        drop(known);
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SERIES && !all.contains_key(key) {
            return None;
        }
        Some(Arc::clone(all.entry(key.clone()).or_default()))
    }
}

/// The recorder that the facade holds.
struct Installed(Arc<Series>);

impl Recorder for Installed {
    fn describe_counter(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.0.describe(name, help);
    }

    fn describe_gauge(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.0.describe(name, help);
    }

    fn describe_histogram(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.0.describe(name, help);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        let found = self.0.counters.of(key);
        found.map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        let found = self.0.gauges.of(key);
        found.map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        let found = self.0.histograms.of(key);
        found.map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{counter, gauge, histogram, with_local_recorder};

    #[test]
    fn what_is_recorded_is_written_by_family() {
        let series = Arc::new(Series::default());
        with_local_recorder(&Installed(Arc::clone(&series)), || {
            metrics::describe_counter!("answers", "All answers.");
            counter!("answers", "of" => "b").increment(2);
            counter!("answers", "of" => "a").increment(1);
            counter!("answers", "of" => "b").increment(1);
            gauge!("fresh").set(7.5);
            histogram!("time").record(0.3);
        });
        let mut text = Text::default();
        series.write(&mut text);
        let text = text.finish();
        let answers = "# HELP answers All answers.\n# TYPE answers counter\n\
            answers{of=\"a\"} 1\nanswers{of=\"b\"} 3\n";
        assert!(text.contains(answers), "{text}");
        assert!(text.contains("# TYPE fresh gauge\nfresh 7.5\n"), "{text}");
        let buckets = "time_bucket{le=\"0.2\"} 0\ntime_bucket{le=\"0.5\"} 1\n";
        assert!(text.contains(buckets), "{text}");
        let sums = "time_bucket{le=\"+Inf\"} 1\ntime_sum 0.3\ntime_count 1\n";
        assert!(text.ends_with(sums), "{text}");
    }
}
