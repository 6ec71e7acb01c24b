//! Journal files: recovered when the database opens, appended to by the one writer.

use super::{CatalogError, Loss};
use crate::format::container::{Header, Kind};
use crate::format::journal::{self as bytes_of, Frame, Hole, Op};
use crate::format::{Damage, FormatError};
use crate::store::{Directory, StoreError, WriteOperation, fresh_identity};
use std::path::{Path, PathBuf};
use twinspire_core::files::{NewFile, names};
use twinspire_core::ids::{FileNo, Revision};

/// What the journal files hold beyond the sealed revision.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Every unsealed operation in order of revision.
    pub(crate) ops: Vec<(Revision, Op)>,
    /// The last revision there is, sealed or not.
    pub(crate) last: Revision,
    /// What was acknowledged and cannot be read, and what is damaged without a loss.
    pub(crate) losses: Vec<Loss>,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// The files read, each with its last revision.
    files: Vec<Closed>,
    /// The last revision of each call.
    calls: Vec<Revision>,
    /// Whether the last call is followed by the mark of a proper close: then its sync succeeded.
    closed: bool,
}

/// A file no longer written to.
#[derive(Debug)]
struct Closed {
    path: PathBuf,
    last: Revision,
    bytes: u64,
}

/// Reads every journal file; operations up to `sealed` are passed over, and so are copies. Damage is no error here: the
/// losses tell it.
pub(crate) fn read(
    directory: &Directory,
    database: u64,
    sealed: Revision,
) -> Result<Recovered, CatalogError> {
    let mut found = Recovered {
        ops: Vec::new(),
        last: sealed,
        losses: Vec::new(),
        bytes: 0,
        files: Vec::new(),
        calls: Vec::new(),
        closed: false,
    };
    for path in paths(directory)? {
        let blob = directory
            .files
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        let last = found.take(&path, &blob, database, sealed);
        let bytes = blob.len() as u64;
        found.bytes += bytes;
        found.files.push(Closed { path, last, bytes });
    }
    Ok(found)
}

/// [`read`], with any loss an error.
pub(crate) fn recover(
    directory: &Directory,
    database: u64,
    sealed: Revision,
) -> Result<Recovered, CatalogError> {
    let mut found = read(directory, database, sealed)?;
    match found.losses.is_empty() {
        true => Ok(found),
        false => Err(CatalogError::Lost(found.losses.remove(0))),
    }
}

/// Everything unsealed as the content of one journal file that was closed; none if there is nothing.
/// Calls stay whole.
///
/// # Errors
/// Any loss, as [`recover`].
pub(crate) fn unsealed(
    directory: &Directory,
    database: u64,
    sealed: Revision,
) -> Result<Option<Vec<u8>>, CatalogError> {
    let recovered = recover(directory, database, sealed)?;
    if recovered.last == sealed {
        return Ok(None);
    }
    let header = Header {
        kind: Kind::Journal,
        identity: fresh_identity(),
        database,
        before: sealed.0,
    };
    let mut out = header.encode().to_vec();
    let mut ops = recovered.ops.into_iter().peekable();
    for last in recovered.calls {
        let Some((first, _)) = ops.peek() else { break };
        let first = *first;
        let mut frame = Frame {
            first,
            ops: Vec::new(),
        };
        while let Some((_, op)) = ops.next_if(|(revision, _)| *revision <= last) {
            frame.ops.push(op);
        }
        out.extend(
            frame
                .encode()
                .map_err(StoreError::format(&directory.root))?,
        );
    }
    let (first, ops) = (recovered.last.next(), Vec::new());
    let end = Frame { first, ops };
    out.extend(end.encode().map_err(StoreError::format(&directory.root))?);
    Ok(Some(out))
}

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
        .map_err(StoreError::io("create", &path))?;
    file.append(bytes).map_err(StoreError::io("write", &path))?;
    file.sync().map_err(StoreError::io("sync", &path))?;
    directory.sync_dir(&directory.root.join(names::JOURNAL))
}

