//! The layout that all files share: a header, 64-byte aligned sections, a section table, a footer.
//!
//! A file is written front to back, without seeking. The header holds what is known at the start, the
//! footer the rest. The footer has the checksum of the table, and the table that of each section. So one
//! number, the checksum of the footer in the manifest, pins every byte.
//!
//! Header and section table have flags for newer builds: the lower 16 bits must be understood, the upper 16
//! may be ignored. A section that this build does not know is skipped, unless it must be understood.

use super::damage::Damage;
use super::error::{FormatError, within};
use super::unsupported::Unsupported;
use super::version::{FORMAT_VERSION, MUST_UNDERSTAND, check_flags, check_version};
use bincode::Decode;
use std::ops::Range;
use twinspire_core::wire::{Reader, checksum, unpack};

/// Sections, the table and the footer begin at multiples of this.
pub(crate) const ALIGNMENT: u64 = 64;
/// Bytes in a header, and in a footer.
pub(crate) const HEADER_BYTES: usize = 64;
/// Bytes of one entry of the section table.
pub(crate) const ENTRY_BYTES: usize = 32;
/// Maximum number of sections of a file.
pub(crate) const MAX_SECTIONS: u32 = 64;
/// Flag of a section that a reader must understand.
const SECTION_MUST_BE_UNDERSTOOD: u32 = 1;
/// Reserved bytes of a header, which are zero.
const HEADER_RESERVED: Range<usize> = 44..56;
/// Reserved bytes of a footer, which are zero.
const FOOTER_RESERVED: [Range<usize>; 2] = [20..24, 48..56];

const HEADER_MAGIC: &[u8; 8] = b"TWINSPIR";
const FOOTER_MAGIC: &[u8; 8] = b"TWINFOOT";

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// Item records.
    Items = 1,
    /// Embeddings and their graph.
    Space = 2,
    /// The state at one commit.
    Manifest = 3,
    /// Acknowledged writes.
    Journal = 4,
}

impl Kind {
    /// The highest section id of this kind of file. All lower ones from 1 on exist too.
    pub(crate) const fn last_section(self) -> u32 {
        match self {
            Self::Items => 13,
            Self::Space => 25,
            Self::Manifest => 2,
            Self::Journal => 0,
        }
    }
}

/// The first 64 bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// What the file is.
    pub(crate) kind: Kind,
    /// A random number, different for every file.
    pub(crate) identity: u64,
    /// The database the file belongs to.
    pub(crate) database: u64,
    /// In a journal, the revision before its first frame; else 0.
    pub(crate) before: u64,
}

impl Header {
    /// The bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(HEADER_MAGIC);
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&(self.kind as u32).to_le_bytes());
        out[16..24].copy_from_slice(&self.identity.to_le_bytes());
        out[24..32].copy_from_slice(&self.database.to_le_bytes());
        out[32..40].copy_from_slice(&self.before.to_le_bytes());
        seal(out)
    }

    /// Reads the header of a file that must be of `kind`.
    pub(crate) fn decode(bytes: &[u8], kind: Kind) -> Result<Self, FormatError> {
        let bad = |what: String| FormatError::bad("header", what);
        let mut reader = Reader::new(bytes);
        let whole = reader
            .take(HEADER_BYTES, "the header")
            .map_err(within("header"))?;
        let mut reader = Reader::new(whole);
        if reader.array("magic").map_err(within("header"))? != *HEADER_MAGIC {
            return Err(bad(
                "does not begin with TWINSPIR; it is no file of a database".into(),
            ));
        }
        let version = reader.u32("version").map_err(within("header"))?;
        check_version(version, |version| fits_version(whole, version))?;
        check_seal(whole, "header")?;
        let found = reader.u32("kind").map_err(within("header"))?;
        if found != kind as u32 {
            return Err(bad(format!(
                "a file of kind {found}; kind {} ({kind:?}) expected",
                kind as u32
            )));
        }
        let header = Self {
            kind,
            identity: reader.u64("identity").map_err(within("header"))?,
            database: reader.u64("database").map_err(within("header"))?,
            before: reader.u64("before").map_err(within("header"))?,
        };
        check_flags("header", reader.u32("flags").map_err(within("header"))?, 0)?;
        Ok(header)
    }
}

/// Whether the checksum of a header fits with `version` in its place.
fn fits_version(header: &[u8], version: u32) -> bool {
    let mut block = [0; HEADER_BYTES];
    block.copy_from_slice(header);
    block[8..12].copy_from_slice(&version.to_le_bytes());
    check_seal(&block, "header").is_ok()
}

