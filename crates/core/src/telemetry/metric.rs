//! One metric: its description, and how it is recorded.
//!
//! Keys without a label are constants. A key with a label is made for each call, except where a recall records it:
//! those are kept by their thread, because a recall allocates nothing but its answer.

#[cfg(feature = "metrics")]
use metrics::{Key, Label, Level, Metadata, Recorder, with_recorder};

/// How a metric is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that grows.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// The distribution of a number.
    Histogram,
}

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A count of what the name says.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A metric: its name, and what it means.
#[derive(Debug)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// How it is recorded.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: Unit,
    /// The label that its series have.
    pub label: Option<&'static str>,
    /// What it means.
    pub help: &'static str,
    #[cfg(feature = "metrics")]
    key: Key,
}

impl Metric {
    pub(super) const fn new(
        name: &'static str,
        kind: MetricKind,
        unit: Unit,
        label: Option<&'static str>,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            label,
            help,
            #[cfg(feature = "metrics")]
            key: Key::from_static_name(name),
        }
    }
}

#[cfg(feature = "metrics")]
static METADATA: Metadata<'static> = Metadata::new("twinspire", Level::INFO, Some("twinspire"));

#[cfg(feature = "metrics")]
impl Metric {
    /// Adds to a counter.
    #[inline]
    pub fn add(&self, count: u64) {
        self.add_to(&self.key, count);
    }

    /// Adds to the counter of a label's value.
    pub fn add_for(&self, value: &str, count: u64) {
        self.add_to(&self.key_for(value), count);
    }

    /// Adds a number to a distribution.
    #[inline]
    pub fn observe(&self, number: f64) {
        self.observe_in(&self.key, number);
    }

    /// Adds a number to the distribution of a label's value.
    pub fn observe_for(&self, value: &str, number: f64) {
        self.observe_in(&self.key_for(value), number);
    }

    /// Sets a gauge.
    pub fn set(&self, number: f64) {
        with_recorder(|recorder| recorder.register_gauge(&self.key, &METADATA).set(number));
    }

    /// Tells a recorder what the metric means.
    pub(super) fn describe_to(&self, recorder: &dyn Recorder) {
        let unit = match self.unit {
            Unit::Count => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
            Unit::Bytes => metrics::Unit::Bytes,
        };
        let (name, unit, help) = (self.name.into(), Some(unit), self.help.into());
        match self.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => recorder.describe_histogram(name, unit, help),
        }
    }

    pub(super) fn add_to(&self, key: &Key, count: u64) {
        with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(count));
    }

    pub(super) fn observe_in(&self, key: &Key, number: f64) {
        with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(number));
    }

    pub(super) fn key_for(&self, value: &str) -> Key {
        let label = |name| Label::new(name, value.to_owned());
        Key::from_parts(
            self.name,
            self.label.map(label).into_iter().collect::<Vec<_>>(),
        )
    }
}

#[cfg(not(feature = "metrics"))]
impl Metric {
    /// Adds to a counter.
    #[inline]
    pub fn add(&self, _count: u64) {}

    /// Adds to the counter of a label's value.
    #[inline]
    pub fn add_for(&self, _value: &str, _count: u64) {}

    /// Adds a number to a distribution.
    #[inline]
    pub fn observe(&self, _number: f64) {}

    /// Adds a number to the distribution of a label's value.
    #[inline]
    pub fn observe_for(&self, _value: &str, _number: f64) {}

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, _number: f64) {}
}
