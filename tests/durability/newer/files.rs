//! The golden database with one file as a newer build might have written it, byte by byte after
//! storage-format.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use twinspire_testkit::{directory, write_file};
use xxhash_rust::xxh3::xxh3_64;

/// A directory that is removed when this is dropped.
pub type Guard = tempfile::TempDir;

/// Files of a database, by their paths in it.
#[derive(Clone)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

/// A section: id, flags, content.
pub type Section = (u32, u32, Vec<u8>);

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Writes the checksum of the first 56 bytes of a header or footer into its last 8.
fn seal(block: &mut [u8]) {
    let sum = xxh3_64(&block[..56]);
    block[56..64].copy_from_slice(&sum.to_le_bytes());
}

/// A header with other bytes at `at`, and its checksum.
pub fn with_header(bytes: &mut [u8], at: usize, new: &[u8]) {
    bytes[at..at + new.len()].copy_from_slice(new);
    seal(&mut bytes[..64]);
}

/// A file with other sections.
pub fn with_sections(bytes: &mut Vec<u8>, edit: impl FnOnce(&mut Vec<Section>)) {
    let footer = bytes.len() - 64;
    let (table, count) = (u64_at(bytes, footer + 8), u32_at(bytes, footer + 16));
    let entry = |at: usize| {
        let (from, length) = (u64_at(bytes, at + 8), u64_at(bytes, at + 16));
        let content = bytes[from..from + length].to_vec();
        (u32_at(bytes, at), u32_at(bytes, at + 4), content)
    };
    let mut sections: Vec<Section> = (0..count as usize).map(|i| entry(table + 32 * i)).collect();
    edit(&mut sections);
    let mut out = bytes[..64].to_vec();
    let mut table = Vec::new();
    let pad = |out: &mut Vec<u8>| out.resize(out.len().next_multiple_of(64), 0);
    for (id, flags, content) in &sections {
        table.extend(id.to_le_bytes());
        table.extend(flags.to_le_bytes());
        for number in [out.len(), content.len()] {
            table.extend((number as u64).to_le_bytes());
        }
        table.extend(xxh3_64(content).to_le_bytes());
        out.extend(content);
        pad(&mut out);
    }
    let table_at = out.len();
    out.extend(&table);
    pad(&mut out);
    let mut footer = [0; 64];
    footer[..8].copy_from_slice(b"TWINFOOT");
    footer[8..16].copy_from_slice(&(table_at as u64).to_le_bytes());
    footer[16..20].copy_from_slice(&(sections.len() as u32).to_le_bytes());
    footer[24..32].copy_from_slice(&xxh3_64(&table).to_le_bytes());
    footer[32..40].copy_from_slice(&(out.len() as u64 + 64).to_le_bytes());
    footer[40..48].copy_from_slice(&bytes[16..24]);
    seal(&mut footer);
    out.extend(footer);
    *bytes = out;
}

/// What a manifest holds of a segment: length, identity, checksum of the footer.
fn pin_of_segment(bytes: &[u8]) -> Vec<u8> {
    let footer = bytes.len() - 64;
    let length = (bytes.len() as u64).to_le_bytes();
    [&length, &bytes[16..24], &bytes[footer + 56..]].concat()
}

/// What a manifest holds of a file of towers: name, length, checksum.
fn pin_of_towers(name: &str, bytes: &[u8]) -> Vec<u8> {
    let lengths = [name.len(), bytes.len()].map(|length| (length as u64).to_le_bytes());
    let sum = xxh3_64(bytes).to_le_bytes();
    [&lengths[0], name.as_bytes(), &lengths[1], &sum].concat()
}

impl Files {
    /// The golden database.
    pub fn golden() -> Self {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1"))
    }