/// Whether the reserved bytes of the header, and of the footer if there is one, are zero.
pub(crate) fn reserved_is_zero(bytes: &[u8]) -> bool {
    let zero = |block: &[u8], range: &Range<usize>| {
        let reserved = block.get(range.clone()).unwrap_or_default();
        reserved.iter().all(|byte| *byte == 0)
    };
    let footer = bytes.len().checked_sub(HEADER_BYTES);
    let footer = footer.and_then(|at| bytes.get(at..)).unwrap_or_default();
    let has_footer = footer.starts_with(FOOTER_MAGIC);
    zero(bytes, &HEADER_RESERVED)
        && (!has_footer || FOOTER_RESERVED.iter().all(|range| zero(footer, range)))
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// What the section is, within its kind of file.
    pub(crate) id: u32,
    /// Where it begins.
    pub(crate) offset: u64,
    /// Its bytes, without the padding after them.
    pub(crate) length: u64,
    /// The checksum of those bytes.
    pub(crate) checksum: u64,
    /// Whether a reader that does not know it must refuse the file.
    pub(crate) must_be_understood: bool,
}

/// The header and the section table of a whole file.
#[derive(Debug)]
pub(crate) struct Sections {
    /// The header.
    pub(crate) header: Header,
    /// The checksum in the footer, which pins the file.
    pub(crate) footer_checksum: u64,
    entries: Vec<Section>,
}

impl Sections {
    /// Reads header, footer and table of a file of `kind`. The sections are not read. Their ranges are
    /// checked: inside the file, in order, without overlap.
    pub(crate) fn decode(bytes: &[u8], kind: Kind) -> Result<Self, FormatError> {
        let header = Header::decode(bytes, kind)?;
        let bad = |what: &str| FormatError::bad("footer", what);
        let at = bytes
            .len()
            .checked_sub(HEADER_BYTES)
            .filter(|at| *at >= HEADER_BYTES);
        let footer_at = at.ok_or_else(|| bad("missing: the file is cut short"))?;
        let footer = bytes.get(footer_at..).unwrap_or_default();
        let mut reader = Reader::new(footer);
        let read = within("footer");
        if reader.array("magic").map_err(&read)? != *FOOTER_MAGIC {
            return Err(bad("missing: the file is cut short or was never finished"));
        }
        check_seal(footer, "footer")?;
        let table_offset = reader.u64("table offset").map_err(&read)?;
        let count = reader.u32("section count").map_err(&read)?;
        reader.u32("reserved").map_err(&read)?;
        let table_checksum = reader.u64("table checksum").map_err(&read)?;
        let length = reader.u64("file length").map_err(&read)?;
        let identity = reader.u64("identity").map_err(&read)?;
        if length != bytes.len() as u64 || identity != header.identity || count > MAX_SECTIONS {
            return Err(bad(
                "length, identity or section count contradicts the file",
            ));
        }
        let table = usize::try_from(table_offset)
            .ok()
            .and_then(|from| bytes.get(from..from.checked_add(count as usize * ENTRY_BYTES)?))
            .filter(|table| table_offset + table.len() as u64 <= footer_at as u64)
            .ok_or_else(|| FormatError::bad("section table", "lies outside the file"))?;
        if checksum(table) != table_checksum {
            return Err(FormatError::bad("section table", Damage::Checksum));
        }
        let entries = decode_table(table, count, table_offset, kind)?;
        Ok(Self {
            header,
            footer_checksum: checksum(footer.get(..HEADER_BYTES - 8).unwrap_or_default()),
            entries,
        })
    }

    /// Whether there is a section `id`.
    pub(crate) fn has(&self, id: u32) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    /// The range of section `id`; `name` is its name in errors.
    pub(crate) fn range(&self, id: u32, name: &'static str) -> Result<Range<usize>, FormatError> {
        let entry = self.entries.iter().find(|entry| entry.id == id);
        let entry = entry.ok_or_else(|| FormatError::bad(name, Damage::MissingSection { id }))?;
        // `decode` checked that both ends are inside the file, whose length is a usize.
        Ok(entry.offset as usize..(entry.offset + entry.length) as usize)
    }

    /// The packed value of section `id`; `name` is its name in errors.
    ///
    /// A variant that this build does not know is of a newer format, if the section has its checksum.
    pub(super) fn unpack<T: Decode<()>>(
        &self,
        bytes: &[u8],
        id: u32,
        name: &'static str,
    ) -> Result<T, FormatError> {
        let packed = bytes.get(self.range(id, name)?).unwrap_or_default();
        unpack(packed).map_err(|error| match error.unknown_variant() {
            Some((of, found)) if !self.damaged(bytes).contains(&id) => {
                FormatError::unsupported(name, Unsupported::Kind { of, found })
            }
            _ => FormatError::bad(name, error),
        })
    }

    /// The ids of the sections that differ from their checksums.
    pub(crate) fn damaged(&self, bytes: &[u8]) -> Vec<u32> {
        let is_damaged = |entry: &&Section| {
            let part = bytes.get(entry.offset as usize..(entry.offset + entry.length) as usize);
            part.is_none_or(|part| checksum(part) != entry.checksum)
        };
        self.entries
            .iter()
            .filter(is_damaged)
            .map(|entry| entry.id)
            .collect()
    }

