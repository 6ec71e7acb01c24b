//! Time for metrics.

#[cfg(feature = "metrics")]
use std::time::Instant;

/// Measures time with the feature `metrics`, and nothing without it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    #[cfg(feature = "metrics")]
    since: Instant,
}

#[cfg(feature = "metrics")]
impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    #[inline]
    pub fn start() -> Self {
        Self {
            since: Instant::now(),
        }
    }

    /// Seconds since the start.
    #[must_use]
    #[inline]
    pub fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    /// Seconds since the start, and starts again.
    #[must_use]
    #[inline]
    pub fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = now.duration_since(self.since).as_secs_f64();
        self.since = now;
        seconds
    }
}

#[cfg(not(feature = "metrics"))]
impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    #[inline]
    pub fn start() -> Self {
        Self {}
    }

    /// Seconds since the start.
    #[must_use]
    #[inline]
    pub fn seconds(&self) -> f64 {
        0.0
    }

    /// Seconds since the start, and starts again.
    #[must_use]
    #[inline]
    pub fn lap(&mut self) -> f64 {
        0.0
    }
}
