//! Why a push, a fetch or a follower failed.

use crate::checksum::Checksum;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use twinspire_core::files::IoAction;

/// Why a call on a remote store failed: what was tried, on which object or file, and what to do.
///
/// Messages never contain credentials: what a store answers is shortened, and values of secret environment variables
/// are masked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The address of a store cannot be used.
    #[error("the address {url:?} cannot be used: {what}")]
    Url {
        /// The address, without user name, password and query.
        url: String,
        /// Why.
        what: String,
    },
    /// The store did not answer, or refused. A later call may succeed.
    #[error("cannot {action} {object}: {what}")]
    Store {
        /// What was tried.
        action: StoreAction,
        /// The object, with the address of the store.
        object: String,
        /// Why it failed.
        fault: StoreFault,
        /// What the store or the network said.
        what: String,
    },
    /// Nothing was pushed to the store yet.
    #[error("{store} has no head; push a database there first")]
    Empty {
        /// The address of the store.
        store: String,
    },
    /// The store has no head of this epoch.
    #[error("{store} has no epoch {epoch}; {}", span(*.oldest, *.newest))]
    UnknownEpoch {
        /// The address of the store.
        store: String,
        /// The epoch that was asked for.
        epoch: u64,
        /// The oldest epoch of the store.
        oldest: u64,
        /// The newest epoch of the store.
        newest: u64,
    },
    /// Another push created the head of this epoch first. Nothing was changed but for uploaded objects, which the next
    /// push uses.
    #[error("another push committed epoch {epoch} of {store} first; push again to follow on it")]
    Superseded {
        /// The address of the store.
        store: String,
        /// The epoch that both wanted to commit.
        epoch: u64,
    },
    /// The store holds another database.
    #[error(
        "{store} holds database {found:016x}, not {pushed:016x}; push to another address, or replace it explicitly"
    )]
    OtherDatabase {
        /// The address of the store.
        store: String,
        /// The identity of the database in the newest head.
        found: u64,
        /// The identity of the database that was to be pushed.
        pushed: u64,
    },
    /// A push took so long that a collection may have removed what it uploaded first.
    #[error(
        "the push took over {hours} hours and was not committed; push again, it goes on from what was uploaded"
    )]
    TooSlow {
        /// The limit.
        hours: u64,
    },
    /// An object differs from what its head or its name says. It is not used. A push that uploads everything again
    /// repairs it.
    #[error("{object} is damaged: {what}; push with every object uploaded again to repair it")]
    Damaged {
        /// The object, with the address of the store.
        object: String,
        /// What is wrong.
        what: Damage,
    },
    /// A head was written by a newer release.
    #[error("{object} has format {format}, this build reads {supported}; upgrade the reader")]
    Unsupported {
        /// The head.
        object: String,
        /// Its format.
        format: u32,
        /// The format of this build.
        supported: u32,
    },
    /// The newest head of the store is older than the epoch that is served: the store was emptied or restored.
    #[error(
        "the newest epoch of {store} is {newest}, older than {served}, which is served; follow it in a new directory"
    )]
    WentBack {
        /// The address of the store.
        store: String,
        /// The newest epoch of the store.
        newest: u64,
        /// The epoch that is served.
        served: u64,
    },
    /// The directory follows another store.
    #[error("{} follows {found}, not {asked}; use a directory for each store", path.display())]
    OtherStore {
        /// The directory.
        path: PathBuf,
        /// The address of its store.
        found: String,
        /// The address that was asked for.
        asked: String,
    },
    /// The files of an epoch form another database than its head describes.
    #[error("epoch {epoch} in {} differs from its head: {what}; push it again", path.display())]
    Mismatch {
        /// The epoch.
        epoch: u64,
        /// Its directory.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// A file or a directory could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: IoAction,
        /// The path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The database could not be opened or copied.
    #[error(transparent)]
    Database(Box<twinspire::Error>),
    /// The call was told to end.
    #[error("the follower was closed")]
    Closed,
    /// A thread or the runtime of the store's client could not be started.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// What was tried on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreAction {
    /// Listing objects.
    List,
    /// Reading an object.
    Read,
    /// Writing an object.
    Write,
    /// Removing an object.
    Remove,
}

impl std::fmt::Display for StoreAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
        })
    }
}

/// The kind of answer of a store that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFault {
    /// There is no such object.
    Missing,
    /// The credentials are missing, wrong, or do not suffice.
    Denied,
    /// The object exists although it must not.
    Exists,
    /// The store was not reached, or failed.
    Unreachable,
}

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// It has another length.
    #[error("it has {found} bytes, not {expected}")]
    Length {
        /// The length by the head.
        expected: u64,
        /// The length of the object.
        found: u64,
    },
    /// Its bytes have another checksum.
    #[error("its checksum is {found}, not {expected}")]
    Checksum {
        /// The checksum by the head or the name.
        expected: Checksum,
        /// The checksum of the bytes.
        found: Checksum,
    },
    /// A head names it, and it does not exist.
    #[error("it is missing")]
    Missing,
    /// A head cannot be read.
    #[error("{0}")]
    Head(String),
}

fn span(oldest: u64, newest: u64) -> String {
    match oldest == newest {
        true => format!("there is {newest}"),
        false => format!("there are {oldest} to {newest}"),
    }
}

impl From<twinspire::Error> for RemoteError {
    fn from(error: twinspire::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl RemoteError {
    /// Adds action and path to an error of the file system.
    pub(crate) fn file(action: IoAction, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }

    /// Whether the store said that there is no such object.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Store {
                fault: StoreFault::Missing,
                ..
            }
        )
    }
}
