//! The manifest that a repair starts from.

use super::repairer::Repairer;
use crate::error::{Damage, Error, ErrorKind};
use crate::format::manifest as manifest_file;
use crate::maintain::open::missing;
use crate::maintain::problem::FileProblem;
use crate::manifest::Manifest;
use crate::store::{self, StoreError};
use twinspire_core::files::{IoAction, names};

impl Repairer<'_> {
    /// The current manifest, or else the newest that can be read; and the highest number of any.
    pub(super) fn choose_manifest(&mut self, inside: &[String]) -> Result<(Manifest, u64), Error> {
        let numbers = inside
            .iter()
            .filter_map(|name| names::number_of(name, "manifest"));
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        let highest = numbers.last().copied().unwrap_or_default();
        let mut readable = Vec::new();
        for number in numbers {
            let name = names::manifest(number);
            let path = self.directory.root.join(&name);
            let bytes = self.directory.files.read(&path);
            let bytes = bytes.map_err(StoreError::io(IoAction::Read, &path))?;
            match manifest_file::decode(&bytes) {
                Ok(manifest) if manifest.number == number => readable.push(manifest),
                other => {
                    self.problem(match other {
                        Ok(_) => FileProblem::new(path, "state", "has another number"),
                        Err(error) => FileProblem::new(path, error.section, error.what),
                    });
                    self.unreadable.push(name);
                }
            }
        }
        let error: Error = match store::load(self.directory) {
            Ok(Some(manifest)) => return Ok((manifest, highest)),
            Ok(None) => {
                let current = self.directory.root.join(names::CURRENT);
                Error::corrupt(&current, "file", Damage::MissingFile)
            }
            Err(error) => missing(error),
        };
        if error.kind() == ErrorKind::Unsupported {
            return Err(error);
        }
        self.problem(FileProblem::of_opening(&self.directory.root, &error));
        // The newest readable manifest stands in for the one that CURRENT should name.
        let manifest = readable.pop().ok_or(error)?;
        Ok((manifest, highest))
    }
}
