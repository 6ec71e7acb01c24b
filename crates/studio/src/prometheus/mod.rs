//! The page `/metrics` in the text format of Prometheus.
//!
//! It has two parts: the state of the database, read from its statistics for each answer, and what this process has
//! recorded by the facade `metrics`, if the studio [records](install). The recorder is our own, of some two hundred
//! lines: the exporter that exists brings a dozen crates, and estimates quantiles, which cannot be added up over
//! processes. Histograms have fixed bounds here.

mod database;
mod histogram;
mod recorder;
mod text;

pub use recorder::install;

use crate::api::State;
use crate::http::Response;
use text::Text;

/// Answers a request of `/metrics`.
pub fn answer(state: &State) -> Response {
    let mut text = Text::default();
    if let Err(error) = database::write(state, &mut text) {
        return Response::text(500, &format!("the database cannot be read: {error}"));
    }
    if let Some(recorder) = recorder::installed() {
        recorder.write(&mut text);
    }
    Response {
        content_type: "text/plain; version=0.0.4; charset=utf-8",
        ..Response::bytes(text.finish().into_bytes())
    }
}
