//! The journal, open for appending by its one writer.

use super::error::CatalogError;
use super::recovery::{ClosedFile, Recovered};
use crate::format::container::{Header, Kind};
use crate::format::journal::{Frame, FrameBuilder};
use crate::store::{Directory, StoreError, WriteOperation, fresh_identity};
use std::path::{Path, PathBuf};
use twinspire_core::files::{IoAction, NewFile, names};
use twinspire_core::ids::{FileNo, Revision};
use twinspire_core::telemetry;

/// Writes a whole journal file, such as [`unsealed`] returns. File and name are durable then.
pub(crate) fn write_closed(
    directory: &Directory,
    number: FileNo,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let path = directory.path(names::JOURNAL, &names::journal(number));
    let mut file = directory
        .files
        .create_new(&path)
        .map_err(StoreError::io(IoAction::Create, &path))?;
    file.append(bytes)
        .map_err(StoreError::io(IoAction::Write, &path))?;
    file.sync().map_err(StoreError::io(IoAction::Sync, &path))?;
    directory.sync_dir(&directory.root.join(names::JOURNAL))
}

/// The journal of the writer.
pub(crate) struct Journal {
    directory: Directory,
    database: u64,
    last: Revision,
    closed: Vec<ClosedFile>,
    open: Option<OpenFile>,
    /// The last call of a previous writer that did not close the journal.
    ///
    /// If its sync failed, no later sync tells whether it is on the disk, although it can be read. It is
    /// appended again before readers see it, or on a full disk before anything builds on it.
    unconfirmed: Option<Frame>,
}

/// The file that is written to.
struct OpenFile {
    path: PathBuf,
    file: Box<dyn NewFile>,
    bytes: u64,
}

impl Journal {
    /// Continues after what was recovered, once that is durable: the previous writer may have died
    /// between writing and syncing it. `number` returns the number of a file that this may need.
    pub(crate) fn resume(
        directory: Directory,
        database: u64,
        recovered: Recovered,
        number: impl FnOnce() -> FileNo,
    ) -> Result<Self, CatalogError> {
        for ClosedFile { path, .. } in &recovered.files {
            directory
                .files
                .sync_file(path)
                .map_err(StoreError::io(IoAction::Sync, path))?;
        }
        directory.sync_dir(&directory.root.join(names::JOURNAL))?;
        let Recovered {
            ops, calls, closed, ..
        } = recovered;
        let before = match calls[..] {
            [.., before, _] => before,
            _ => Revision(0),
        };
        let mut ops = ops
            .into_iter()
            .skip_while(|(revision, _)| *revision <= before)
            .peekable();
        let first = ops.peek().map(|(first, _)| *first);
        let unconfirmed = first.filter(|_| !closed).map(|first| Frame {
            first,
            ops: ops.map(|(_, op)| op).collect(),
        });
        let mut journal = Self {
            directory,
            database,
            last: recovered.last,
            closed: recovered.files,
            open: None,
            unconfirmed,
        };
        if let Some(frame) = journal.unconfirmed.clone() {
            match journal.start_file(number()) {
                Ok(open) => journal.open = Some(open),
                Err(error) => {
                    telemetry::warn!(
                        "the last call of the previous writer is not confirmed yet: {error}"
                    );
                    journal.unconfirmed = Some(frame);
                }
            }
        }
        Ok(journal)
    }

    /// Revision of the last write.
    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        closed + self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Appends a frame and makes it durable. `number` returns the number of a new file,
    /// if one is needed.
    ///
    /// After an error that is [uncertain](StoreError::Uncertain) the journal must not be used again.
    /// After any other nothing was written.
    pub(crate) fn append(
        &mut self,
        frame: &mut FrameBuilder,
        number: impl FnOnce() -> FileNo,
    ) -> Result<(), CatalogError> {
        let last = Revision(self.last.0 + u64::from(frame.count()));
        let path = self.directory.root.join(names::JOURNAL);
        let bytes = frame.finish(self.last.next());
        let bytes = bytes.map_err(StoreError::format(&path))?;
        let open = match self.open.take() {
            Some(open) => open,
            None => self.start_file(number())?,
        };
        self.open = Some(write_frame(open, bytes)?);
        self.last = last;
        Ok(())
    }