    /// Whether the padding between the parts of the file is all zero, as written.
    pub(crate) fn padding_is_zero(&self, bytes: &[u8]) -> bool {
        let mut at = HEADER_BYTES;
        let end = bytes.len().saturating_sub(HEADER_BYTES);
        let table = self.entries.len() * ENTRY_BYTES;
        let last = self
            .entries
            .last()
            .map_or(HEADER_BYTES as u64, |e| e.offset + e.length);
        let table_at = last.next_multiple_of(ALIGNMENT) as usize;
        let mut parts: Vec<Range<usize>> = self
            .entries
            .iter()
            .map(|e| e.offset as usize..(e.offset + e.length) as usize)
            .collect();
        parts.push(table_at..table_at + table);
        parts.push(end..end);
        parts.into_iter().all(|part| {
            let gap = bytes.get(at..part.start).unwrap_or_default();
            at = part.end;
            gap.iter().all(|byte| *byte == 0)
        })
    }
}

fn decode_table(
    table: &[u8],
    count: u32,
    end: u64,
    kind: Kind,
) -> Result<Vec<Section>, FormatError> {
    let read = within("section table");
    let mut reader = Reader::new(table);
    let mut entries = Vec::with_capacity(count as usize);
    let mut free = HEADER_BYTES as u64;
    for _ in 0..count {
        let id = reader.u32("id").map_err(&read)?;
        let flags = reader.u32("flags").map_err(&read)?;
        if (1..=kind.last_section()).contains(&id) {
            check_flags("section table", flags, SECTION_MUST_BE_UNDERSTOOD)?;
        } else if flags & MUST_UNDERSTAND != 0 {
            let what = Unsupported::Section { id };
            return Err(FormatError::unsupported("section table", what));
        }
        let entry = Section {
            id,
            offset: reader.u64("offset").map_err(&read)?,
            length: reader.u64("length").map_err(&read)?,
            checksum: reader.u64("checksum").map_err(&read)?,
            must_be_understood: flags & SECTION_MUST_BE_UNDERSTOOD != 0,
        };
        let past = entry
            .offset
            .checked_add(entry.length)
            .filter(|past| *past <= end);
        let placed = entry.offset >= free && entry.offset.is_multiple_of(ALIGNMENT);
        let (true, Some(past)) = (placed, past) else {
            return Err(FormatError::bad(
                "section table",
                format!("section {id} is out of range, unaligned or overlaps another"),
            ));
        };
        free = past;
        entries.push(entry);
    }
    reader.finish().map_err(&read)?;
    Ok(entries)
}

/// The bytes of a section table.
pub(crate) fn encode_table(sections: &[Section]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sections.len() * ENTRY_BYTES);
    for section in sections {
        out.extend(section.id.to_le_bytes());
        let flags = match section.must_be_understood {
            true => SECTION_MUST_BE_UNDERSTOOD,
            false => 0,
        };
        out.extend(flags.to_le_bytes());
        out.extend(section.offset.to_le_bytes());
        out.extend(section.length.to_le_bytes());
        out.extend(section.checksum.to_le_bytes());
    }
    out
}

/// The bytes of the footer that ends a file of `length` bytes with this table.
pub(crate) fn encode_footer(
    table: &[u8],
    table_offset: u64,
    length: u64,
    identity: u64,
) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    let count = (table.len() / ENTRY_BYTES) as u32;
    out[..8].copy_from_slice(FOOTER_MAGIC);
    out[8..16].copy_from_slice(&table_offset.to_le_bytes());
    out[16..20].copy_from_slice(&count.to_le_bytes());
    out[24..32].copy_from_slice(&checksum(table).to_le_bytes());
    out[32..40].copy_from_slice(&length.to_le_bytes());
    out[40..48].copy_from_slice(&identity.to_le_bytes());
    seal(out)
}

/// Writes the checksum of the first 56 bytes into the last 8.
fn seal(mut block: [u8; HEADER_BYTES]) -> [u8; HEADER_BYTES] {
    let sum = checksum(&block[..HEADER_BYTES - 8]);
    block[HEADER_BYTES - 8..].copy_from_slice(&sum.to_le_bytes());
    block
}

/// Compares the first 56 bytes with the checksum in the last 8.
fn check_seal(block: &[u8], section: &'static str) -> Result<(), FormatError> {
    let mut reader = Reader::new(block);
    let body = reader
        .take(HEADER_BYTES - 8, "body")
        .map_err(within(section))?;
    let sum = reader.u64("checksum").map_err(within(section))?;
    if checksum(body) != sum {
        return Err(FormatError::bad(section, Damage::Checksum));
    }
    Ok(())
}
