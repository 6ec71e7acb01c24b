//! Puts that are checked and embedded, and wait for the journal: group commit.
//!
//! A put stages its operations together with the state that they lead to, and the next put builds on
//! that state. Whoever holds the writer then takes all calls that wait, appends them as one frame, and
//! syncs once. While it syncs, other puts are staged. So puts of many threads share their syncs, and a
//! put is acknowledged no sooner than its frame is durable.
//!
//! A call that fails takes those with it that were staged after it, because they build on it. They are
//! done again, unless the outcome is unknown.

use crate::error::Error;
use crate::format::journal::Op;
use crate::snapshot::Snapshot;
use crate::store::WriteOperation;
use std::collections::VecDeque;
use std::sync::Arc;
use twinspire_core::ids::{ItemNo, Revision};

/// The most bytes of ids and records in one frame of the journal, unless a single call is larger.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// The calls that wait, and the state after them.
pub(super) struct Staging {
    calls: VecDeque<StagedCall>,
    /// The state after all calls, those included that are being appended; `None` if it is the current one.
    latest: Option<Arc<Snapshot>>,
    /// The next item number after all calls.
    next_item: ItemNo,
    /// The last revision of all calls.
    last: Revision,
    /// The last revision that is durable.
    durable: Revision,
    /// The next item number after what is durable.
    durable_next_item: ItemNo,
    /// Bytes of the journal.
    journal_bytes: u64,
    /// Whether a thread makes the calls durable now; the others wait for it.
    pub(super) has_leader: bool,
    /// The failures so far.
    failures: Vec<Failure>,
}

/// A failed append: what was staged before it and was not durable then is lost.
struct Failure {
    /// The last revision that was durable.
    durable: Revision,
    /// The last revision that was to be appended.
    last: Revision,
    /// The operation and its error, if the outcome is unknown.
    uncertain: Option<(WriteOperation, Arc<Error>)>,
}

/// A call that waits.
pub(super) struct StagedCall {
    /// Its operations.
    pub(super) ops: Vec<Op>,
    /// Bytes of ids and records.
    pub(super) bytes: usize,
    /// The state after the call.
    pub(super) snapshot: Arc<Snapshot>,
    /// The next item number after the call.
    pub(super) next_item: ItemNo,
}

/// The calls of one frame.
pub(super) struct Group {
    /// Their operations, in order.
    pub(super) ops: Vec<Op>,
    /// The state after them.
    pub(super) snapshot: Arc<Snapshot>,
    /// The next item number after them.
    pub(super) next_item: ItemNo,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    /// Its last revision.
    pub(super) last: Revision,
    /// Number of failures before.
    failures: usize,
}

/// What became of a call.
pub(super) enum Outcome {
    /// It still waits.
    Waiting,
    /// It is durable.
    Durable,
    /// It was lost with another call, and nothing of it is on the disk.
    Lost,
    /// It was lost with another call, and only the disk knows what is left of it.
    Uncertain(Error),
}

impl Staging {
    /// Nothing waits; the journal ends at `last`.
    pub(super) fn new(next_item: ItemNo, last: Revision, journal_bytes: u64) -> Self {
        Self {
            calls: VecDeque::new(),
            latest: None,
            next_item,
            last,
            durable: last,
            durable_next_item: next_item,
            journal_bytes,
            has_leader: false,
            failures: Vec::new(),
        }
    }

    /// The state after all calls; `None` if that is the current one.
    pub(super) fn latest(&self) -> Option<&Arc<Snapshot>> {
        self.latest.as_ref()
    }

    /// The next item number after all calls.
    pub(super) fn next_item(&self) -> ItemNo {
        self.next_item
    }

    /// The last revision of all calls.
    pub(super) fn last(&self) -> Revision {
        self.last
    }

    /// Bytes of the journal when it was last appended to.
    pub(super) fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Whether no call waits.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Adds a call that builds on the state after all others.
    pub(super) fn add(&mut self, call: StagedCall) -> Ticket {
        self.last = Revision(self.last.0 + call.ops.len() as u64);
        self.next_item = call.next_item;
        self.latest = Some(Arc::clone(&call.snapshot));
        self.calls.push_back(call);
        Ticket {
            last: self.last,
            failures: self.failures.len(),
        }
    }

    /// Takes the oldest calls, as many as fit into a frame; `None` if none waits.
    pub(super) fn take_group(&mut self) -> Option<Group> {
        let StagedCall {
            ops,
            mut bytes,
            snapshot,
            next_item,
        } = self.calls.pop_front()?;
        let mut group = Group {
            ops,
            snapshot,
            next_item,
        };
        let fits = |bytes: &usize, call: &StagedCall| bytes + call.bytes <= MAX_FRAME_BYTES;
        while self.calls.front().is_some_and(|call| fits(&bytes, call))
            && let Some(call) = self.calls.pop_front()
        {
            bytes += call.bytes;
            group.ops.extend(call.ops);
            group.snapshot = call.snapshot;
            group.next_item = call.next_item;
        }
        Some(group)
    }

    /// Records that a group is durable, up to `last`, and its state the current one.
    pub(super) fn succeed(&mut self, next_item: ItemNo, last: Revision, journal_bytes: u64) {
        self.journal_bytes = journal_bytes;
        self.durable = last;
        self.durable_next_item = next_item;
        if self.calls.is_empty() {
            self.latest = None;
        }
    }

    /// Records that a group up to revision `last` failed: it is lost, with all calls that wait.
    pub(super) fn fail(&mut self, error: &Error, last: Revision) {
        let uncertain = match error {
            Error::Uncertain { operation, source } => Some((*operation, Arc::clone(source))),
            _ => None,
        };
        self.failures.push(Failure {
            durable: self.durable,
            last,
            uncertain,
        });
        self.calls.clear();
        self.latest = None;
        self.last = self.durable;
        self.next_item = self.durable_next_item;
    }

    /// What became of a call.
    pub(super) fn outcome(&self, ticket: Ticket) -> Outcome {
        // Revisions of lost calls are used again: the number of failures tells the calls apart.
        match self.failures.get(ticket.failures) {
            None if ticket.last <= self.durable => Outcome::Durable,
            None => Outcome::Waiting,
            Some(failure) if ticket.last <= failure.durable => Outcome::Durable,
            Some(failure) => match &failure.uncertain {
                Some((operation, source)) if ticket.last <= failure.last => {
                    Outcome::Uncertain(Error::Uncertain {
                        operation: *operation,
                        source: Arc::clone(source),
                    })
                }
                _ => Outcome::Lost,
            },
        }
    }
}
