//! Records of a caller: dicts, or the rows of a frame.

use crate::failure::Failure;
use crate::jobs::INTERVAL;
use crate::rows::{Locked, dicts};
use crate::sources::{self, Given, Source};
use crate::{frames, json};
use arrow_array::RecordBatchReader;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::{panic, thread};
use twinspire::import::{ImportError, arrow};

/// Dicts that are passed on together by [`Records::stream`].
const STREAMED: usize = 64;
/// Groups of them that are read ahead.
const GROUPS_AHEAD: usize = 16;

/// What the rows of a frame are.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Items: a column `id` is needed.
    Items,
    /// Anything.
    Any,
}

/// Records that are read a batch at a time.
pub enum Records {
    /// From an iterator of dicts.
    Dicts(Py<PyIterator>),
    /// From record batches, or a file.
    Rows(Box<dyn Iterator<Item = Result<Value, ImportError>> + Send + Sync>),
}

impl Records {
    /// The records of a frame, or of an iterable of dicts.
    pub fn new(object: &Bound<'_, PyAny>, kind: Kind) -> Result<Self, Failure> {
        let given = Given::new(object);
        if let Some(reader) = frames::reader(&given.object)? {
            let (schema, options) = (reader.schema(), &given.options);
            let rows = match kind {
                Kind::Items => arrow::items_from(reader, &schema, frames::NAME, options)?,
                Kind::Any => arrow::records_from(reader, &schema, frames::NAME, options)?,
            };
            return Ok(Self::Rows(Box::new(Locked::new(rows))));
        }
        if object.is_instance_of::<Source>() {
            let all = match kind {
                Kind::Items => sources::items(object)?,
                Kind::Any => sources::users(object)?,
            };
            return Ok(Self::Rows(Box::new(all.into_iter().map(Ok))));
        }
        Ok(Self::Dicts(dicts(object)?.unbind()))
    }

    /// The next records, `most` at most; none at the end.
    pub fn take(&mut self, py: Python<'_>, most: usize) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Dicts(dicts) => {
                let dicts = dicts.bind(py).clone().take(most);
                let each = dicts.map(|dict| Ok(json::to_object(&dict?)?));
                each.collect()
            }
            Self::Rows(rows) => Ok(py.detach(|| rows.take(most).collect::<Result<_, _>>())?),
        }
    }

    /// All records.
    pub fn all(mut self, py: Python<'_>) -> Result<Vec<Value>, Failure> {
        self.take(py, usize::MAX)
    }
}

impl Records {
    /// Passes all records to `work`, which runs on a thread of its own while dicts are read under the interpreter's lock.
    /// Ctrl-C ends the records, and so the work.
    pub fn stream<T: Send>(
        mut self,
        py: Python<'_>,
        work: impl FnOnce(&mut dyn Iterator<Item = Value>) -> T + Send,
    ) -> Result<T, Failure> {
        let first = self.take(py, STREAMED)?;
        if first.len() < STREAMED {
            return Ok(py.detach(|| work(&mut first.into_iter())));
        }
        match self {
            Self::Dicts(_) => {
                let (sender, groups) = sync_channel(GROUPS_AHEAD);
                let rest = groups.into_iter().flatten();
                attend(
                    py,
                    || work(&mut first.into_iter().chain(rest)),
                    move |_| {
                        let sent = self.send(py, &sender);
                        drop(sender);
                        sent
                    },
                )
            }
            Self::Rows(rows) => {
                let (stopped, mut failed) = (AtomicBool::new(false), None);
                let rest = rows.map_while(|row| match stopped.load(Ordering::Relaxed) {
                    false => row.map_err(|error| failed = Some(error)).ok(),
                    true => None,
                });
                let result = attend(
                    py,
                    || work(&mut first.into_iter().chain(rest)),
                    |done| {
                        let waited = wait(py, done);
                        stopped.store(waited.is_err(), Ordering::Relaxed);
                        waited
                    },
                )?;
                failed.map_or(Ok(result), |error| Err(error.into()))
            }
        }
    }

    /// Reads dicts and sends them on, until there are no more or nobody takes them.
    fn send(&mut self, py: Python<'_>, groups: &SyncSender<Vec<Value>>) -> Result<(), Failure> {
        loop {
            let group = self.take(py, STREAMED)?;
            if group.is_empty() {
                return Ok(());
            }
            let sent = match groups.try_send(group) {
                Err(TrySendError::Full(group)) => py.detach(|| groups.send(group).is_ok()),
                sent => sent.is_ok(),
            };
            // The worker has failed, and has dropped the iterator.
            if !sent {
                return Ok(());
            }
            py.check_signals()?;
        }
    }
}

/// Does `work` on a thread of its own, while this one does `meanwhile`, which gets what is closed at the end of the
/// work.
fn attend<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send,
    meanwhile: impl FnOnce(&mut Receiver<()>) -> Result<(), Failure>,
) -> Result<T, Failure> {
    let (working, mut done) = channel::<()>();
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            let _working = working;
            work()
        });
        let attended = meanwhile(&mut done);
        let waited = attended.and_then(|()| wait(py, &mut done));
        let result = py.detach(|| worker.join());
        waited?;
        Ok(result.unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    })
}

/// Handles signals until what is waited for is closed.
fn wait(py: Python<'_>, done: &mut Receiver<()>) -> Result<(), Failure> {
    loop {
        let done = &mut *done;
        if py.detach(move || done.recv_timeout(INTERVAL)) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
        py.check_signals()?;
    }
}
