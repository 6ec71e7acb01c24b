//! The locks of a database directory.

use crate::error::Error;
use crate::store::{Directory, StoreError};
use std::io::ErrorKind;
use twinspire_core::files::{IoAction, LockMode, names};

/// Locks the directory for the one writer.
///
/// # Errors
/// [`Error::Locked`] with the holder's description while another process has the lock.
pub(crate) fn lock_directory(directory: &Directory) -> Result<Box<dyn Send + Sync>, Error> {
    let path = directory.root.join(names::LOCK);
    directory
        .files
        .lock(&path, LockMode::Owner)
        .map_err(|error| {
            if error.kind() != ErrorKind::WouldBlock {
                return StoreError::io(IoAction::Lock, &path)(error).into();
            }
            let text = directory.files.read(&path).unwrap_or_default();
            let holder = String::from_utf8_lossy(&text).trim().to_owned();
            let lock = path.clone();
            Error::Locked { lock, holder }
        })
}

/// Keeps the writer from unlinking files while a reader opens them. `None` where that lock cannot be
/// taken, as on a read-only medium: the reader then starts over if a file is gone.
pub(crate) fn hold_files(directory: &Directory) -> Result<Option<Box<dyn Send + Sync>>, Error> {
    let (files, root) = (&directory.files, &directory.root);
    let inside = files
        .list(root)
        .map_err(StoreError::io(IoAction::List, root))?;
    let exists = inside.iter().any(|name| name == names::READERS);
    let lock = || files.lock(&root.join(names::READERS), LockMode::Shared);
    Ok(exists.then(lock).and_then(Result::ok))
}
