//! Verifying what is here, and making the directory of an epoch.

use super::directory::{Cache, EPOCHS, HEADS, OBJECTS};
use crate::checksum::Checksum;
use crate::error::RemoteError;
use crate::head::{Head, HeadFault, HeadFile};
use crate::heads;
use crate::layout;
use crate::remote::Remote;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use twinspire_core::files::{IoAction, parent};
use twinspire_core::telemetry;

impl Cache {
    /// Whether all files of an epoch that is here are what its head says. If not, the epoch is given up.
    pub(super) fn verify(&self, head: &Head) -> Result<bool, RemoteError> {
        let path = self.epoch_path(head.epoch);
        for file in &head.files {
            self.check_closed()?;
            let full = path.join(&file.path);
            // Of the same content another name was compared, but this name must exist.
            let sound = match self.is_verified(file.checksum) {
                true => self.has_length(&full, file.length)?,
                false => self.has_content(&full, file)?,
            };
            if !sound {
                telemetry::warn!("{} is damaged and will be fetched again", full.display());
                // The object may be the same file.
                self.forget(file.checksum)?;
                self.give_up(head.epoch)?;
                return Ok(false);
            }
            self.note_verified(file.checksum);
        }
        Ok(true)
    }

    /// The objects of a head that are not here, each once. Those that are here are verified.
    pub(super) fn lacking<'a>(&self, head: &'a Head) -> Result<Vec<&'a HeadFile>, RemoteError> {
        let mut seen = BTreeSet::new();
        let mut lacking = Vec::new();
        for file in head.files.iter().filter(|file| seen.insert(file.checksum)) {
            self.check_closed()?;
            let path = self.object_path(file.checksum);
            let is_here = match self.is_verified(file.checksum) {
                true => self.has_length(&path, file.length)?,
                false => self.has_content(&path, file)?,
            };
            match is_here {
                true => self.note_verified(file.checksum),
                false => {
                    self.forget(file.checksum)?;
                    lacking.push(file);
                }
            }
        }
        Ok(lacking)
    }

    /// Makes the directory of an epoch whose objects are all here. Its last rename makes it an epoch.
    pub(super) fn build(&self, remote: &Remote, head: &Head) -> Result<(), RemoteError> {
        self.sync_dir(&self.root.join(OBJECTS))?;
        let (path, epochs) = (self.epoch_path(head.epoch), self.root.join(EPOCHS));
        let making = epochs.join(format!("{}.making", head.epoch));
        self.remove_tree(&making)?;
        // Without its head, an older directory of this epoch no longer counts as one.
        self.give_up(head.epoch)?;
        self.make_dir(&making)?;
        let mut directories = BTreeSet::from([making.clone()]);
        for file in &head.files {
            let (to, from) = (making.join(&file.path), self.object_path(file.checksum));
            let directory = parent(&to);
            if directories.insert(directory.to_owned()) {
                let above = parent(directory);
                if directories.insert(above.to_owned()) {
                    self.make_dir(above)?;
                }
                self.make_dir(directory)?;
            }
            let linked = self.files.link(&from, &to);
            linked.map_err(RemoteError::file(IoAction::Link, &to))?;
        }
        for directory in &directories {
            self.sync_dir(directory)?;
        }
        let object = layout::head(head.epoch);
        let bytes = head.encode().map_err(|fault| match fault {
            HeadFault::Newer(format) => heads::unsupported(remote, &object, format),
            HeadFault::Damaged(what) => heads::damaged(remote, &object, what),
        })?;
        self.replace(&self.head_path(head.epoch), &bytes)?;
        self.sync_dir(&self.root.join(HEADS))?;
        let renamed = self.files.rename(&making, &path);
        renamed.map_err(RemoteError::file(IoAction::Rename, &path))?;
        self.sync_dir(&epochs)
    }

    fn make_dir(&self, path: &Path) -> Result<(), RemoteError> {
        let made = self.files.create_dir(path);
        made.map_err(RemoteError::file(IoAction::CreateDirectory, path))
    }

    /// Whether a file exists and has this length.
    fn has_length(&self, path: &Path, length: u64) -> Result<bool, RemoteError> {
        match self.files.open(path) {
            Ok(blob) => Ok(blob.len() as u64 == length),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(RemoteError::file(IoAction::Open, path)(error)),
        }
    }

    /// Whether a file exists and has the bytes that a head says.
    fn has_content(&self, path: &Path, file: &HeadFile) -> Result<bool, RemoteError> {
        match self.files.open(path) {
            Ok(blob) => {
                Ok(blob.len() as u64 == file.length && Checksum::of(&blob) == file.checksum)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(RemoteError::file(IoAction::Open, path)(error)),
        }
    }
}
