//! Puts that are checked and embedded, and wait for the journal: group commit.
//!
//! A put is staged: its operations join the frame of the last group, and the state after it becomes the one
//! that the next put builds on. Whoever leads then takes the oldest group, appends it as one frame, and syncs
//! once. While it syncs, other puts are staged. So puts of many threads share their syncs, and a put is
//! acknowledged no sooner than its frame is durable.
//!
//! All puts of a group change one state in place, which only they see. So what a put copies of the state that
//! readers see is copied once a group.
//!
//! A group that fails takes those with it that were staged after it, because they build on it. They are
//! done again, unless the outcome is unknown.

use crate::error::Error;
use crate::format::journal::FrameBuilder;
use crate::snapshot::Snapshot;
use crate::store::WriteOperation;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use twinspire_core::ids::{ItemNo, Revision};

/// The most bytes of ids and records in one frame of the journal, unless a single call is larger.
const MAX_FRAME_BYTES: usize = 64 << 20;

/// The groups that wait, and the state after them.
pub(super) struct Staging {
    /// Oldest first. Calls join the last one.
    groups: VecDeque<OpenGroup>,
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
    /// Whether a panic left a state half changed.
    is_interrupted: bool,
}

/// A group that calls may still join.
struct OpenGroup {
    frame: FrameBuilder,
    /// Bytes of ids and records.
    bytes: usize,
    /// The state after its calls, once another group follows.
    snapshot: Option<Arc<Snapshot>>,
    /// The next item number after its calls.
    next_item: ItemNo,
    waiting: Waiting,
}

/// A call that is checked and embedded.
pub(super) struct StagedCall {
    /// Its operations.
    pub(super) frame: FrameBuilder,
    /// Bytes of ids and records.
    pub(super) bytes: usize,
    /// The next item number after the call.
    pub(super) next_item: ItemNo,
}

/// The calls of one frame.
pub(super) struct Group {
    /// Their operations, in order.
    pub(super) frame: FrameBuilder,
    /// The state after them.
    pub(super) snapshot: Arc<Snapshot>,
    /// The next item number after them.
    pub(super) next_item: ItemNo,
    /// The threads that wait for them.
    pub(super) waiting: Waiting,
}

/// The threads whose calls are in one group, and how they learn what became of it.
#[derive(Default)]
pub(super) struct Waiting {
    outcome: Arc<OnceLock<Outcome>>,
    threads: Vec<Thread>,
}

/// What a call waits for.
pub(super) struct Ticket {
    /// Its last revision.
    pub(super) last: Revision,
    outcome: Arc<OnceLock<Outcome>>,
}

/// What became of a group.
#[derive(Clone)]
pub(super) enum Outcome {
    /// It is durable, and the journal has this many bytes.
    Durable { journal_bytes: u64 },
    /// It was lost with another group, or failed, and nothing of it is on the disk.
    Lost,
    /// Only the disk knows what is left of it.
    Uncertain(WriteOperation, Arc<Error>),
}

impl Ticket {
    /// What became of the call; `None` while it waits.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }
}

impl Waiting {
    /// Tells the threads what became of their calls. They look when they are next [woken](Self::wake).
    pub(super) fn settle(&self, outcome: Outcome) {
        // A group is settled once: whoever took it out of the queue has it alone.
        let _ = self.outcome.set(outcome);
    }

    /// Wakes all threads.
    pub(super) fn wake(&self) {
        self.threads.iter().for_each(Thread::unpark);
    }
}

impl Staging {
    /// Nothing waits; the journal ends at `last`.
    pub(super) fn new(next_item: ItemNo, last: Revision) -> Self {
        Self {
            groups: VecDeque::new(),
            latest: None,
            next_item,
            last,
            durable: last,
            durable_next_item: next_item,
            is_interrupted: false,
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

    /// Whether no call waits.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a call of this thread. `change` makes the state after all other calls, or `current` if there are
    /// none, into the state after this call.
    pub(super) fn add(
        &mut self,
        call: StagedCall,
        current: Arc<Snapshot>,
        change: impl FnOnce(&mut Snapshot),
    ) -> Ticket {
        let StagedCall {
            frame,
            bytes,
            next_item,
        } = call;
        let count = u64::from(frame.count());
        let fits = |group: &OpenGroup| group.bytes + bytes <= MAX_FRAME_BYTES;
        let mut group = match self.groups.pop_back() {
            Some(mut group) if fits(&group) => {
                group.frame.append(&frame);
                group.bytes += bytes;
                group
            }
            full => {
                self.groups.extend(full.map(|full| OpenGroup {
                    snapshot: self.latest.clone(),
                    ..full
                }));
                OpenGroup {
                    frame,
                    bytes,
                    snapshot: None,
                    next_item,
                    waiting: Waiting::default(),
                }
            }
        };
        group.next_item = next_item;
        group.waiting.threads.push(std::thread::current());
        // The state is changed in place unless readers or an earlier group hold it.
        let mut next = self.latest.take().unwrap_or(current);
        let change = AssertUnwindSafe(|| change(Arc::make_mut(&mut next)));
        if let Err(panic) = catch_unwind(change) {
            self.groups.push_back(group);
            self.interrupt().iter().for_each(Waiting::wake);
            resume_unwind(panic);
        }
        self.last = Revision(self.last.0 + count);
        self.next_item = next_item;
        self.latest = Some(next);
        let ticket = Ticket {
            last: self.last,
            outcome: Arc::clone(&group.waiting.outcome),
        };
        self.groups.push_back(group);
        ticket
    }

    /// Takes the oldest group; `None` if none waits.
    pub(super) fn take_group(&mut self) -> Option<Group> {
        let group = self.groups.pop_front()?;
        // It is the last one if no state was kept for it.
        let snapshot = group.snapshot.or_else(|| self.latest.clone())?;
        Some(Group {
            frame: group.frame,
            snapshot,
            next_item: group.next_item,
            waiting: group.waiting,
        })
    }

    /// Records that a group is durable, up to `last`, and its state the current one.
    pub(super) fn succeed(&mut self, next_item: ItemNo, last: Revision) {
        self.durable = last;
        self.durable_next_item = next_item;
        if self.groups.is_empty() {
            self.latest = None;
        }
    }

    /// Records that a group failed: all that were staged after it are lost. Returns their threads, which are
    /// to be woken.
    pub(super) fn fail(&mut self) -> Vec<Waiting> {
        self.last = self.durable;
        self.next_item = self.durable_next_item;
        self.lose_all()
    }

    /// Records that a panic left a state half changed. All waiting calls are lost, and no other may be staged.
    /// Returns the threads to wake. Revisions and item numbers are not given again: a group may be with the
    /// journal.
    fn interrupt(&mut self) -> Vec<Waiting> {
        self.is_interrupted = true;
        self.lose_all()
    }

    /// Whether a panic ended the staging of a call.
    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    fn lose_all(&mut self) -> Vec<Waiting> {
        self.latest = None;
        let lost = self.groups.drain(..).map(|group| group.waiting);
        lost.inspect(|waiting| waiting.settle(Outcome::Lost))
            .collect()
    }

    /// The first thread of the oldest group, which writes next; `None` if no call waits.
    pub(super) fn next_leader(&self) -> Option<Thread> {
        let oldest = self.groups.front()?;
        oldest.waiting.threads.first().cloned()
    }
}
