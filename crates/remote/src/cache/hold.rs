//! Holding an epoch: verified, from what is here and from the store.

use super::directory::Cache;
use super::lease::Lease;
use crate::error::RemoteError;
use crate::head::Head;
use crate::remote::Remote;
use std::path::PathBuf;

/// An epoch that is here, and what it took to fetch it.
pub(crate) struct Held {
    pub(crate) head: Head,
    pub(crate) path: PathBuf,
    pub(crate) lease: Lease,
    pub(crate) fetched_files: usize,
    pub(crate) fetched_bytes: u64,
}

impl Cache {
    /// An epoch of this head, verified: from what is here, and from the store.
    ///
    /// Nothing of the epoch has its name before every file of it is verified.
    pub(crate) fn hold(&self, remote: &Remote, head: Head) -> Result<Held, RemoteError> {
        let _lock = self.lock()?;
        let path = self.epoch_path(head.epoch);
        let is_here = match self.head(remote, head.epoch)? {
            Some(known) if known == head => self.verify(&head)?,
            Some(_) => {
                let what =
                    "the store has another epoch of this number; use a new directory".to_owned();
                let epoch = head.epoch;
                return Err(RemoteError::Mismatch { epoch, path, what });
            }
            None => false,
        };
        let (mut fetched_files, mut fetched_bytes) = (0, 0);
        if !is_here {
            let lacking = self.lacking(&head)?;
            fetched_files = lacking.len();
            fetched_bytes = lacking.iter().map(|file| file.length).sum();
            remote.block_on(|| self.download(remote, &lacking))??;
            self.build(remote, &head)?;
        }
        let lease = self.lease(head.epoch)?;
        Ok(Held {
            head,
            path,
            lease,
            fetched_files,
            fetched_bytes,
        })
    }
}
