//! What goes wrong, when, and the record of all calls that change something.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What goes wrong at a chosen operation that changes something, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes, or the process dies: this operation and all later ones fail.
    PowerCut { at: u64 },
    /// This operation fails, or it and all later ones do, as far as the failure concerns them.
    Fail {
        at: u64,
        forever: bool,
        failure: Failure,
    },
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Whatever it is, it fails without effect.
    Io,
    /// What needs room fails without effect; unlinking and syncing go on.
    NoSpace,
    /// An append leaves up to this many bytes behind, never all, and fails.
    ShortWrite { kept: usize },
    /// A sync fails. What was appended may be on the disk or not, and no later sync will tell:
    /// systems mark the pages as clean.
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
    /// Taking a lock, when that makes the lock file.
    Lock,
}

/// One call with the path it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub call: Call,
    pub path: PathBuf,
}

/// The fault that was set, and the operations since.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) fault: Option<Fault>,
    pub(super) operations: Vec<Operation>,
}

impl Failure {
    /// Whether this call can fail so.
    pub fn concerns(self, call: Call) -> bool {
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
    /// Records one call; gives how it fails, if it does.
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
                (due && failure.concerns(call)).then_some(failure)
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.call, self.path.display())
    }
}
