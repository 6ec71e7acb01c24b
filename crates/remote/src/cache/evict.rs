//! Removing what no epoch needs any more.

use super::directory::{Cache, EPOCHS, HEADS, OBJECTS, PARTIAL};
use crate::checksum::Checksum;
use crate::error::RemoteError;
use crate::remote::Remote;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use twinspire_core::files::IoAction;

impl Cache {
    /// Removes all epochs but the newest `keep` and those that somebody uses, and all objects that no epoch needs.
    pub(crate) fn evict(&self, remote: &Remote, keep: usize) -> Result<(), RemoteError> {
        let _lock = self.lock()?;
        let epochs = self.epochs()?;
        let (old, _) = epochs.split_at(epochs.len().saturating_sub(keep));
        for epoch in old {
            if let Some(sole) = self.sole(*epoch)? {
                self.give_up(*epoch)?;
                self.end_lease(*epoch, sole)?;
            }
        }
        for name in self.list(&self.root.join(EPOCHS))? {
            if name.ends_with(".making") || name.ends_with(".removing") {
                self.remove_tree(&self.root.join(EPOCHS).join(name))?;
            }
        }
        let mut needed = BTreeSet::new();
        for epoch in self.epochs()? {
            match self.head(remote, epoch)? {
                Some(head) => needed.extend(head.files.iter().map(|file| file.checksum)),
                // Its files are not known: the objects stay until it is gone.
                None => return Ok(()),
            }
        }
        for directory in [OBJECTS, PARTIAL] {
            let directory = self.root.join(directory);
            for name in self.list(&directory)? {
                let checksum = name.split('.').next().unwrap_or_default().parse();
                if checksum.is_ok_and(|checksum: Checksum| !needed.contains(&checksum)) {
                    self.remove_file(&directory.join(name))?;
                }
            }
        }
        Ok(())
    }

    /// Makes an epoch none: first its directory loses its name.
    pub(super) fn give_up(&self, epoch: u64) -> Result<(), RemoteError> {
        let (path, epochs) = (self.epoch_path(epoch), self.root.join(EPOCHS));
        let removing = epochs.join(format!("{epoch}.removing"));
        self.remove_tree(&removing)?;
        match self.files.rename(&path, &removing) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            renamed => {
                renamed.map_err(RemoteError::file(IoAction::Rename, &path))?;
                self.sync_dir(&epochs)?;
            }
        }
        self.remove_file(&self.head_path(epoch))?;
        self.sync_dir(&self.root.join(HEADS))?;
        self.remove_tree(&removing)
    }

    /// Removes the object of a checksum, whose bytes are others.
    pub(super) fn forget(&self, checksum: Checksum) -> Result<(), RemoteError> {
        self.note_unverified(checksum);
        self.remove_file(&self.object_path(checksum))
    }

    /// Removes a directory and all in it.
    pub(super) fn remove_tree(&self, path: &Path) -> Result<(), RemoteError> {
        let names = match self.files.list(path) {
            // A file, which Windows and Linux report alike.
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return self.remove_file(path);
            }
            other => other.map_err(RemoteError::file(IoAction::List, path))?,
        };
        for name in names {
            self.remove_tree(&path.join(name))?;
        }
        match self.files.remove_dir(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RemoteError::file(IoAction::Remove, path)(error))
            }
            _ => Ok(()),
        }
    }
}
