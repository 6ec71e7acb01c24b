//! Journal files: recovered when the database opens, appended to by the one writer.

use super::CatalogError;
use crate::files::{NewFile, names};
use crate::format::FormatError;
use crate::format::container::{Header, Kind};
use crate::format::journal::{self as bytes_of, End, Frame, Op};
use crate::ids::{FileNo, Revision};
use crate::store::{Directory, StoreError, fresh_identity};
use std::path::PathBuf;

/// What the journal files hold beyond the sealed revision.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Every unsealed operation in order of revision.
    pub(crate) ops: Vec<(Revision, Op)>,
    /// The last revision there is, sealed or not.
    pub(crate) last: Revision,
    /// The files read, each with its last revision.
    files: Vec<(PathBuf, Revision)>,
    /// The first revision of the last call, as far as that is not sealed.
    last_call: Option<Revision>,
}

/// Reads every journal file; operations up to `sealed` are passed over, and so are copies.
pub(crate) fn recover(
    directory: &Directory,
    database: u64,
    sealed: Revision,
) -> Result<Recovered, CatalogError> {
    let dir = directory.root.join(names::JOURNAL);
    let listed = directory
        .files
        .list(&dir)
        .map_err(StoreError::io("list", &dir))?;
    let mut found = Recovered {
        ops: Vec::new(),
        last: sealed,
        files: Vec::new(),
        last_call: None,
    };
    for name in listed
        .iter()
        .filter(|name| names::number_of(name, "journal").is_some())
    {
        let path = dir.join(name);
        let wrong = StoreError::format(&path);
        let blob = directory
            .files
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        let Some(journal) = bytes_of::decode(&blob).map_err(&wrong)? else {
            found.files.push((path, Revision(0)));
            continue;
        };
        if journal.header.database != database {
            return Err(wrong(FormatError::bad("header", "belongs to another database")).into());
        }
        let mut last = Revision(journal.header.before);
        for frame in journal.frames {
            last = frame.last();
            found.last_call = Some(frame.first.max(sealed.next()));
            for (step, op) in frame.ops.into_iter().enumerate() {
                let revision = Revision(frame.first.0.saturating_add(step as u64));
                if revision <= found.last {
                    continue;
                }
                if revision != found.last.next() {
                    return Err(CatalogError::Lost {
                        from: found.last.next(),
                        to: Revision(revision.0.saturating_sub(1)),
                    });
                }
                found.last = revision;
                found.ops.push((revision, op));
            }
        }
        if let End::Damaged { at } = journal.end {
            let what = format!("damaged at byte {at}, with acknowledged writes after it");
            return Err(wrong(FormatError::bad("frame", what)).into());
        }
        found.files.push((path, last));
    }
    Ok(found)
}

/// The journal as the writer has it.
pub(crate) struct Journal {
    directory: Directory,
    database: u64,
    last: Revision,
    /// Files no longer written to, each with its last revision.
    closed: Vec<(PathBuf, Revision)>,
    open: Option<(PathBuf, Box<dyn NewFile>)>,
    /// The last call of whoever wrote before. If that one's sync failed, no sync tells any more
    /// whether it is on the disk, though it can be read: it is written once more before anything
    /// builds on it.
    undecided: Option<Frame>,
}

impl Journal {
    /// Goes on after what was recovered, once that is durable: a predecessor may have died between
    /// writing and syncing it.
    pub(crate) fn resume(
        directory: Directory,
        database: u64,
        recovered: Recovered,
    ) -> Result<Self, CatalogError> {
        for (path, _) in &recovered.files {
            directory
                .files
                .sync_file(path)
                .map_err(StoreError::io("sync", path))?;
        }
        directory.sync_dir(&directory.root.join(names::JOURNAL))?;
        let Recovered { ops, last_call, .. } = recovered;
        let undecided = last_call.map(|first| Frame {
            first,
            ops: ops
                .into_iter()
                .filter(|(revision, _)| *revision >= first)
                .map(|(_, op)| op)
                .collect(),
        });
        Ok(Self {
            directory,
            database,
            last: recovered.last,
            closed: recovered.files,
            open: None,
            undecided: undecided.filter(|frame| !frame.ops.is_empty()),
        })
    }

    /// The revision of the last write.
    pub(crate) fn last(&self) -> Revision {
        self.last
    }

    /// Appends the operations of one call and makes them durable; gives the first one's revision.
    /// `number` names the file if one has to be begun.
    ///
    /// After an error it is unknown whether they were kept: the journal must not be used again.
    pub(crate) fn append(
        &mut self,
        ops: Vec<Op>,
        number: impl FnOnce() -> FileNo,
    ) -> Result<Revision, CatalogError> {
        let frame = Frame {
            first: self.last.next(),
            ops,
        };
        let (path, mut file) = match self.open.take() {
            Some(open) => open,
            None => self.begin(number())?,
        };
        let bytes = frame.encode().map_err(StoreError::format(&path))?;
        file.append(&bytes)
            .map_err(StoreError::io("write", &path))?;
        file.sync().map_err(StoreError::io("sync", &path))?;
        self.open = Some((path, file));
        self.last = frame.last();
        Ok(frame.first)
    }

    /// Unlinks the files whose every operation is sealed; one that cannot be removed is tried again
    /// at the next seal.
    pub(crate) fn drop_sealed(&mut self, sealed: Revision) {
        if let Some((path, _)) = self.open.take() {
            self.closed.push((path, self.last));
        }
        self.undecided = self.undecided.take().filter(|frame| frame.last() > sealed);
        let files = &self.directory.files;
        self.closed
            .retain(|(path, last)| *last > sealed || files.remove(path).is_err());
    }

    fn begin(&mut self, number: FileNo) -> Result<(PathBuf, Box<dyn NewFile>), StoreError> {
        let path = self.directory.path(names::JOURNAL, &names::journal(number));
        let mut file = self
            .directory
            .files
            .create_new(&path)
            .map_err(StoreError::io("create", &path))?;
        let header = Header {
            kind: Kind::Journal,
            identity: fresh_identity(),
            database: self.database,
            before: self.last.0,
        };
        file.append(&header.encode())
            .map_err(StoreError::io("write", &path))?;
        // Each by itself: a power cut must not keep what follows and lose what is before it.
        file.sync().map_err(StoreError::io("sync", &path))?;
        self.directory
            .sync_dir(&self.directory.root.join(names::JOURNAL))?;
        if let Some(frame) = self.undecided.take() {
            let bytes = frame.encode().map_err(StoreError::format(&path))?;
            file.append(&bytes)
                .map_err(StoreError::io("write", &path))?;
            file.sync().map_err(StoreError::io("sync", &path))?;
        }
        Ok((path, file))
    }
}
