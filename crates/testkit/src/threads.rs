//! Threads of tests that run until the test is over.

use std::sync::atomic::{AtomicBool, Ordering};

/// Sets a flag when it is dropped: at the end of a scope, and when the test fails inside it. Threads that run until
/// the flag is set would otherwise run for ever after a failure.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
