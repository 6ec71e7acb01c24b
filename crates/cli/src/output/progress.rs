//! Progress bars.

use indicatif::{ProgressBar, ProgressStyle};

/// What a progress bar counts.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Items, examples and the like.
    Count,
}

/// A visible bar. A total of 0 means unknown.
pub(super) fn bar(label: &'static str, total: u64, unit: Unit) -> ProgressBar {
    let (bar, template) = match (unit, total) {
        (_, 0) => (
            ProgressBar::no_length(),
            "{msg:>10} {spinner} {human_pos} {elapsed}",
        ),
        (Unit::Bytes, _) => (
            ProgressBar::new(total),
            "{msg:>10} [{bar:32}] {bytes}/{total_bytes} {eta}",
        ),
        (Unit::Count, _) => (
            ProgressBar::new(total),
            "{msg:>10} [{bar:32}] {human_pos}/{human_len} {eta}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(label);
    bar
}
