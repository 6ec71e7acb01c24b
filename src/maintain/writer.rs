//! The state of the one writer, behind its lock.

use super::stopped::Stopped;
use crate::catalog::Journal;
use crate::error::Error;
use crate::format::journal::FrameBuilder;
use twinspire_core::ids::{FileNo, Revision};

/// What a put or a commit changes on the disk. One thread at a time holds it.
pub(crate) struct Writer {
    /// The journal, where writes are acknowledged.
    pub(crate) journal: Journal,
    /// The next file number.
    pub(crate) next_file: FileNo,
    /// Cut of the generation that a publish is building. Merges keep later tombstones for it.
    pub(super) publish_cut: Option<Revision>,
    /// Why writing has stopped; `None` while the handle accepts writes.
    pub(super) stopped: Option<Stopped>,
}

impl Writer {
    /// A writer that continues a journal.
    pub(crate) fn new(journal: Journal, next_file: FileNo) -> Self {
        Self {
            journal,
            next_file,
            publish_cut: None,
            stopped: None,
        }
    }

    /// Takes a file number that was never used before.
    pub(super) fn take_file_number(&mut self) -> FileNo {
        take(&mut self.next_file)
    }

    /// Appends a frame to the journal and makes it durable. Returns the revision before the first. An
    /// error of unknown outcome stops the writer.
    pub(super) fn append(&mut self, frame: &mut FrameBuilder) -> Result<Revision, Error> {
        // Stands if a panic ends the append.
        self.stopped = Some(Stopped::Interrupted);
        let Self {
            journal, next_file, ..
        } = self;
        let before = journal.last();
        let appended = journal.append(frame, || take(next_file));
        self.stopped = None;
        match appended {
            Ok(()) => Ok(before),
            Err(error) => Err(self.fail(error.into())),
        }
    }

    /// Stops writing if an error leaves the state of the disk unknown. Returns the error.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.stopped = Stopped::by(&error);
        error
    }
}

fn take(next: &mut FileNo) -> FileNo {
    let number = *next;
    next.0 += 1;
    number
}
