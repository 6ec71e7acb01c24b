//! A query vector, in memory that the queries of a thread use one after the other.

use std::cell::RefCell;
use std::ops::Deref;

/// Maximum number of unused buffers that a thread keeps: the spaces of an ensemble are queried together.
const MAX_KEPT: usize = 16;

thread_local! {
    /// The unused buffers of this thread.
    static UNUSED: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A query vector, ready to be compared with stored ones.
pub(super) enum QueryVector<'a> {
    /// A vector that a batch holds.
    Borrowed(&'a [f32]),
    /// A vector of its own. Its memory goes back to the thread that drops it.
    Owned(Buffer),
}

/// An empty vector with the capacity of an earlier one.
pub(super) struct Buffer(pub(super) Vec<f32>);

impl Buffer {
    /// Takes an unused buffer of this thread.
    pub(super) fn take() -> Self {
        let unused = UNUSED.with_borrow_mut(Vec::pop);
        Self(unused.unwrap_or_default())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        // While the thread ends there is nothing to keep it in.
        let _ = UNUSED.try_with(|unused| {
            let mut unused = unused.borrow_mut();
            if unused.len() < MAX_KEPT {
                unused.push(buffer);
            }
        });
    }
}

impl Deref for QueryVector<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Borrowed(vector) => vector,
            Self::Owned(buffer) => &buffer.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_dropped_vector_is_used_again() {
        let mut first = Buffer::take();
        first.0.extend([1.0; 100]);
        let memory = first.0.as_ptr();
        drop(QueryVector::Owned(first));
        let again = Buffer::take();
        assert_eq!((again.0.as_ptr(), again.0.len()), (memory, 0));
    }
}