/// The journal files, oldest first.
pub(crate) fn paths(directory: &Directory) -> Result<Vec<PathBuf>, StoreError> {
    let dir = directory.root.join(names::JOURNAL);
    let listed = directory.files.list(&dir);
    let listed = listed.map_err(StoreError::io("list", &dir))?;
    let mut numbered: Vec<_> = listed
        .iter()
        .filter_map(|name| Some((names::number_of(name, "journal")?, dir.join(name))))
        .collect();
    numbered.sort_unstable();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

impl Recovered {
    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// Takes in one file; gives its last revision.
    fn take(&mut self, path: &Path, bytes: &[u8], database: u64, sealed: Revision) -> Revision {
        let Some(journal) = bytes_of::decode(bytes) else {
            return Revision(0);
        };
        let lost_before = self.losses.len();
        let mut last = match journal.header {
            Ok(header) if header.database != database => {
                self.lose(
                    path,
                    FormatError::bad("header", "belongs to another database"),
                    None,
                );
                return Revision(0);
            }
            Ok(header) => {
                self.note_gap(path, Revision(header.before).next());
                Revision(header.before)
            }
            Err(error) => {
                self.lose(path, error, None);
                Revision(0)
            }
        };
        for frame in journal.frames {
            last = last.max(frame.last());
            self.note_gap(path, frame.first);
            self.closed = frame.ops.is_empty();
            if frame.last() > self.last {
                self.calls.push(frame.last());
            }
            for (revision, op) in (frame.first.0..).map(Revision).zip(frame.ops) {
                if revision > self.last {
                    self.last = revision;
                    self.ops.push((revision, op));
                }
            }
        }
        // Damage that leaves no gap cost nothing, but must not go unsaid.
        let matters = |hole: &&Hole| hole.next.is_some_and(|next| next > sealed.next());
        if let Some(hole) = journal.holes.iter().find(matters)
            && self.losses.len() == lost_before
        {
            let torn = Damage::TornFrame { at: hole.at };
            self.lose(path, FormatError::bad("frame", torn), None);
        }
        last
    }

    /// Notes a loss unless all before `next` is there.
    fn note_gap(&mut self, path: &Path, next: Revision) {
        let due = self.last.next();
        if next > due {
            let to = Revision(next.0 - 1);
            let missing = FormatError::bad("frame", Damage::MissingFrames);
            self.lose(path, missing, Some((due, to)));
            self.last = to;
        }
    }

    fn lose(&mut self, path: &Path, error: FormatError, lost: Option<(Revision, Revision)>) {
        let FormatError { section, what } = error;
        self.losses.push(Loss {
            path: path.to_owned(),
            section,
            what,
            lost,
        });
    }
}

/// The journal as the writer has it.
pub(crate) struct Journal {
    directory: Directory,
    database: u64,
    last: Revision,
    closed: Vec<Closed>,
    open: Option<Open>,
    /// The last call of whoever wrote before and did not close the journal. If that one's sync failed,
    /// no sync tells any more whether the call is on the disk, though it can be read: it is written
    /// once more before anyone is shown it, or, on a full disk, before anything builds on it.
    undecided: Option<Frame>,
}

/// The file written to.
struct Open {
    path: PathBuf,
    file: Box<dyn NewFile>,
    bytes: u64,
}

impl Journal {
    /// Goes on after what was recovered, once that is durable: a predecessor may have died between
    /// writing and syncing it. `number` names a file if one has to be begun for that.
    pub(crate) fn resume(
        directory: Directory,
        database: u64,
        recovered: Recovered,
        number: impl FnOnce() -> FileNo,
    ) -> Result<Self, CatalogError> {
        for Closed { path, .. } in &recovered.files {
            directory
                .files
                .sync_file(path)
                .map_err(StoreError::io("sync", path))?;
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
        let undecided = first.filter(|_| !closed).map(|first| Frame {
            first,
            ops: ops.map(|(_, op)| op).collect(),
        });
        let mut journal = Self {
            directory,
            database,
            last: recovered.last,
            closed: recovered.files,
            open: None,
            undecided,
        };
        if let Some(frame) = journal.undecided.clone() {
            match journal.begin(number()) {
                Ok(open) => journal.open = Some(open),
                Err(error) => {
                    log::warn!("the last call is not written once more yet: {error}");
                    journal.undecided = Some(frame);
                }
            }
        }
        Ok(journal)
    }

    /// The revision of the last write.
    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    /// Bytes of the files there are.
    pub(crate) fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        closed + self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// Appends the operations of one call and makes them durable; gives them back with the first
    /// one's revision. `number` names the file if one has to be begun.
    ///
    /// After an error that is [uncertain](StoreError::Uncertain) the journal must not be used again.
    /// After any other nothing was written.
    pub(crate) fn append(
        &mut self,
        ops: Vec<Op>,
        number: impl FnOnce() -> FileNo,
    ) -> Result<(Revision, Vec<Op>), CatalogError> {
        let frame = Frame {
            first: self.last.next(),
            ops,
        };
        let bytes = encode(&frame, &self.directory.root)?;
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin(number())?,
        };
        self.open = Some(write(open, &bytes)?);
        self.last = frame.last();
        Ok((frame.first, frame.ops))
    }

    /// What is appended from now on goes to another file, so that this one can be dropped once it is
    /// sealed.
    pub(crate) fn rotate(&mut self) {
        if let Some(Open { path, bytes, .. }) = self.open.take() {
            let last = self.last;
            self.closed.push(Closed { path, last, bytes });
        }
    }

    /// Marks the file as closed, so that its last frame cannot be taken for one that was torn.
    pub(crate) fn close(&mut self) -> Result<(), CatalogError> {
        if let Some(open) = self.open.take() {
            let (first, ops) = (self.last.next(), Vec::new());
            let Open { path, bytes, .. } =
                write(open, &encode(&Frame { first, ops }, &self.directory.root)?)?;
            let last = self.last;
            self.closed.push(Closed { path, last, bytes });
        }
        Ok(())
    }

    /// Unlinks the files whose every operation is sealed; one that cannot be removed is tried again
    /// at the next seal.
    pub(crate) fn drop_sealed(&mut self, sealed: Revision) {
        self.undecided = self.undecided.take().filter(|frame| frame.last() > sealed);
        let files = &self.directory.files;
        self.closed
            .retain(|closed| closed.last > sealed || files.remove(&closed.path).is_err());
    }

    fn begin(&mut self, number: FileNo) -> Result<Open, StoreError> {
        let path = self.directory.path(names::JOURNAL, &names::journal(number));
        let mut file = self
            .directory
            .files
            .create_new(&path)
            .map_err(StoreError::io("create", &path))?;
        let undecided = self.undecided.take();
        let due = undecided
            .as_ref()
            .map_or(self.last.next(), |frame| frame.first);
        let header = Header {
            kind: Kind::Journal,
            identity: fresh_identity(),
            database: self.database,
            before: due.0.saturating_sub(1),
        };
        let header = header.encode();
        // From here on the file exists: what is torn in it would be taken for damage if more followed.
        let uncertain = StoreError::uncertain(WriteOperation::Append);
        file.append(&header)
            .map_err(|error| uncertain(StoreError::io("write", &path)(error)))?;
        // Each by itself: a power cut must not keep what follows and lose what is before it.
        file.sync()
            .map_err(|error| uncertain(StoreError::io("sync", &path)(error)))?;
        self.directory
            .sync_dir(&self.directory.root.join(names::JOURNAL))
            .map_err(&uncertain)?;
        let bytes = header.len() as u64;
        let open = Open { path, file, bytes };
        match undecided {
            Some(frame) => {
                let bytes = encode(&frame, &self.directory.root).map_err(&uncertain)?;
                write(open, &bytes)
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
fn write(mut open: Open, bytes: &[u8]) -> Result<Open, StoreError> {
    let path = &open.path;
    let uncertain = StoreError::uncertain(WriteOperation::Append);
    open.file
        .append(bytes)
        .map_err(|error| uncertain(StoreError::io("write", path)(error)))?;
    open.file
        .sync()
        .map_err(|error| uncertain(StoreError::io("sync", path)(error)))?;
    open.bytes += bytes.len() as u64;
    Ok(open)
}
