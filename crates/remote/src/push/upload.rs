//! Writing the objects that a store lacks.

use crate::checksum::Checksum;
use crate::collect::GRACE;
use crate::error::{RemoteError, StoreAction};
use crate::head::HeadFile;
use crate::layout;
use crate::remote::Remote;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;
use twinspire_core::files::{Blob, FileSystem, IoAction, OsFiles};
use twinspire_core::telemetry;

/// Files up to this size are written by one request.
const WHOLE: u64 = 16 << 20;
/// Least size of a part of a larger file; all parts but the last have one size.
const PART: u64 = 8 << 20;
/// Maximum number of parts of an object: S3 has 10,000.
const MAX_PARTS: u64 = 9_000;
/// Number of files, and of parts of a file, that travel at a time.
const AT_ONCE: usize = 4;

/// What was uploaded.
#[derive(Default)]
pub(super) struct Uploaded {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// Uploads the files of a snapshot that the store lacks. It has those that are `named` by its newest head. `all`
/// uploads everything again.
pub(super) fn upload(
    remote: &Remote,
    snapshot: &Path,
    files: &[HeadFile],
    named: &BTreeSet<Checksum>,
    all: bool,
) -> Result<Uploaded, RemoteError> {
    let mut done = BTreeSet::new();
    // Several files may have the same bytes.
    let wanted = files.iter().filter(|file| !named.contains(&file.checksum));
    let wanted: Vec<&HeadFile> = wanted.filter(|file| done.insert(file.checksum)).collect();
    let bytes = remote.block_on(|| async {
        let uploads = wanted.into_iter().map(|file| async move {
            let path = layout::object(file.checksum);
            if !all
                && remote
                    .look_up(&path)
                    .await?
                    .is_some_and(|meta| is_reliable(&meta, file))
            {
                return Ok(0);
            }
            let full = snapshot.join(&file.path);
            let blob = OsFiles::MAPPED.open(&full);
            let blob = blob.map_err(RemoteError::file(IoAction::Open, &full))?;
            write(remote, file, &blob).await?;
            Ok::<_, RemoteError>(file.length)
        });
        let uploads = stream::iter(uploads).buffer_unordered(AT_ONCE);
        uploads.try_collect::<Vec<u64>>().await
    })??;
    // An empty file has no object of its own to move.
    let moved = bytes.iter().filter(|bytes| **bytes > 0);
    Ok(Uploaded {
        files: moved.count(),
        bytes: bytes.iter().sum(),
    })
}

/// Whether an object that no head names is whole, and young enough to outlive this push.
fn is_reliable(meta: &ObjectMeta, file: &HeadFile) -> bool {
    let written = SystemTime::from(meta.last_modified);
    // An object of the future is as young as one of now.
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    meta.size == file.length && age < GRACE / 2
}

async fn write(remote: &Remote, file: &HeadFile, blob: &Blob) -> Result<(), RemoteError> {
    let path = layout::object(file.checksum);
    if file.length <= WHOLE {
        return remote.write(&path, blob.to_vec()).await;
    }
    let failed = remote.failed(StoreAction::Write, &path);
    let mut upload = remote
        .client()
        .put_multipart(&path)
        .await
        .map_err(&failed)?;
    let size = PART.max(file.length.div_ceil(MAX_PARTS));
    let parts = blob.chunks(usize::try_from(size).unwrap_or(usize::MAX));
    let parts = parts.map(|part| upload.put_part(PutPayload::from(part.to_vec())));
    let sent = stream::iter(parts)
        .buffered(AT_ONCE)
        .try_collect::<()>()
        .await;
    match sent {
        Ok(()) => upload.complete().await.map(drop).map_err(&failed),
        Err(error) => {
            // The parts cost money until the store forgets them by a rule of its own.
            if let Err(error) = upload.abort().await {
                telemetry::warn!(
                    "parts of {} are left: {}",
                    remote.object(&path),
                    failed(error)
                );
            }
            Err(failed(error))
        }
    }
}
