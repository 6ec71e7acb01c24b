//! Writing the container all segments and manifests share.

use super::{Directory, StoreError};
use crate::format::FormatError;
use crate::format::container::{ALIGNMENT, Header, Kind, Section, encode_footer, encode_table};
use crate::manifest::FileRef;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use twinspire_core::files::NewFile;
use twinspire_core::ids::FileNo;
use twinspire_core::wire::{Checksum, checksum};

/// Appends below this size are gathered before they go to the file.
const BUFFER_BYTES: usize = 1 << 20;

/// A file being written, section by section.
pub(crate) struct SegmentWriter {
    path: PathBuf,
    number: FileNo,
    identity: u64,
    file: Box<dyn NewFile>,
    buffer: Vec<u8>,
    written: u64,
    sections: Vec<Section>,
    sum: Checksum,
}

impl SegmentWriter {
    /// Makes the file and writes its header.
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
            .map_err(StoreError::io("create", &path))?;
        let identity = fresh_identity();
        let header = Header {
            kind,
            identity,
            database,
            before: 0,
        };
        let mut writer = Self {
            path,
            number,
            identity,
            file,
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

    /// Begins section `id`; the one before ends.
    pub(crate) fn begin(&mut self, id: u32) -> Result<(), StoreError> {
        self.end_section();
        self.pad()?;
        self.sections.push(Section {
            id,
            offset: self.written,
            length: 0,
            checksum: 0,
        });
        self.sum = Checksum::default();
        Ok(())
    }

    /// Appends to the section begun last.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sum.update(bytes);
        self.put(bytes)
    }

    /// A whole section at once.
    pub(crate) fn section(&mut self, id: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.begin(id)?;
        self.append(bytes)
    }

    /// Writes table and footer, makes the file's content durable and the file read-only; its name
    /// is the caller's to sync.
    pub(crate) fn finish(mut self) -> Result<FileRef, StoreError> {
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
        self.file
            .finish()
            .map_err(StoreError::io("sync", &self.path))?;
        Ok(FileRef {
            number: self.number,
            length,
            identity: self.identity,
            checksum: checksum(&footer[..footer.len() - 8]),
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
        self.put(&[0; ALIGNMENT as usize][..gap as usize])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.written += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self
                .file
                .append(bytes)
                .map_err(StoreError::io("write", &self.path));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.buffer.is_empty() {
            self.file
                .append(&self.buffer)
                .map_err(StoreError::io("write", &self.path))?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// Compares what the manifest pinned with what a file says of itself.
pub(super) fn check_pinned(
    pinned: &FileRef,
    bytes: &[u8],
    sections: &crate::format::container::Sections,
) -> Result<(), FormatError> {
    let same = pinned.length == bytes.len() as u64
        && pinned.identity == sections.header.identity
        && pinned.checksum == sections.footer_checksum;
    if same {
        return Ok(());
    }
    let what = "is a whole file, but not the one the manifest names: an older copy or one of another database";
    Err(FormatError::bad("footer", what))
}

/// A number that no other file has, in all likelihood.
pub(crate) fn fresh_identity() -> u64 {
    // RandomState is seeded by the operating system, and differently for every value.
    RandomState::new().hash_one(std::process::id())
}
