//! Removing what no kept head names.

use crate::error::RemoteError;
use crate::heads;
use crate::layout;
use crate::remote::Remote;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// Age below which an object stays although no head names it: a push may be about to commit it.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Collected {
    /// Number of heads.
    pub heads: usize,
    /// Number of objects.
    pub objects: usize,
    /// Bytes of these objects.
    pub bytes: u64,
}

impl Remote {
    /// Removes all heads but the newest `keep`, and every object older than [`GRACE`] that none of these names. A push
    /// does so by itself. Epochs that a follower or a [fetch](Self::fetch) has are not touched.
    ///
    /// # Errors
    /// [`RemoteError::Store`]; also when a kept head cannot be read. Then no object is removed.
    pub fn collect(&self, keep: usize) -> Result<Collected, RemoteError> {
        collect(self, keep, GRACE)
    }
}

pub(crate) fn collect(
    remote: &Remote,
    keep: usize,
    grace: Duration,
) -> Result<Collected, RemoteError> {
    remote.block_on(|| async {
        let mut collected = Collected::default();
        // Listed before the heads are: what is uploaded later is not in the list.
        let objects = remote.list(&layout::objects()).await?;
        let epochs = remote.epochs().await?;
        let (old, kept) = epochs.split_at(epochs.len().saturating_sub(keep.max(1)));
        let mut named = BTreeSet::new();
        for epoch in kept {
            match heads::read(remote, *epoch).await {
                // Another collection keeps fewer heads.
                Err(error) if error.is_missing() => {}
                head => named.extend(head?.files.iter().map(|file| file.checksum)),
            }
        }
        for epoch in old {
            remote.remove(&layout::head(*epoch)).await?;
            collected.heads += 1;
        }
        for object in objects {
            let Some(checksum) = layout::checksum_of(&object.location) else {
                continue;
            };
            let written = SystemTime::from(object.last_modified);
            // The future counts as now: clocks differ.
            let age = SystemTime::now()
                .duration_since(written)
                .unwrap_or_default();
            if age >= grace && !named.contains(&checksum) {
                remote.remove(&object.location).await?;
                collected.objects += 1;
                collected.bytes += object.size;
            }
        }
        Ok(collected)
    })?
}
