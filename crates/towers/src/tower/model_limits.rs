//! Limits of the models that towers run.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Limits of an ONNX model: what it may take before the process refuses it.
///
/// A model comes from elsewhere, and a few bytes of it can ask for terabytes. What it needs is computed from its
/// file before it runs; a model that exceeds a limit is refused, with the operator, the size and the limit.
///
/// The limits are those of the process: [`set_model_limits`] changes them for models that are opened later. They
/// start as [`ModelLimits::default`]; the environment variables `TWINSPIRE_MODEL_MEMORY_MB` and
/// `TWINSPIRE_MODEL_SECONDS` replace one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelLimits {
    /// Memory that one run may take, in bytes, in addition to eight times the size of the file. Batches are cut to fit. 1 GiB by
    /// default.
    pub memory: u64,
    /// Multiplications and additions of one run: 2³⁶ by default, about ten seconds of one core.
    pub operations: u64,
    /// Longest time of one run, after which its caller gets an error; one minute by default.
    pub time: Duration,
}

impl ModelLimits {
    /// The limits at the start, without environment variables.
    pub const DEFAULT: Self = Self {
        memory: 1 << 30,
        operations: 1 << 36,
        time: Duration::from_secs(60),
    };

    /// The same limits with another [`memory`](Self::memory).
    #[must_use]
    pub fn with_memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// The same limits with other [`operations`](Self::operations).
    #[must_use]
    pub fn with_operations(self, operations: u64) -> Self {
        Self { operations, ..self }
    }

    /// The same limits with another [`time`](Self::time).
    #[must_use]
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let mut limits = Self::DEFAULT;
        if let Some(megabytes) = number("TWINSPIRE_MODEL_MEMORY_MB") {
            limits.memory = megabytes.saturating_mul(1 << 20);
        }
        if let Some(seconds) = number("TWINSPIRE_MODEL_SECONDS") {
            limits.time = Duration::from_secs(seconds);
        }
        limits
    }
}

impl Default for ModelLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limits of the process; `None` before they are first asked for.
static LIMITS: RwLock<Option<ModelLimits>> = RwLock::new(None);

/// The limits of models that are opened from now on.
#[must_use]
pub fn model_limits() -> ModelLimits {
    let set = *LIMITS.read().unwrap_or_else(PoisonError::into_inner);
    set.unwrap_or_else(|| {
        let limits = ModelLimits::from_environment();
        *LIMITS
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(limits)
    })
}

/// Sets the limits of models that are opened from now on, in the whole process.
pub fn set_model_limits(limits: ModelLimits) {
    *LIMITS.write().unwrap_or_else(PoisonError::into_inner) = Some(limits);
}
