//! Reading the heads of a store.

use crate::error::{Damage, RemoteError};
use crate::head::{HEAD_FORMAT, Head, HeadFault, MAX_BYTES};
use crate::layout;
use crate::remote::Remote;
use object_store::path::Path as ObjectPath;

impl Remote {
    /// The epochs of the store, oldest first, each with all that its head says.
    ///
    /// # Errors
    /// [`RemoteError::Store`], and [`RemoteError::Damaged`] or [`RemoteError::Unsupported`] with the head that cannot be
    /// read.
    pub fn heads(&self) -> Result<Vec<Head>, RemoteError> {
        self.block_on(|| async {
            let mut heads = Vec::new();
            for epoch in self.epochs().await? {
                // A collection may have removed it meanwhile.
                match read(self, epoch).await {
                    Err(error) if error.is_missing() => {}
                    head => heads.push(head?),
                }
            }
            Ok(heads)
        })?
    }
}

/// How often the newest head is looked for again when it was removed meanwhile.
const ATTEMPTS: usize = 8;

/// The newest head; `None` in an empty store.
pub(crate) async fn newest(remote: &Remote) -> Result<Option<Head>, RemoteError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Some(epoch) = remote.epochs().await?.last().copied() else {
            return Ok(None);
        };
        match read(remote, epoch).await {
            Err(error) if error.is_missing() && attempt < ATTEMPTS => {}
            head => return head.map(Some),
        }
    }
}

/// The head of an epoch.
pub(crate) async fn read(remote: &Remote, epoch: u64) -> Result<Head, RemoteError> {
    let path = layout::head(epoch);
    match remote.read(&path, MAX_BYTES).await? {
        Some(bytes) => decode(remote, epoch, &bytes),
        None => Err(damaged(
            remote,
            &path,
            format!("it has more than {MAX_BYTES} bytes"),
        )),
    }
}

/// The head of an epoch from its bytes.
pub(crate) fn decode(remote: &Remote, epoch: u64, bytes: &[u8]) -> Result<Head, RemoteError> {
    let path = layout::head(epoch);
    let head = Head::decode(bytes).map_err(|fault| match fault {
        HeadFault::Newer(format) => unsupported(remote, &path, format),
        HeadFault::Damaged(what) => damaged(remote, &path, what),
    })?;
    match head.epoch == epoch {
        true => Ok(head),
        false => Err(damaged(
            remote,
            &path,
            format!("it says that it is epoch {}", head.epoch),
        )),
    }
}

pub(crate) fn unsupported(remote: &Remote, path: &ObjectPath, format: u32) -> RemoteError {
    RemoteError::Unsupported {
        object: remote.object(path),
        format,
        supported: HEAD_FORMAT,
    }
}

pub(crate) fn damaged(remote: &Remote, path: &ObjectPath, what: String) -> RemoteError {
    RemoteError::Damaged {
        object: remote.object(path),
        what: Damage::Head(what),
    }
}
