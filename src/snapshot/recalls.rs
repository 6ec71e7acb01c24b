//! Whether this process recalls. If it does, long work gives way to recalls.

use std::sync::atomic::{AtomicBool, Ordering};

static HAS_RECALLED: AtomicBool = AtomicBool::new(false);

/// Notes that a recall begins.
#[inline]
pub(crate) fn note_recall() {
    // A load alone leaves the cache line with all cores.
    if !HAS_RECALLED.load(Ordering::Relaxed) {
        HAS_RECALLED.store(true, Ordering::Relaxed);
    }
}

/// Whether any recall of this process has begun.
pub(crate) fn has_recalled() -> bool {
    HAS_RECALLED.load(Ordering::Relaxed)
}
