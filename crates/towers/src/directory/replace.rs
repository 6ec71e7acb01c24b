//! Replacing a towers directory, safe against a crash at every step.
//!
//! No operating system swaps two directories portably, so a replacement is two renames. `models/shop` is
//! replaced in these steps, each durable before the next one starts:
//!
//! 1. The new files are written to `models/shop.saving`.
//! 2. `models/shop` is renamed to `models/shop.replaced`.
//! 3. `models/shop.saving` is renamed to `models/shop`.
//! 4. `models/shop.replaced` is removed.
//!
//! Hence the recovery rule: if `models/shop` holds no files of towers and `models/shop.replaced` does, the latter is whole.
//! A reader reads it there and changes nothing. The next save renames it back before it does anything else.
//! If `models/shop` holds files, the other two directories are leftovers.

use crate::error::TowersError;
use crate::tower::{NamedBlob, TOWER_FILES};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use twinspire_core::files::{FileSystem, IoAction, parent};
use twinspire_core::telemetry;

/// A towers directory to be written, and the two sibling directories that the replacement uses.
pub(super) struct Replacement<'a> {
    files: &'a dyn FileSystem,
    directory: &'a Path,
    saving: PathBuf,
    replaced: PathBuf,
}

impl<'a> Replacement<'a> {
    /// A replacement of a directory, which may not exist yet.
    pub(super) fn new(files: &'a dyn FileSystem, directory: &'a Path) -> Result<Self, TowersError> {
        let sibling_of = |ending| {
            sibling(directory, ending).ok_or_else(|| TowersError::Unnamed {
                path: directory.to_owned(),
            })
        };
        Ok(Self {
            files,
            directory,
            saving: sibling_of(".saving")?,
            replaced: sibling_of(".replaced")?,
        })
    }

    /// Replaces all files by these.
    ///
    /// After an error or a crash, the old files or the new ones are there, whole.
    pub(super) fn write(&self, parts: &[NamedBlob]) -> Result<(), TowersError> {
        for directory in [self.directory, &self.saving, &self.replaced] {
            self.refuse_other_files(directory)?;
        }
        let above = parent(self.directory);
        self.files
            .create_dir_all(above)
            .map_err(TowersError::io(IoAction::CreateDirectory, above))?;
        self.recover()?;
        self.write_saving(parts)?;
        if let Err(error) = self.swap() {
            if let Err(undo) = self.undo() {
                telemetry::warn!("the next save restores the towers that were there: {undo}");
            }
            return Err(error);
        }
        // The new towers are durable: a leftover is no reason to report a failure.
        if let Err(error) = self.remove(&self.replaced) {
            telemetry::warn!("the next save removes the replaced towers: {error}");
        }
        Ok(())
    }

    /// Undoes an interrupted replacement and removes leftovers.
    fn recover(&self) -> Result<(), TowersError> {
        // What an earlier process renamed must be durable before anything is removed.
        self.sync(parent(self.directory))?;
        self.undo()?;
        self.remove(&self.saving)?;
        self.remove(&self.replaced)
    }

    /// Puts the new directory in the place of the old one, if there is one.
    fn swap(&self) -> Result<(), TowersError> {
        if self.holds_files(self.directory)? {
            self.rename(self.directory, &self.replaced)?;
        } else {
            self.remove(self.directory)?;
        }
        self.rename(&self.saving, self.directory)
    }

    /// Renames the replaced towers back, if a replacement stopped between its two renames.
    fn undo(&self) -> Result<(), TowersError> {
        if self.holds_files(self.directory)? || !self.holds_files(&self.replaced)? {
            return Ok(());
        }
        self.remove(self.directory)?;
        self.rename(&self.replaced, self.directory)
    }

    /// Writes the new files to the `.saving` directory and makes them durable.
    fn write_saving(&self, parts: &[NamedBlob]) -> Result<(), TowersError> {
        self.files
            .create_dir(&self.saving)
            .map_err(TowersError::io(IoAction::CreateDirectory, &self.saving))?;
        for (name, blob) in parts {
            let target = self.saving.join(name);
            let written = self.files.create_new(&target).and_then(|mut file| {
                file.append(blob)?;
                file.sync()
            });
            written.map_err(TowersError::io(IoAction::Write, &target))?;
        }
        self.sync(&self.saving)?;
        self.sync(parent(&self.saving))
    }

    /// Fails if a directory holds anything that is not a file of towers: it would be lost.
    fn refuse_other_files(&self, directory: &Path) -> Result<(), TowersError> {
        let names = self.list(directory)?;
        let other = names
            .iter()
            .find(|name| !TOWER_FILES.contains(&name.as_str()));
        other.map_or(Ok(()), |other| {
            Err(TowersError::OtherFile {
                path: directory.join(other),
            })
        })
    }

    /// Removes a directory with its files, if it exists, durably.
    fn remove(&self, directory: &Path) -> Result<(), TowersError> {
        for name in self.list(directory)? {
            let file = directory.join(name);
            self.files
                .remove(&file)
                .map_err(TowersError::io(IoAction::Remove, &file))?;
        }
        let absent = |error: &io::Error| error.kind() == ErrorKind::NotFound;
        match self.files.sync_dir(directory) {
            Err(error) if absent(&error) => return Ok(()),
            other => other.map_err(TowersError::io(IoAction::SyncDirectory, directory))?,
        }
        match self.files.remove_dir(directory) {
            // Where directories cannot be synced, an absent one is noticed only here.
            Err(error) if absent(&error) => return Ok(()),
            other => other.map_err(TowersError::io(IoAction::Remove, directory))?,
        }
        self.sync(parent(directory))
    }

    /// Renames a directory, durably.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), TowersError> {
        self.files
            .rename(from, to)
            .map_err(TowersError::io(IoAction::Rename, from))?;
        self.sync(parent(to))
    }

    fn sync(&self, directory: &Path) -> Result<(), TowersError> {
        self.files
            .sync_dir(directory)
            .map_err(TowersError::io(IoAction::SyncDirectory, directory))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>, TowersError> {
        let names = self.files.list(directory);
        names.map_err(TowersError::io(IoAction::List, directory))
    }

    fn holds_files(&self, directory: &Path) -> Result<bool, TowersError> {
        Ok(!self.list(directory)?.is_empty())
    }
}

/// The directory to which a replacement moves the towers that it replaces.
pub(super) fn replaced(directory: &Path) -> Option<PathBuf> {
    sibling(directory, ".replaced")
}

/// `models/shop.saving` for `models/shop`; `None` for a path that ends with no name.
fn sibling(directory: &Path, ending: &str) -> Option<PathBuf> {
    let mut name = directory.file_name()?.to_owned();
    name.push(ending);
    Some(directory.with_file_name(name))
}
