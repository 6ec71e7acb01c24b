//! What was tried on a file when the operating system refused.

use std::fmt;

/// An operation on a file or a directory, named by errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoAction {
    /// Creating a file.
    Create,
    /// Creating a directory.
    CreateDirectory,
    /// Opening or mapping a file.
    Open,
    /// Reading a file.
    Read,
    /// Appending to a file.
    Write,
    /// Making the content of a file durable.
    Sync,
    /// Making the entries of a directory durable.
    SyncDirectory,
    /// Listing a directory.
    List,
    /// Linking a file under another name.
    Link,
    /// Renaming a file or a directory.
    Rename,
    /// Removing a file or a directory.
    Remove,
    /// Locking a file.
    Lock,
}

impl fmt::Display for IoAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::CreateDirectory => "create the directory",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::SyncDirectory => "sync the directory",
            Self::List => "list",
            Self::Link => "link",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}
