//! When unsealed writes are sealed without being asked for.

/// Unsealed writes that trigger a seal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the journal.
    pub(crate) journal_bytes: u64,
    /// Number of unsealed writes, if there is a space: every recall scans their vectors.
    pub(crate) writes: u64,
}

/// The unsealed writes of a database.
pub(super) struct Backlog {
    /// Bytes of the journal.
    pub(super) journal_bytes: u64,
    /// Number of unsealed writes.
    pub(super) writes: u64,
    /// Whether there is a space, whose recalls scan them.
    pub(super) has_spaces: bool,
}

impl Backlog {
    /// Whether the backlog has reached `times` a limit.
    pub(super) fn exceeds(&self, limits: &Limits, times: u64) -> bool {
        self.journal_bytes >= limits.journal_bytes.saturating_mul(times)
            || self.has_spaces && self.writes >= limits.writes.saturating_mul(times)
    }
}
