//! Spans, and what stands for them without the feature `tracing`.

#[cfg(feature = "tracing")]
pub use tracing::{debug_span, info_span, trace_span};

/// A span that records nothing.
#[cfg(not(feature = "tracing"))]
#[derive(Clone, Debug)]
pub struct Span;

/// A span that records nothing, entered.
#[cfg(not(feature = "tracing"))]
#[derive(Debug)]
pub struct Entered;

#[cfg(not(feature = "tracing"))]
impl Span {
    /// The span that this thread is in.
    pub(super) fn current() -> Self {
        Self
    }

    /// Enters the span until the guard is dropped.
    #[inline]
    pub fn entered(self) -> Entered {
        Entered
    }

    /// Runs `work` in the span.
    #[inline]
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// Gives a field its value.
    #[inline]
    pub fn record<T>(&self, _field: &str, _value: T) -> &Self {
        self
    }

    /// Whether someone sees the span.
    #[inline]
    pub fn is_disabled(&self) -> bool {
        true
    }
}

// Without a destructor a guard would be a value that nobody uses.
#[cfg(not(feature = "tracing"))]
impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {}
}

/// A span that records nothing.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! no_span {
    ($($fields:tt)*) => {
        $crate::telemetry::Span
    };
}

#[cfg(not(feature = "tracing"))]
pub use no_span as info_span;
#[cfg(not(feature = "tracing"))]
pub use no_span as debug_span;
#[cfg(not(feature = "tracing"))]
pub use no_span as trace_span;
