//! The locks and shared state of a database that is open for writing.

use super::backlog::Limits;
use super::lock::lock;
use super::pending::{PendingFile, PendingFiles};
use super::signal::Signal;
use super::staging::{Outcome, Staging, Ticket, Waiting};
use super::stopped::Stopped;
use super::writer::Writer;
use crate::catalog::Index;
use crate::error::Error;
use crate::snapshot::Live;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use twinspire_core::files::names;
use twinspire_core::ids::{FileNo, GenerationNo, ItemNo, Revision};
use twinspire_core::telemetry;

/// What a database has only while it is open for writing. Locks are taken in the order of the fields.
pub(crate) struct Writing {
    /// Held by the one publish at a time.
    publish_lock: Mutex<()>,
    /// Held by the one merge at a time.
    merge_lock: Mutex<()>,
    /// Held while segments or generations are added or removed.
    state_lock: Mutex<()>,
    /// Held while puts are made durable, and for a commit.
    writer: Mutex<Writer>,
    /// Held while a put is checked and embedded, and for a commit.
    staging: Mutex<Staging>,
    /// Whether a thread makes puts durable for all that wait.
    has_leader: AtomicBool,
    /// Files under construction.
    pub(super) pending: PendingFiles,
    /// Sled's index of unsealed items.
    pub(super) index: Index,
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
    /// `next_item` is the next item number, `file_lock` the lock on the database directory.
    pub(crate) fn new(
        writer: Writer,
        next_item: ItemNo,
        index: Index,
        limits: Limits,
        file_lock: Box<dyn Send + Sync>,
    ) -> Self {
        Self {
            publish_lock: Mutex::default(),
            merge_lock: Mutex::default(),
            state_lock: Mutex::default(),
            has_leader: AtomicBool::new(false),
            staging: Mutex::new(Staging::new(next_item, writer.journal.last())),
            writer: Mutex::new(writer),
            pending: PendingFiles::default(),
            index,
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

    /// Locks the writer to commit. Puts that wait are made durable first; others wait until the guard is
    /// dropped, so that the current state is the last one.
    ///
    /// # Errors
    /// [`Error::Forked`] in a fork of the process that opened the database; why the writer has
    /// stopped, if it has.
    pub(super) fn lock_writer(&self, live: &Live) -> Result<WriterGuard<'_>, Error> {
        let mut writer = self.lock_idle()?;
        loop {
            let staging = lock(&self.staging);
            if staging.is_empty() {
                return Ok(WriterGuard { writer, staging });
            }
            drop(staging);
            // Without the writer stopped, a failure concerns the puts alone, which get it.
            let (flushed, woken) = self.flush_group(live, &mut writer);
            woken.iter().for_each(Waiting::wake);
            if writer.stopped.is_some() {
                flushed?;
            }
        }
    }

    /// Locks the writer, while puts may wait.
    fn lock_idle(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        self.check_process()?;
        let writer = lock(&self.writer);
        match &writer.stopped {
            Some(stopped) => Err(stopped.error()),
            None => Ok(writer),
        }
    }

    /// Locks the puts that wait, to add one.
    ///
    /// # Errors
    /// [`Error::Forked`]; [`Error::Internal`] if a panic ended an earlier put midway.
    pub(super) fn lock_staging(&self) -> Result<MutexGuard<'_, Staging>, Error> {
        self.check_process()?;
        let staging = lock(&self.staging);
        match staging.is_interrupted() {
            true => Err(Stopped::Interrupted.error()),
            false => Ok(staging),
        }
    }

