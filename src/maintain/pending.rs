//! Files under construction, which no manifest names yet and collection must leave alone.

use super::lock::lock;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// The names of all files under construction.
#[derive(Default)]
pub(super) struct PendingFiles {
    names: Mutex<BTreeSet<String>>,
}

/// Protects one file or directory from collection until it is dropped.
#[must_use]
pub(crate) struct PendingFile<'a> {
    files: &'a PendingFiles,
    name: String,
}

impl PendingFiles {
    /// Protects a file or directory from collection.
    pub(super) fn register(&self, name: String) -> PendingFile<'_> {
        lock(&self.names).insert(name.clone());
        PendingFile { files: self, name }
    }

    /// The names. None is added or removed until the guard is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        lock(&self.names)
    }
}

impl Drop for PendingFile<'_> {
    fn drop(&mut self) {
        self.files.lock().remove(&self.name);
    }
}
