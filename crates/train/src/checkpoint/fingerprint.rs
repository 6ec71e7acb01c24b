//! What a training depends on, as one number.

use crate::dataset::Dataset;
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use twinspire_core::wire::Checksum;
use twinspire_towers::Towers;

/// A hash of all that determines the weights: recipe, settings, data, starting towers, version.
pub(crate) struct Fingerprint(Checksum);

impl Fingerprint {
    /// The hash of a recipe and its settings.
    pub(crate) fn new(recipe: &str, config: &impl Serialize) -> Self {
        Self(Checksum::default())
            .with(env!("CARGO_PKG_VERSION"))
            .with(recipe)
            .with(config)
    }

    /// Adds the records and events.
    pub(crate) fn data(self, data: &Dataset) -> Self {
        self.with(&data.items).with(&data.users).with(&data.events)
    }

    /// Adds the towers of a warm start.
    pub(crate) fn earlier(self, earlier: Option<&Towers>) -> Self {
        self.with(&earlier.map(Towers::hash))
    }

    /// Adds a value.
    pub(crate) fn with(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        // Writing to a hash cannot fail. A value that is not JSON, such as an infinite weight, fails in its own place.
        let _ = serde_json::to_writer(&mut self, value);
        self
    }

    /// The hash.
    pub(crate) fn value(&self) -> u64 {
        self.0.value()
    }
}

impl Write for Fingerprint {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}