    /// The files of a database directory, but locks and the index.
    pub fn read(root: &Path) -> Self {
        let (mut files, mut left) = (BTreeMap::new(), vec![root.to_owned()]);
        while let Some(path) = left.pop() {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if ["LOCK", "READERS", "catalog"].contains(&name) {
                continue;
            }
            match fs::read_dir(&path) {
                Ok(entries) => left.extend(entries.map(|entry| entry.unwrap().path())),
                Err(_) => drop(files.insert(name.to_owned(), fs::read(&path).unwrap())),
            }
        }
        Self(files)
    }

    /// Writes them into a scratch directory.
    pub fn write(&self) -> (Guard, std::path::PathBuf) {
        let (guard, root) = directory();
        for (name, bytes) in &self.0 {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_file(
                path.parent().unwrap(),
                path.file_name().unwrap().to_str().unwrap(),
                bytes,
            );
        }
        (guard, root)
    }

    /// The name of the current manifest.
    pub fn manifest(&self) -> String {
        let current = str::from_utf8(&self.0["CURRENT"]).unwrap();
        current.split(' ').next().unwrap().to_owned()
    }

    /// The first file with this in its path.
    pub fn first(&self, part: &str) -> String {
        self.0
            .keys()
            .find(|name| name.contains(part))
            .unwrap()
            .clone()
    }

    /// Changes a file, and everything that pins it: the manifest, and CURRENT.
    #[must_use]
    pub fn with(mut self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let before = self.0[name].clone();
        let mut after = before.clone();
        edit(&mut after);
        let pins = match name.rsplit_once('/') {
            Some(("segments", _)) => Some([&before, &after].map(|bytes| pin_of_segment(bytes))),
            Some((directory, file)) if directory.starts_with("towers") => {
                Some([&before, &after].map(|bytes| pin_of_towers(file, bytes)))
            }
            _ => None,
        };
        // The same content has the same pin; files and pins are in the same order.
        let earlier = self.0.iter().take_while(|(other, _)| *other != name);
        let file = name.rsplit('/').next();
        let same = |(other, bytes): &(&String, &Vec<u8>)| {
            other.rsplit('/').next() == file && **bytes == before
        };
        let earlier = earlier.filter(same).count();
        self.0.insert(name.to_owned(), after);
        let manifest = self.manifest();
        if let Some([old, new]) = pins {
            let bytes = self.0.get_mut(&manifest).unwrap();
            with_sections(bytes, |sections| {
                let state = &mut sections[0].2;
                let places = 0..state.len() - old.len() + 1;
                let mut places = places.filter(|at| state[*at..].starts_with(&old));
                let at = places.nth(earlier);
                let at = at.unwrap_or_else(|| panic!("{name} is not pinned"));
                state.splice(at..at + old.len(), new);
            });
        }
        if name != "CURRENT" {
            let sum = xxh3_64(&self.0[&manifest]);
            let line = format!("{manifest} {sum:016x}\n");
            self.0.insert("CURRENT".to_owned(), line.into_bytes());
        }
        self
    }
}

/// Changes the last frame of a journal that has operations: its flags, and bytes after the operations.
pub fn with_last_call(journal: &mut Vec<u8>, flags: u32, more: &[u8]) {
    let (mut at, mut last) = (64, 64);
    while at < journal.len() {
        if u32_at(journal, at + 16) > 0 {
            last = at;
        }
        at += 32 + u32_at(journal, at + 4) as usize;
    }
    let length = u32_at(journal, last + 4) as usize;
    let end = last + 32 + length;
    journal.splice(end..end, more.iter().copied());
    let length = (length + more.len()) as u32;
    journal[last + 4..last + 8].copy_from_slice(&length.to_le_bytes());
    journal[last + 20..last + 24].copy_from_slice(&flags.to_le_bytes());
    let payload = &journal[last + 32..last + 32 + length as usize];
    let sum = xxh3_64(&[&journal[last..last + 24], payload].concat());
    journal[last + 24..last + 32].copy_from_slice(&sum.to_le_bytes());
}
