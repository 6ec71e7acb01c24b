//! The scratch buffers of graph searches, one set a thread.

use crate::graph::Scratch;
use std::cell::RefCell;

thread_local! {
    /// The scratch buffers of this thread's searches.
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Counts vectors that were scored outside a graph search.
pub(super) fn count_ranked(count: usize) {
    SCRATCH.with_borrow_mut(|scratch| scratch.counters().ranked += count as u64);
}