    /// Waits until a put is durable and readers see it. One of the threads that wait makes durable what all of
    /// them put. Returns the bytes of the journal; `None` if the put was lost with an earlier one and has to be
    /// done again.
    pub(super) fn make_durable(&self, live: &Live, ticket: Ticket) -> Result<Option<u64>, Error> {
        loop {
            match ticket.outcome() {
                Some(Outcome::Durable { journal_bytes }) => return Ok(Some(*journal_bytes)),
                Some(Outcome::Lost) => return Ok(None),
                Some(Outcome::Uncertain(operation, source)) => {
                    let (operation, source) = (*operation, Arc::clone(source));
                    return Err(Error::Uncertain { operation, source });
                }
                None => {}
            }
            if self.has_leader.swap(true, Ordering::AcqRel) {
                // The leader wakes this thread when its put is settled, or to lead next.
                thread::park();
                continue;
            }
            let leader = Leader(self);
            let (flushed, woken) = self.flush_group(live, &mut lock(&self.writer));
            // The next sync begins before the threads of this one go on.
            drop(leader);
            woken.iter().for_each(Waiting::wake);
            flushed?;
        }
    }

    /// Appends the oldest group of puts that wait to the journal, as one frame, and makes them durable. Then they
    /// are applied to the index, and readers see them. Returns the threads to wake, whose puts are settled.
    fn flush_group(&self, live: &Live, writer: &mut Writer) -> (Result<(), Error>, Vec<Waiting>) {
        let Some(mut group) = lock(&self.staging).take_group() else {
            return (Ok(()), Vec::new());
        };
        let appended = match &writer.stopped {
            Some(stopped) => Err(stopped.error()),
            None => {
                let _span =
                    telemetry::trace_span!("append", changes = group.frame.count()).entered();
                writer.append(&mut group.frame)
            }
        };
        let before = match appended {
            Ok(before) => before,
            Err(error) => {
                let outcome = match &error {
                    Error::Uncertain { operation, source } => {
                        Outcome::Uncertain(*operation, Arc::clone(source))
                    }
                    _ => Outcome::Lost,
                };
                let mut woken = lock(&self.staging).fail();
                group.waiting.settle(outcome);
                woken.push(group.waiting);
                return (Err(error), woken);
            }
        };
        self.index.apply(before.next(), &group.frame);
        live.snapshot.store(group.snapshot);
        lock(&self.staging).succeed(group.next_item, writer.journal.last());
        let journal_bytes = writer.journal.bytes();
        group.waiting.settle(Outcome::Durable { journal_bytes });
        (Ok(()), vec![group.waiting])
    }

    fn check_process(&self) -> Result<(), Error> {
        match std::process::id() == self.process {
            true => Ok(()),
            false => Err(Error::Forked),
        }
    }

    /// Checks that the database can be written to, before work that would be in vain.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        self.lock_idle().map(drop)
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
        let number = self.lock_idle()?.take_file_number();
        let name = names::join(names::SEGMENTS, &name(number));
        Ok((number, self.protect(name)))
    }

    /// Closes the journal. Nothing is written afterwards.
    pub(crate) fn close(&self) {
        if let Ok(mut writer) = self.lock_idle()
            && let Err(error) = writer.journal.close()
        {
            // No write is lost. The next opening treats the journal's end as possibly torn.
            telemetry::warn!("the journal could not be closed: {error}");
        }
    }
}

/// The thread that makes puts durable for all that wait. Dropping this lets another thread lead: one whose put
/// waits is woken for it.
struct Leader<'a>(&'a Writing);

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.0.has_leader.store(false, Ordering::Release);
        let next = lock(&self.0.staging).next_leader();
        next.inspect(Thread::unpark);
    }
}

/// The writer, locked to commit: no put waits.
pub(super) struct WriterGuard<'a> {
    writer: MutexGuard<'a, Writer>,
    staging: MutexGuard<'a, Staging>,
}

impl WriterGuard<'_> {
    /// The next item number.
    pub(super) fn next_item(&self) -> ItemNo {
        self.staging.next_item()
    }
}

impl Deref for WriterGuard<'_> {
    type Target = Writer;

    fn deref(&self) -> &Writer {
        &self.writer
    }
}

impl DerefMut for WriterGuard<'_> {
    fn deref_mut(&mut self) -> &mut Writer {
        &mut self.writer
    }
}
