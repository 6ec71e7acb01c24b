//! Locks belong to contents, not to names: a lock file made anew is another one.

use super::{LockMode, MemoryFiles};
use std::collections::BTreeMap;

/// The holders of each locked content: how many share it, or one that does not.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<usize, Holders>);

#[derive(Debug)]
enum Holders {
    Alone,
    Sharing(usize),
}

impl Locks {
    /// Takes the lock if that is possible now.
    pub(super) fn take(&mut self, number: usize, mode: LockMode) -> bool {
        let taken = match (mode, self.0.get(&number)) {
            (LockMode::Shared, None) => Holders::Sharing(1),
            (LockMode::Shared, Some(Holders::Sharing(others))) => Holders::Sharing(others + 1),
            (LockMode::Owner | LockMode::Exclusive, None) => Holders::Alone,
            _ => return false,
        };
        self.0.insert(number, taken);
        true
    }

    fn release(&mut self, number: usize) {
        match self.0.remove(&number) {
            Some(Holders::Sharing(many)) if many > 1 => {
                self.0.insert(number, Holders::Sharing(many - 1));
            }
            _ => {}
        }
    }
}

/// A lock held until this is dropped.
pub(super) struct Held {
    pub(super) files: MemoryFiles,
    pub(super) number: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.files.state().locks.release(self.number);
        self.files.0.unlocked.notify_all();
    }
}