    /// Closes the current file: later appends go to a new one, so that a seal can drop this one. All of it
    /// is durable already, name included.
    pub(crate) fn rotate(&mut self) {
        if let Some(OpenFile { path, bytes, .. }) = self.open.take() {
            let last = self.last;
            self.closed.push(ClosedFile { path, last, bytes });
        }
    }

    /// Marks the current file as closed, so that its last frame does not count as possibly torn.
    pub(crate) fn close(&mut self) -> Result<(), CatalogError> {
        if let Some(open) = self.open.take() {
            let (first, ops) = (self.last.next(), Vec::new());
            let OpenFile { path, bytes, .. } =
                write_frame(open, &encode(&Frame { first, ops }, &self.directory.root)?)?;
            let last = self.last;
            self.closed.push(ClosedFile { path, last, bytes });
        }
        Ok(())
    }

    /// Unlinks the files that are sealed whole. The next seal tries again if one cannot be removed.
    pub(crate) fn drop_sealed(&mut self, sealed: Revision) {
        self.unconfirmed = self
            .unconfirmed
            .take()
            .filter(|frame| frame.last() > sealed);
        let files = &self.directory.files;
        self.closed
            .retain(|closed| closed.last > sealed || files.remove(&closed.path).is_err());
    }

    /// Creates the next journal file. Header and name are durable then, and so is the unconfirmed call,
    /// which it starts with.
    fn start_file(&mut self, number: FileNo) -> Result<OpenFile, StoreError> {
        let path = self.directory.path(names::JOURNAL, &names::journal(number));
        let mut file = self
            .directory
            .files
            .create_new(&path)
            .map_err(StoreError::io(IoAction::Create, &path))?;
        let unconfirmed = self.unconfirmed.take();
        let due = unconfirmed
            .as_ref()
            .map_or(self.last.next(), |frame| frame.first);
        let header = Header {
            kind: Kind::Journal,
            identity: fresh_identity(),
            database: self.database,
            before: due.0.saturating_sub(1),
        };
        let header = header.encode();
        // From here on the file exists: a torn header would count as damage if more followed.
        let uncertain = StoreError::uncertain(WriteOperation::Append);
        file.append(&header)
            .map_err(|error| uncertain(StoreError::io(IoAction::Write, &path)(error)))?;
        // Synced before the first frame: a power cut must not keep a frame and lose the header.
        file.sync()
            .map_err(|error| uncertain(StoreError::io(IoAction::Sync, &path)(error)))?;
        self.directory
            .sync_dir(&self.directory.root.join(names::JOURNAL))
            .map_err(&uncertain)?;
        let bytes = header.len() as u64;
        let open = OpenFile { path, file, bytes };
        match unconfirmed {
            Some(frame) => {
                let bytes = encode(&frame, &self.directory.root).map_err(&uncertain)?;
                write_frame(open, &bytes)
            }
            None => Ok(open),
        }
    }
}

fn encode(frame: &Frame, root: &Path) -> Result<Vec<u8>, StoreError> {
    let journal = root.join(names::JOURNAL);
    frame.encode().map_err(StoreError::format(&journal))
}

/// Appends an encoded frame and makes it durable.
fn write_frame(mut open: OpenFile, bytes: &[u8]) -> Result<OpenFile, StoreError> {
    let path = &open.path;
    let uncertain = StoreError::uncertain(WriteOperation::Append);
    open.file
        .append(bytes)
        .map_err(|error| uncertain(StoreError::io(IoAction::Write, path)(error)))?;
    open.file
        .sync()
        .map_err(|error| uncertain(StoreError::io(IoAction::Sync, path)(error)))?;
    open.bytes += bytes.len() as u64;
    Ok(open)
}
