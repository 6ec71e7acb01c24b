//! Spans of Twinspire as traces of OpenTelemetry.
//!
//! ```sh
//! cargo run --release --manifest-path examples/opentelemetry/Cargo.toml
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 cargo run --release --manifest-path examples/opentelemetry/Cargo.toml
//! ```
//!
//! The first prints the spans. The second sends them to a collector by OTLP over HTTP, such as the one that Jaeger has
//! at this port.
//!
//! The spans of a recall nest in the one of the request: a handler of a web server enters a span for each request, and
//! sees how much of it was recall, and which stage.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use std::error::Error;
use tracing::info_span;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use twinspire::{Database, Metric, Towers};

fn main() -> Result<(), Box<dyn Error>> {
    let provider = SdkTracerProvider::builder();
    let provider = match std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Some(_) => provider.with_batch_exporter(SpanExporter::builder().with_http().build()?),
        None => provider.with_simple_exporter(opentelemetry_stdout::SpanExporter::default()),
    };
    let provider = provider.build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    // `INFO` shows upkeep alone, `DEBUG` each recall and put, `TRACE` their stages.
    let level = LevelFilter::TRACE;
    tracing_subscriber::registry()
        .with(level)
        .with(spans)
        .init();

    let dir = tempfile::tempdir()?;
    let db = Database::open(dir.path().join("shop.twin"))?;
    db.items().put_many(&[
        json!({"id": "B01", "title": "red shoes", "price": 12.5}),
        json!({"id": "B02", "title": "blue boots", "price": 80.0}),
    ])?;
    db.publish("looks")
        .towers(Towers::vectors_only("looks", 2, Metric::Cosine)?)
        .vectors([("B01", [1.0, 0.2]), ("B02", [0.1, 1.0])])
        .run()?;

    let request = info_span!("request", path = "/similar").entered();
    let hits = db
        .recall("looks")
        .vector(&[1.0, 0.0])
        .filter("price < 50")
        .top(1)?;
    drop(request);
    eprintln!("{}", hits[0].id);

    drop(db);
    provider.shutdown()?;
    Ok(())
}
