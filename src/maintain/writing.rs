//! The locks and shared state of a database that is open for writing.

use super::backlog::Limits;
use super::lock::lock;
use super::pending::{PendingFile, PendingFiles};
use super::signal::Signal;
use super::writer::Writer;
use crate::error::Error;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard};
use twinspire_core::files::names;
use twinspire_core::ids::{FileNo, GenerationNo, Revision};

/// What a database has only while it is open for writing. Locks are taken in the order of the fields.
pub(crate) struct Writing {
    /// Held by the one publish at a time.
    publish_lock: Mutex<()>,
    /// Held by the one merge at a time.
    merge_lock: Mutex<()>,
    /// Held while segments or generations are added or removed.
    state_lock: Mutex<()>,
    /// Held for a put, and for a commit.
    writer: Mutex<Writer>,
    /// Files under construction.
    pub(super) pending: PendingFiles,
    /// When to seal.
    pub(super) limits: Limits,
    /// Wakes the background thread.
    pub(super) signal: Signal,
    /// Set when the database closes: long operations end.
    pub(super) cancelled: AtomicBool,
    /// The process that opened the database. A fork of it must not write.
    process: u32,
    _lock: Box<dyn Send + Sync>,
}

impl Writing {
    /// `file_lock` is the lock on the database directory.
    pub(crate) fn new(writer: Writer, limits: Limits, file_lock: Box<dyn Send + Sync>) -> Self {
        Self {
            publish_lock: Mutex::default(),
            merge_lock: Mutex::default(),
            state_lock: Mutex::default(),
            writer: Mutex::new(writer),
            pending: PendingFiles::default(),
            limits,
            signal: Signal::default(),
            cancelled: AtomicBool::new(false),
            process: std::process::id(),
            _lock: file_lock,
        }
    }

    /// Locks out other publishes.
    pub(super) fn lock_publish(&self) -> MutexGuard<'_, ()> {
        lock(&self.publish_lock)
    }

    /// Locks out other merges.
    pub(super) fn lock_merge(&self) -> MutexGuard<'_, ()> {
        lock(&self.merge_lock)
    }

    /// Locks out seals, the commits of merges and publishes, rollbacks and collection.
    pub(crate) fn lock_state(&self) -> MutexGuard<'_, ()> {
        lock(&self.state_lock)
    }

    /// Locks the writer to write.
    ///
    /// # Errors
    /// [`Error::Forked`] in a fork of the process that opened the database; why the writer has
    /// stopped, if it has.
    pub(super) fn lock_writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        if std::process::id() != self.process {
            return Err(Error::Forked);
        }
        let writer = lock(&self.writer);
        match &writer.stopped {
            Some(stopped) => Err(stopped.error()),
            None => Ok(writer),
        }
    }

    /// Checks that the database can be written to, before work that would be in vain.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        self.lock_writer().map(drop)
    }

    /// Pauses puts and commits, so that snapshot and index can be read as one state: together they
    /// then hold every acknowledged write once.
    pub(crate) fn pause_writes(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    /// Pauses every change: locks the state and the writer.
    pub(crate) fn pause_all(&self) -> (MutexGuard<'_, ()>, MutexGuard<'_, Writer>) {
        (lock(&self.state_lock), lock(&self.writer))
    }

    /// Sets or clears the cut that a publish is building from.
    pub(super) fn set_publish_cut(&self, cut: Option<Revision>) {
        lock(&self.writer).publish_cut = cut;
    }

    /// Bytes of the journal.
    pub(crate) fn journal_bytes(&self) -> u64 {
        lock(&self.writer).journal.bytes()
    }

    /// Whether writing has stopped.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_poisoned(&self) -> bool {
        lock(&self.writer).stopped.is_some()
    }

    /// A number for a new items segment, and the guard that keeps its file from collection.
    pub(super) fn reserve_items(&self) -> Result<(FileNo, PendingFile<'_>), Error> {
        self.reserve_segment(names::items)
    }

    /// A number for a new space segment, and the guard that keeps its file from collection.
    pub(super) fn reserve_space(&self) -> Result<(FileNo, PendingFile<'_>), Error> {
        self.reserve_segment(names::space)
    }

    /// Keeps the towers directory of a new generation from collection.
    pub(super) fn reserve_towers(&self, space: &str, number: GenerationNo) -> PendingFile<'_> {
        let name = names::towers(space, number);
        self.protect(names::join(names::TOWERS, &name))
    }

    /// Keeps a file or directory from collection until the guard is dropped.
    pub(crate) fn protect(&self, name: String) -> PendingFile<'_> {
        self.pending.register(name)
    }

    fn reserve_segment(
        &self,
        name: impl Fn(FileNo) -> String,
    ) -> Result<(FileNo, PendingFile<'_>), Error> {
        let number = self.lock_writer()?.take_file_number();
        let name = names::join(names::SEGMENTS, &name(number));
        Ok((number, self.protect(name)))
    }

    /// Closes the journal. Nothing is written afterwards.
    pub(crate) fn close(&self) {
        if let Ok(mut writer) = self.lock_writer()
            && let Err(error) = writer.journal.close()
        {
            // No write is lost. The next opening treats the journal's end as possibly torn.
            log::warn!("the journal could not be closed: {error}");
        }
    }
}
