//! The writer of the container that segments and manifests share.

use super::directory::Directory;
use super::error::StoreError;
use crate::format::container::{
    ALIGNMENT, Header, Kind, Section, Sections, encode_footer, encode_table, reserved_is_zero,
};
use crate::format::current::Current;
use crate::format::{Damage, FormatError};
use crate::manifest::FileRef;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use twinspire_core::files::{IoAction, NewFile, names};
use twinspire_core::ids::FileNo;
use twinspire_core::telemetry;
use twinspire_core::wire::{Checksum, checksum};

/// Size of the write buffer in bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// A file under construction, section by section.
///
/// [`finish`](Self::finish) makes the file and its name durable. A writer that is dropped without it
/// removes the file.
pub(crate) struct SegmentWriter {
    directory: Directory,
    path: PathBuf,
    number: FileNo,
    identity: u64,
    /// None once the content is complete.
    file: Option<Box<dyn NewFile>>,
    finished: bool,
    buffer: Vec<u8>,
    written: u64,
    sections: Vec<Section>,
    sum: Checksum,
}

impl SegmentWriter {
    /// Creates the file and writes its header.
    pub(crate) fn create(
        directory: &Directory,
        path: PathBuf,
        kind: Kind,
        number: FileNo,
        database: u64,
    ) -> Result<Self, StoreError> {
        let file = directory
            .files
            .create_new(&path)
            .map_err(StoreError::io(IoAction::Create, &path))?;
        let identity = fresh_identity();
        let header = Header {
            kind,
            identity,
            database,
            before: 0,
        };
        let mut writer = Self {
            directory: directory.clone(),
            path,
            number,
            identity,
            file: Some(file),
            finished: false,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written: 0,
            sections: Vec::new(),
            sum: Checksum::default(),
        };
        writer.put(&header.encode())?;
        Ok(writer)
    }

    /// The file's path, for errors.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts section `id`, and ends the one before.
    pub(crate) fn start_section(&mut self, id: u32) -> Result<(), StoreError> {
        self.end_section();
        self.pad()?;
        self.sections.push(Section {
            id,
            offset: self.written,
            length: 0,
            checksum: 0,
            must_be_understood: false,
        });
        self.sum = Checksum::default();
        Ok(())
    }

    /// Appends to the section that was started last.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sum.update(bytes);
        self.put(bytes)
    }

    /// Writes a whole section.
    pub(crate) fn section(&mut self, id: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.start_section(id)?;
        self.append(bytes)
    }

    /// Writes a whole section that a reader must understand.
    pub(crate) fn mandatory_section(&mut self, id: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.section(id, bytes)?;
        if let Some(section) = self.sections.last_mut() {
            section.must_be_understood = true;
        }
        Ok(())
    }

    /// Completes the file: content and name are durable then, and the file is read-only.
    pub(crate) fn finish(mut self) -> Result<FileRef, StoreError> {
        let file = self.complete()?;
        if let Some(parent) = self.path.parent() {
            self.directory.sync_dir(parent)?;
        }
        self.finished = true;
        Ok(file)
    }

    /// [`finish`](Self::finish) without the name: the caller syncs the directory, as the commit does
    /// for several names at once.
    pub(super) fn finish_unnamed(mut self) -> Result<FileRef, StoreError> {
        let file = self.complete()?;
        self.finished = true;
        Ok(file)
    }

    /// Writes table and footer, makes the content durable and the file read-only.
    fn complete(&mut self) -> Result<FileRef, StoreError> {
        self.end_section();
        self.pad()?;
        let table_offset = self.written;
        let table = encode_table(&self.sections);
        self.put(&table)?;
        self.pad()?;
        let length = self.written + crate::format::container::HEADER_BYTES as u64;
        let footer = encode_footer(&table, table_offset, length, self.identity);
        self.put(&footer)?;
        self.flush()?;
        if let Some(file) = self.file.take() {
            file.finish()
                .map_err(StoreError::io(IoAction::Sync, &self.path))?;
        }
        Ok(FileRef {
            number: self.number,
            length,
            identity: self.identity,
            checksum: checksum(footer.get(..footer.len() - 8).unwrap_or_default()),
        })
    }

    fn end_section(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            section.length = self.written - section.offset;
            section.checksum = self.sum.value();
        }
    }

    fn pad(&mut self) -> Result<(), StoreError> {
        let gap = self.written.next_multiple_of(ALIGNMENT) - self.written;
        let zeros = [0; ALIGNMENT as usize];
        self.put(zeros.get(..gap as usize).unwrap_or_default())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return append(&mut self.file, bytes, &self.path);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.buffer.is_empty() {
            append(&mut self.file, &self.buffer, &self.path)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Closed first: Windows does not remove an open file.
        self.file = None;
        if let Err(error) = self.directory.files.remove(&self.path) {
            let path = self.path.display();
            telemetry::warn!("cannot remove the unfinished file {path}: {error}; collection will");
        }
    }
}

fn append(
    file: &mut Option<Box<dyn NewFile>>,
    bytes: &[u8],
    path: &Path,
) -> Result<(), StoreError> {
    match file {
        Some(file) => file
            .append(bytes)
            .map_err(StoreError::io(IoAction::Write, path)),
        None => Ok(()),
    }
}

/// Checks that a file is the one that the manifest pins.
pub(super) fn check_pinned(
    directory: &Directory,
    pinned: &FileRef,
    bytes: &[u8],
    sections: &Sections,
) -> Result<(), FormatError> {
    let same = pinned.length == bytes.len() as u64
        && pinned.identity == sections.header.identity
        && pinned.checksum == sections.footer_checksum;
    if same {
        return Ok(());
    }
    let ours = current_database(directory);
    let what = match ours.is_some_and(|ours| ours != sections.header.database) {
        true => "belongs to another database",
        false => {
            "is a whole file of this database, but not the one the manifest names: an older copy"
        }
    };
    Err(FormatError::bad("header", what))
}

/// The database that the current manifest belongs to.
fn current_database(directory: &Directory) -> Option<u64> {
    let current = directory.files.read(&directory.root.join(names::CURRENT));
    let current = Current::decode(&current.ok()?).ok()?;
    let manifest = directory.root.join(names::manifest(current.number));
    let header = Header::decode(&directory.files.read(&manifest).ok()?, Kind::Manifest);
    header.ok().map(|header| header.database)
}

/// What is wrong with a header or footer whose reserved bytes are set.
pub(crate) const RESERVED: &str = "reserved bytes of the header or footer are not zero";

/// The sections of a file whose checksum or padding is wrong.
pub(super) fn section_damage(sections: &Sections, bytes: &[u8]) -> Vec<FormatError> {
    let torn = sections.damaged(bytes).into_iter();
    let mut problems: Vec<_> = torn
        .map(|id| FormatError::bad("section", Damage::SectionChecksum { id }))
        .collect();
    if !reserved_is_zero(bytes) {
        problems.push(FormatError::bad("header", RESERVED));
    }
    if !sections.padding_is_zero(bytes) {
        problems.push(FormatError::bad("padding", "is not zero"));
    }
    problems
}

/// A random identity for a file or a database.
pub(crate) fn fresh_identity() -> u64 {
    // Every RandomState has another seed, which comes from the operating system.
    RandomState::new().hash_one(std::process::id())
}
