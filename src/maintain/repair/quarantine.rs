//! Keeping damaged files for inspection.

use super::repairer::Repairer;
use crate::error::Error;
use crate::store::StoreError;
use std::io::ErrorKind;
use twinspire_core::files::{IoAction, names};

impl Repairer<'_> {
    /// Links a file into the directory `damaged`. Does nothing if the file is missing.
    pub(super) fn quarantine(&mut self, directory: &str, name: &str) -> Result<(), Error> {
        let damaged = self.directory.root.join(names::DAMAGED);
        self.directory.create_dir(&damaged)?;
        let from = self.directory.path(directory, name);
        let to = damaged.join(names::aside(directory, name));
        match self.directory.files.link(&from, &to) {
            Ok(()) => self.report.quarantined.push(to),
            // An interrupted repair has linked it already.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.report.quarantined.push(to);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io(IoAction::Link, &from)(error).into()),
        }
        Ok(self.directory.sync_dir(&damaged)?)
    }
}
