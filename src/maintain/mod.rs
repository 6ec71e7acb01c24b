//! Writing: puts, seals, merges, publishes and rollbacks, each one a new state that replaces the old
//! whole.
//!
//! What takes long (embedding, building graphs, writing segments) is done without a lock, on a state
//! that cannot change under it; the commit that follows is refused if the state has moved on in a
//! way that matters. The locks of [`Writing`] are taken in the order in which they stand there.
//! A failure before the rename of CURRENT costs nothing but files that collection removes, and the
//! operation can be tried again. After a failed rename, or a failed append to the journal, only the
//! disk knows the outcome: the writer is [stopped](stopped) until the database is opened again.

mod background;
mod calibrate;
mod collect;
mod copy;
mod define;
mod flip;
mod merge;
mod progress;
mod publish;
mod rollback;
mod seal;
mod segment;
mod stopped;
mod vectors;
mod write;

pub(crate) use background::Background;
pub(crate) use calibrate::calibrate;
pub(crate) use collect::{collect, garbage, tidy};
pub(crate) use copy::snapshot;
pub(crate) use define::define;
pub(crate) use merge::{Extent, merge};
pub(crate) use progress::{Monitor, ProgressCallback};
pub use progress::{Progress, ProgressStage};
pub(crate) use publish::{Publish, publish};
pub(crate) use rollback::{retain, rollback};
pub(crate) use seal::seal;
pub(crate) use segment::Contents;
#[cfg(test)]
pub(crate) use vectors::Vectors;
pub(crate) use vectors::{Given, Source};
pub(crate) use write::write;

use stopped::Stopped;

use crate::catalog::Journal;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::snapshot::{Live, Snapshot};
use crate::store;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use twinspire_core::ids::{FileNo, ItemNo, Revision};

/// When fresh writes are sealed without being told to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the journal.
    pub(crate) journal_bytes: u64,
    /// Writes not yet sealed, where there is a space: each recall scans their vectors.
    pub(crate) writes: u64,
}

/// What only a database open for writing has.
pub(crate) struct Writing {
    /// Held by the one publish that may run at a time.
    publishing: Mutex<()>,
    /// Held by the one merge that may run at a time.
    merging: Mutex<()>,
    /// Held by whoever changes which segments and generations there are, so that nobody else does.
    state: Mutex<()>,
    /// Held for as long as a put takes, or a commit.
    writer: Mutex<Writer>,
    /// Files being made, which no manifest names yet.
    making: Mutex<BTreeSet<String>>,
    /// When to seal.
    limits: Limits,
    /// Where the background thread waits for work.
    signal: background::Signal,
    /// Set when the database is being closed: what takes long is given up.
    cancelled: AtomicBool,
    /// The process that opened the database: a fork of it must not write.
    process: u32,
    _lock: Box<dyn Send + Sync>,
}

/// What only the thread that writes may touch.
pub(crate) struct Writer {
    /// Where writes are acknowledged.
    pub(crate) journal: Journal,
    /// The next item number to give.
    pub(crate) next_item: ItemNo,
    /// The next file number to give.
    pub(crate) next_file: FileNo,
    /// What a publish that is under way has in it: later deletes must be remembered for it.
    publishing: Option<Revision>,
    /// Why nothing is written any more; `None` while writes go on.
    stopped: Option<Stopped>,
}

impl Writer {
    /// A writer that goes on with a journal.
    pub(crate) fn new(journal: Journal, next_item: ItemNo, next_file: FileNo) -> Self {
        Self {
            journal,
            next_item,
            next_file,
            publishing: None,
            stopped: None,
        }
    }

    /// Stops all writing after an error that leaves the state of the disk unknown; gives the error.
    fn failed(&mut self, error: Error) -> Error {
        self.stopped = Stopped::by(&error);
        error
    }

    /// A file number never used before.
    fn number(&mut self) -> FileNo {
        let number = self.next_file;
        self.next_file = FileNo(number.0 + 1);
        number
    }
}

impl Writing {
    /// With the lock of the database held.
    pub(crate) fn new(writer: Writer, limits: Limits, lock: Box<dyn Send + Sync>) -> Self {
        Self {
            publishing: Mutex::default(),
            merging: Mutex::default(),
            state: Mutex::default(),
            writer: Mutex::new(writer),
            making: Mutex::default(),
            limits,
            signal: background::Signal::default(),
            cancelled: AtomicBool::new(false),
            process: std::process::id(),
            _lock: lock,
        }
    }

    /// The writer, if it may still write.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        if std::process::id() != self.process {
            return Err(Error::Forked);
        }
        let writer = held(&self.writer);
        match &writer.stopped {
            Some(stopped) => Err(stopped.error()),
            None => Ok(writer),
        }
    }

    /// Nothing is sealed, merged, flipped or collected while this is held.
    pub(crate) fn hold_state(&self) -> MutexGuard<'_, ()> {
        held(&self.state)
    }

    /// Everything stands still while this is held: the state, and the journal.
    pub(crate) fn hold_still(&self) -> (MutexGuard<'_, ()>, MutexGuard<'_, Writer>) {
        (held(&self.state), held(&self.writer))
    }

    /// Nothing is acknowledged, sealed or flipped while this is held: the index has every write that
    /// the snapshot has not sealed, and no later one.
    pub(crate) fn hold_writer(&self) -> MutexGuard<'_, Writer> {
        held(&self.writer)
    }

    /// Bytes of the journal.
    pub(crate) fn journal_bytes(&self) -> u64 {
        held(&self.writer).journal.bytes()
    }

    /// Whether nothing can be written any more.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_poisoned(&self) -> bool {
        held(&self.writer).stopped.is_some()
    }

    /// Takes a file or directory from collection until the guard is gone.
    pub(crate) fn make(&self, name: String) -> Making<'_> {
        held(&self.making).insert(name.clone());
        Making {
            writing: self,
            name,
        }
    }

    /// Ends the journal properly. The last call of all.
    pub(crate) fn close(&self) {
        if let Ok(mut writer) = self.writer()
            && let Err(error) = writer.journal.close()
        {
            // Nothing is lost by it: the next opening takes the end for one that may be torn.
            log::warn!("the journal could not be closed: {error}");
        }
    }
}

/// A file or directory being made.
pub(crate) struct Making<'a> {
    writing: &'a Writing,
    name: String,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        held(&self.writing.making).remove(&self.name);
    }
}

/// A lock, whether a thread panicked under it or not: no state is left halfway in memory.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one way to a new manifest: durable first, then seen by readers. The snapshot is what they see
/// then, and has to be open.
fn commit(
    live: &Live,
    writer: &mut Writer,
    manifest: &Manifest,
    snapshot: Snapshot,
) -> Result<(), Error> {
    // Stands if a panic ends the commit.
    writer.stopped = Some(Stopped::Interrupted);
    let committed = store::commit(&live.directory, manifest);
    writer.stopped = None;
    committed.map_err(|error| writer.failed(error.into()))?;
    live.snapshot.store(snapshot.into());
    Ok(())
}
