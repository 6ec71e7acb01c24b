//! Locks belong to contents, not to names: a recreated lock file is another lock.

use crate::files::file_system::LockMode;
use std::collections::BTreeMap;

/// The holders of each locked content.
#[derive(Debug, Default)]
pub(super) struct Locks(BTreeMap<usize, Holders>);

#[derive(Debug)]
enum Holders {
    Exclusive,
    /// Number of holders.
    Shared(usize),
}

impl Locks {
    /// Takes the lock if it is free for this mode.
    pub(super) fn take(&mut self, number: usize, mode: LockMode) -> bool {
        let taken = match (mode, self.0.get(&number)) {
            (LockMode::Shared, None) => Holders::Shared(1),
            (LockMode::Shared, Some(Holders::Shared(holders))) => Holders::Shared(holders + 1),
            (LockMode::Owner | LockMode::Exclusive, None) => Holders::Exclusive,
            _ => return false,
        };
        self.0.insert(number, taken);
        true
    }

    pub(super) fn release(&mut self, number: usize) {
        match self.0.remove(&number) {
            Some(Holders::Shared(holders)) if holders > 1 => {
                self.0.insert(number, Holders::Shared(holders - 1));
            }
            _ => {}
        }
    }
}
