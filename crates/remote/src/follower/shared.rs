//! What the handle of a follower and its thread share, and how it flips.

use super::epoch::{Epoch, open};
use super::status::Status;
use crate::cache::Cache;
use crate::error::RemoteError;
use crate::fetch::Fetched;
use crate::heads;
use crate::remote::Remote;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};
use twinspire_core::telemetry;

/// Number of epochs that stay in the directory besides those in use.
const KEEP: usize = 1;

/// What the handle and the thread share.
pub(super) struct Shared {
    pub(super) remote: Remote,
    pub(super) cache: Cache,
    pub(super) current: ArcSwap<Epoch>,
    pub(super) status: Status,
    /// One poll at a time.
    pub(super) polling: Mutex<()>,
}

impl Shared {
    pub(super) fn poll(&self) -> Result<bool, RemoteError> {
        let _polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        let looked = newest(&self.remote, &self.cache, &self.status, Some(&current));
        drop(current);
        let flipped = match looked {
            Ok(Some(epoch)) => {
                self.status.serves(epoch.number());
                self.current.store(Arc::new(epoch));
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.status.failed(&error);
                self.status.save();
                return Err(error);
            }
        };
        // Also without a flip: an epoch that somebody held may be free now.
        self.tidy();
        self.status.save();
        Ok(flipped)
    }

    /// Removes old epochs. What fails is tried again at the next poll.
    pub(super) fn tidy(&self) {
        if let Err(error) = self.cache.evict(&self.remote, KEEP) {
            telemetry::warn!("old epochs are not removed: {error}");
        }
    }
}

/// The newest epoch of the store, open; `None` if it is the `served` one, or if the store is empty and none is served.
pub(super) fn newest(
    remote: &Remote,
    cache: &Cache,
    status: &Status,
    served: Option<&Epoch>,
) -> Result<Option<Epoch>, RemoteError> {
    let epochs = remote.block_on(|| remote.epochs())??;
    let number = served.map_or(0, Epoch::number);
    let Some(newest) = epochs.last().copied() else {
        return match served {
            None => Ok(None),
            Some(_) => Err(RemoteError::Empty {
                store: remote.name().to_owned(),
            }),
        };
    };
    status.looked(
        newest,
        epochs.iter().filter(|epoch| **epoch > number).count(),
    );
    if newest == number {
        return Ok(None);
    }
    if newest < number {
        return Err(RemoteError::WentBack {
            store: remote.name().to_owned(),
            newest,
            served: number,
        });
    }
    let head = remote.block_on(|| heads::newest(remote))??;
    let Some(head) = head.filter(|head| head.epoch > number) else {
        return Ok(None);
    };
    status.behind_since(head.created_unix_ms);
    open(Fetched::of(cache.hold(remote, head)?), served).map(Some)
}

/// Opens the newest usable epoch of the directory, without the store. `None` if no epoch there can be opened.
pub(super) fn last(remote: &Remote, cache: &Cache) -> Result<Option<Epoch>, RemoteError> {
    for epoch in cache.epochs()?.into_iter().rev() {
        let Some(head) = cache.head(remote, epoch)? else {
            continue;
        };
        let opened = cache
            .hold(remote, head)
            .and_then(|held| open(Fetched::of(held), None));
        match opened {
            Ok(epoch) => return Ok(Some(epoch)),
            Err(error) => telemetry::warn!("epoch {epoch} cannot be served: {error}"),
        }
    }
    Ok(None)
}
