//! Traces and metrics: the events, spans and metrics of all crates, behind features.
//!
//! - Events ([`error!`], [`warn!`], [`debug!`]) are records of the crate `log`. With the feature `tracing` they are
//!   events of `tracing`, and records of `log` while no subscriber is set.
//! - Spans ([`info_span!`], [`debug_span!`], [`trace_span!`]) exist with the feature `tracing` alone. Without it they
//!   are nothing, and their fields are not evaluated.
//! - [`metrics`] declares every metric. Without the feature `metrics` nothing is recorded or timed: code that serves
//!   metrics alone stands behind [`METRICS`], a constant.
//!
//! Levels: `info` for what takes long and happens seldom (open, seal, merge, publish, check, repair, train), `debug`
//! for each call of a user (recall, put, refresh), `trace` for the stages of these.

mod metric;
pub mod metrics;
mod span;
mod stopwatch;

pub use metric::{Metric, MetricKind, Unit};
pub use metrics::describe;
#[cfg(not(feature = "tracing"))]
pub use span::{Entered, Span};
pub use span::{debug_span, info_span, trace_span};
pub use stopwatch::Stopwatch;

#[cfg(not(feature = "tracing"))]
pub use log::{debug, error, warn};
#[cfg(feature = "tracing")]
pub use tracing::{Span, debug, error, field::Empty, warn};

/// Whether metrics are recorded.
pub const METRICS: bool = cfg!(feature = "metrics");

/// The span that this thread is in, to be entered by the threads that work for it.
#[must_use]
pub fn current_span() -> Span {
    Span::current()
}
