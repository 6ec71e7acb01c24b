//! Exit codes.

/// How a command ends, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The operation failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The database, space, item or file does not exist.
    NotFound = 3,
    /// A stored file is damaged.
    Corrupt = 4,
    /// A stored file is of a newer format.
    Unsupported = 5,
}
