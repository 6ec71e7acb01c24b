//! Reading the journal: recovery when a database opens, and what is not sealed yet.

use super::error::{CatalogError, Loss};
use super::read_file::ReadFile;
use crate::format::container::{Header, Kind, reserved_is_zero};
use crate::format::journal::{self as bytes_of, Frame, Hole, Journal, Op};
use crate::format::{Damage, Fault, FormatError};
use crate::store::{Directory, StoreError, fresh_identity};
use std::path::{Path, PathBuf};
use twinspire_core::files::{Blob, IoAction, names};
use twinspire_core::ids::Revision;

/// The unsealed writes in the journal files.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Every unsealed operation, in order of revision.
    pub(crate) ops: Vec<(Revision, Op)>,
    /// The last revision, sealed or not.
    pub(crate) last: Revision,
    /// Damage, with the acknowledged writes that it cost, if any.
    pub(crate) losses: Vec<Loss>,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// Files with reserved bytes that are not zero.
    pub(crate) reserved: Vec<PathBuf>,
    /// The files that were read.
    pub(super) files: Vec<ClosedFile>,
    /// How far each was read.
    pub(super) read: Vec<ReadFile>,
    /// The last revision of each call.
    pub(super) calls: Vec<Revision>,
    /// Whether a closing frame follows the last call: then the sync of that call succeeded.
    pub(super) closed: bool,
}

/// A journal file that is no longer written to.
#[derive(Debug)]
pub(super) struct ClosedFile {
    pub(super) path: PathBuf,
    /// Its last revision.
    pub(super) last: Revision,
    pub(super) bytes: u64,
}

/// Reads every journal file. Skips operations up to `sealed`, and duplicates. Damage is not an error:
/// it is listed in the losses. A file or frame of a newer format is one.
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
        reserved: Vec::new(),
        files: Vec::new(),
        read: Vec::new(),
        calls: Vec::new(),
        closed: false,
    };
    for path in paths(directory)? {
        let (blob, journal) = open_journal(directory, &path)?;
        let (last, last_frame, end) = match journal {
            Some(journal) => found.add_file(&path, (&blob, journal), database, sealed),
            None => (Revision(0), 0, 0),
        };
        if !reserved_is_zero(&blob) {
            found.reserved.push(path.clone());
        }
        let bytes = blob.len() as u64;
        found.bytes += bytes;
        found
            .read
            .push(ReadFile::new(&path, &blob, last_frame, end, last));
        found.files.push(ClosedFile { path, last, bytes });
    }
    Ok(found)
}

/// Refuses journal files of a newer format.
pub(crate) fn refuse_newer(directory: &Directory) -> Result<(), StoreError> {
    for path in paths(directory)? {
        open_journal(directory, &path)?;
    }
    Ok(())
}

/// Opens and decodes a journal file; without a [`Journal`] if nothing in it was acknowledged.
///
/// # Errors
/// A file or frame of a newer format, or a file that cannot be opened.
pub(super) fn open_journal(
    directory: &Directory,
    path: &Path,
) -> Result<(Blob, Option<Journal>), StoreError> {
    let blob = directory.files.open(path);
    let blob = blob.map_err(StoreError::io(IoAction::Open, path))?;
    let mut journal = bytes_of::decode(&blob);
    match journal
        .as_mut()
        .and_then(|journal| journal.unsupported.take())
    {
        Some(newer) => Err(StoreError::format(path)(newer)),
        None => Ok((blob, journal)),
    }
}

/// [`read`] that refuses damage.
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

/// The unsealed writes as the content of one closed journal file, call by call; `None` if there are
/// no unsealed writes.
///
/// # Errors
/// [`CatalogError::Lost`] for any damage, as [`recover`].
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

/// The journal files, oldest first.
pub(crate) fn paths(directory: &Directory) -> Result<Vec<PathBuf>, StoreError> {
    let dir = directory.root.join(names::JOURNAL);
    let listed = directory.files.list(&dir);
    let listed = listed.map_err(StoreError::io(IoAction::List, &dir))?;
    let mut numbered: Vec<_> = listed
        .iter()
        .filter_map(|name| Some((names::number_of(name, "journal")?, dir.join(name))))
        .collect();
    numbered.sort_unstable();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

impl Recovered {
    /// Number of files.
    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// Adds the content of one file. Returns its last revision, and the start and the end of its last whole
    /// frame.
    fn add_file(
        &mut self,
        path: &Path,
        (bytes, journal): (&[u8], Journal),
        database: u64,
        sealed: Revision,
    ) -> (Revision, usize, usize) {
        let lost_before = self.losses.len();
        let mut last = match journal.header {
            Some(Ok(header)) if header.database != database => {
                self.add_loss(
                    path,
                    FormatError::bad("header", "belongs to another database"),
                    None,
                );
                return (Revision(0), 0, 0);
            }
            Some(Ok(header)) => {
                self.check_gap(path, Revision(header.before).next());
                Revision(header.before)
            }
            Some(Err(error)) => {
                self.add_loss(path, error, None);
                Revision(0)
            }
            None => Revision(0),
        };
        for frame in journal.frames {
            last = last.max(frame.last());
            self.check_gap(path, frame.first);
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
        // Damage without a gap cost no write, but is reported.
        let matters = |hole: &&Hole| hole.next.is_some_and(|next| next > sealed.next());
        if let Some(hole) = journal.holes.iter().find(matters)
            && self.losses.len() == lost_before
        {
            let torn = Damage::TornFrame { at: hole.at };
            self.add_loss(path, FormatError::bad("frame", torn), None);
        }
        let torn = journal.holes.last().filter(|hole| hole.next.is_none());
        let end = torn.map_or(bytes.len(), |hole| hole.at);
        (last, journal.last_frame, end)
    }

    /// Adds a loss if revisions before `next` are missing.
    fn check_gap(&mut self, path: &Path, next: Revision) {
        let due = self.last.next();
        if next > due {
            let to = Revision(next.0 - 1);
            let missing = FormatError::bad("frame", Damage::MissingFrames);
            self.add_loss(path, missing, Some((due, to)));
            self.last = to;
        }
    }

    fn add_loss(&mut self, path: &Path, error: FormatError, lost: Option<(Revision, Revision)>) {
        let FormatError { section, what } = error;
        // What is unsupported has ended the reading before.
        if let Fault::Damaged(what) = what {
            self.losses.push(Loss {
                path: path.to_owned(),
                section,
                what,
                lost,
            });
        }
    }
}
