//! `docs/observability.md` lists every metric as it is declared.

use std::path::Path;
use twinspire_core::telemetry::{Metric, MetricKind, Unit, metrics};

/// The line of the table.
fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    let unit = match metric.unit {
        Unit::Count => "count",
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
    };
    let label = metric
        .label
        .map_or_else(String::new, |label| format!("`{label}`"));
    let (name, help) = (metric.name, metric.help.trim_end_matches('.'));
    format!("| `{name}` | {kind} | {unit} | {label} | {help} |")
}

#[test]
fn the_table_of_metrics_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/observability.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `twinspire_"));
    let declared: Vec<String> = metrics::ALL.iter().map(|metric| row(metric)).collect();
    let table = declared.join("\n");
    assert!(
        rows.eq(declared.iter().map(String::as_str)),
        "the table should be:\n{table}"
    );
}
