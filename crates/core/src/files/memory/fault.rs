//! Injected faults, and the record of all operations that change something.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A fault at a chosen operation. Operations that change something are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power is cut, or the process dies: this operation and all later ones fail.
    PowerCut {
        /// The first operation that fails.
        at: u64,
    },
    /// An operation fails, if the failure applies to it.
    Fail {
        /// The operation that fails.
        at: u64,
        /// Whether all later operations fail too.
        forever: bool,
        /// How it fails.
        failure: Failure,
    },
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Any operation fails without effect.
    Io,
    /// The disk is full: operations that need space fail without effect, unlinking and syncing work.
    NoSpace,
    /// An append writes only a part of its bytes and fails.
    ShortWrite {
        /// Bytes that are written, but never all of them.
        kept: usize,
    },
    /// A sync fails. Whether the appended bytes reached the disk stays unknown, even after later syncs:
    /// operating systems mark the pages as clean.
    Sync,
}

/// A call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    CreateDir,
    CreateNew,
    Append,
    Sync,
    Finish,
    SyncDir,
    Rename,
    Link,
    Remove,
    RemoveDir,
    /// Taking a lock, if that creates the lock file.
    Lock,
}

/// One call and its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The call.
    pub call: Call,
    /// Its path; of a rename or link, the new name.
    pub path: PathBuf,
}

/// The fault, and the operations since it was set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) fault: Option<Fault>,
    pub(super) operations: Vec<Operation>,
}

impl Failure {
    /// Whether this call can fail in this way.
    pub fn applies_to(self, call: Call) -> bool {
        use Call::{Append, CreateDir, CreateNew, Finish, Link, Lock, Sync, SyncDir};
        match self {
            Self::Io => true,
            Self::NoSpace => matches!(call, CreateDir | CreateNew | Append | Link | Lock),
            Self::ShortWrite { .. } => call == Append,
            Self::Sync => matches!(call, Sync | Finish | SyncDir),
        }
    }

    pub(super) fn error(self) -> io::Error {
        match self {
            Self::NoSpace => io::Error::new(ErrorKind::StorageFull, "no room, says a test"),
            Self::ShortWrite { .. } => io::Error::new(ErrorKind::WriteZero, "cut short by a test"),
            Self::Io | Self::Sync => io::Error::other("a fault put here by a test"),
        }
    }
}

impl Faults {
    /// Records one call; returns how it fails, if it does.
    pub(super) fn next(&mut self, call: Call, path: &Path) -> Option<Failure> {
        self.operations.push(Operation {
            call,
            path: path.to_owned(),
        });
        let now = self.operations.len() as u64;
        match self.fault? {
            Fault::PowerCut { at } => (now >= at).then_some(Failure::Io),
            Fault::Fail {
                at,
                forever,
                failure,
            } => {
                let due = now == at || forever && now > at;
                (due && failure.applies_to(call)).then_some(failure)
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.call, self.path.display())
    }
}
