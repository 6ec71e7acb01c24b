//! The scratch buffers of searches, one set a thread.

use crate::index::Scratch;
use std::cell::RefCell;
use twinspire_core::ids::ItemNo;

/// Maximum number of items of a list that is kept for later searches.
const MAX_KEPT: usize = 4_096;

thread_local! {
    /// The scratch buffers of this thread's searches.
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// An unused list of scored items.
    static LIST: RefCell<Vec<(f32, ItemNo)>> = const { RefCell::new(Vec::new()) };
}

/// An empty list of scored items, with the memory of an earlier one.
pub(super) fn take_list() -> Vec<(f32, ItemNo)> {
    LIST.take()
}

/// Keeps the memory of a list for a later [`take_list`].
pub(super) fn return_list(mut list: Vec<(f32, ItemNo)>) {
    if list.capacity() <= MAX_KEPT {
        list.clear();
        LIST.set(list);
    }
}

/// Counts vectors that were scored outside an index.
pub(super) fn count_ranked(count: usize) {
    SCRATCH.with_borrow_mut(|scratch| scratch.counters().ranked += count as u64);
}
