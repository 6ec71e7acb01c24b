//! A second reader of the database directory, written from storage-format.md alone.
//!
//! It shares no code with the library. Whatever is not as the document says, it panics over.

mod columns;
mod lexical;
mod partitions;
mod recipe;
mod space;
mod towers;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

pub use lexical::{Index, indexes};
pub use space::{Segment, rounded, score};
pub use towers::{Tower, Towers};

/// An open database.
pub struct Reader {
    root: PathBuf,
    pub manifest: Manifest,
    /// By item number: the newest version of every item.
    pub items: BTreeMap<u32, Version>,
}

/// A version of an item.
#[derive(Clone, Debug)]
pub struct Version {
    pub revision: u64,
    pub id: String,
    /// None when it was deleted.
    pub record: Option<Value>,
}

pub struct Manifest {
    pub number: u64,
    pub database: u64,
    pub sealed: u64,
    pub next_item: u32,
    pub items: Vec<(File, u64, u64)>,
    pub spaces: BTreeMap<String, Space>,
    /// Name, and the recipe as JSON.
    pub ensembles: Vec<(String, Value)>,
    /// The kinds that occur in each known field: booleans, numbers, texts, places, lists, long lists of
    /// numbers.
    pub fields: BTreeMap<String, [bool; 6]>,
    /// The active definition of each lexical space.
    pub lexical: BTreeMap<String, lexical::Definition>,
}

pub struct Space {
    pub active: u64,
    pub generations: Vec<Generation>,
}

pub struct Generation {
    pub number: u64,
    pub cut: u64,
    pub dimension: u32,
    pub metric: u32,
    /// Whether vectors are in half precision.
    pub half: bool,
    /// Whether items may be without a vector, and how many were when it was published.
    pub partial: bool,
    pub left_out: u64,
    /// Of a fused space: the spaces and generations it is made of.
    pub members: Vec<(String, u64)>,
    pub segments: Vec<(File, u32, u32)>,
    pub towers: Vec<(String, u64, u64)>,
    pub towers_hash: u64,
    pub recall: f32,
}

/// A file reference.
pub struct File {
    number: u64,
    length: u64,
    identity: u64,
    checksum: u64,
}

/// Packed values, front to back.
struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn bool(&mut self) -> bool {
        let byte = self.take(1);
        assert!(matches!(byte, [0 | 1]));
        byte == [1]
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let length = self.u64() as usize;
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.u64()).map(|_| each(self)).collect()
    }

    fn f32(&mut self) -> f32 {
        f32::from_bits(self.u32())
    }

    fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.take(1) {
            [0] => None,
            [1] => Some(value(self)),
            other => panic!("an option begins with {other:?}"),
        }
    }

    fn file(&mut self) -> File {
        File {
            number: self.u64(),
            length: self.u64(),
            identity: self.u64(),
            checksum: self.u64(),
        }
    }

    fn generation(&mut self) -> Generation {
        let (number, cut, dimension, metric) = (self.u64(), self.u64(), self.u32(), self.u32());
        let half = self.half();
        let index = self.u32();
        assert!(index <= 1, "index {index}");
        match self.u32() {
            0 | 1 => {}
            2 => {
                let (recall, _graph) = (self.f32(), self.option(Self::f32));
                let (_vectors, _estimate) = (self.u64(), self.option(Self::f32));
                let _partitions = self.option(Self::f32);
                assert!((0.0..=1.0).contains(&recall));
            }
            reason => panic!("an index for reason {reason}"),
        }
        let partial = self.take(1) == [1];
        let left_out = self.u64();
        let members = self.list(|packed| (packed.text(), packed.u64()));
        assert!(members.is_sorted());
        let segments = self.list(|packed| (packed.file(), packed.u32(), packed.u32()));
        let towers = self.list(|packed| (packed.text(), packed.u64(), packed.u64()));
        let (towers_hash, _created) = (self.u64(), self.u64());
        let recall = self.f32();
        let (near_copies, length_ratio) = (self.f32(), self.f32());
        assert!((0.0..=1.0).contains(&near_copies) && length_ratio >= 0.0);
        let kinds = self.list(Self::calibration_sample);
        assert!(kinds.is_sorted_by(|a, b| a < b));
        Generation {
            number,
            cut,
            dimension,
            metric,
            half,
            partial,
            left_out,
            members,
            segments,
            towers,
            towers_hash,
            recall,
        }
    }

    /// Recall by beam width, measured with one kind of query; returns the kind.
    fn calibration_sample(&mut self) -> u32 {
        let kind = self.u32();
        assert!(kind <= 5, "kind of query {kind}");
        let _vectors = self.u64();
        let (queries, _left_out) = (self.u32(), self.u32());
        assert!(queries > 0);
        let (best, hundredth) = (self.f32(), self.f32());
        assert!(best >= hundredth);
        let points = self.list(|packed| {
            let ef = packed.u32();
            let recall = [(); 3].map(|()| packed.f32());
            let lower = [(); 3].map(|()| packed.f32());
            assert!(
                recall
                    .iter()
                    .zip(lower)
                    .all(|(recall, lower)| lower <= *recall)
            );
            ef
        });
        assert!(points.is_sorted_by(|a, b| a < b));
        kind
    }

    /// How vectors are stored: whether in half precision.
    fn half(&mut self) -> bool {
        let storage = self.u32();
        assert!(storage <= 1, "storage {storage}");
        storage == 1
    }

    fn done(self) {
        assert!(self.0.is_empty(), "{} bytes follow", self.0.len());
    }
}

fn u32s(bytes: &[u8]) -> Vec<u32> {
    assert_eq!(bytes.len() % 4, 0);
    let numbers = bytes
        .chunks(4)
        .map(|part| u32::from_le_bytes(part.try_into().unwrap()));
    numbers.collect()
}

fn u64s(bytes: &[u8]) -> Vec<u64> {
    assert_eq!(bytes.len() % 8, 0);
    let numbers = bytes
        .chunks(8)
        .map(|part| u64::from_le_bytes(part.try_into().unwrap()));
    numbers.collect()
}

/// Checks a header; gives the identity, the database and the revision before.
fn header(bytes: &[u8], kind: u32) -> (u64, u64, u64) {
    let mut packed = Packed(&bytes[..64]);
    assert_eq!(packed.take(8), b"TWINSPIR");
    assert_eq!((packed.u32(), packed.u32()), (1, kind));
    let found = (packed.u64(), packed.u64(), packed.u64());
    assert_eq!(packed.take(16), [0; 16]);
    assert_eq!(packed.u64(), xxh3_64(&bytes[..56]));
    found
}

/// A file of sections, every checksum compared.
struct Sections<'a> {
    bytes: &'a [u8],
    table: BTreeMap<u32, (usize, usize)>,
    identity: u64,
    database: u64,
    checksum: u64,
}

impl<'a> Sections<'a> {
    fn read(bytes: &'a [u8], kind: u32) -> Self {
        let (identity, database, before) = header(bytes, kind);
        assert_eq!(before, 0);
        let end = &bytes[bytes.len() - 64..];
        let mut footer = Packed(end);
        assert_eq!(footer.take(8), b"TWINFOOT");
        let (at, entries) = (footer.u64() as usize, footer.u32() as usize);
        assert!(entries <= 64);
        assert_eq!(footer.u32(), 0);
        let table = &bytes[at..at + 32 * entries];
        assert_eq!(footer.u64(), xxh3_64(table));
        assert_eq!((footer.u64(), footer.u64()), (bytes.len() as u64, identity));
        assert_eq!(footer.u64(), 0);
        let checksum = footer.u64();
        assert_eq!(checksum, xxh3_64(&end[..56]));
        assert_eq!((at % 64, bytes.len() % 64), (0, 0));

        let (mut packed, mut sections, mut free) = (Packed(table), BTreeMap::new(), 64);
        for _ in 0..entries {
            let (id, flags) = (packed.u32(), packed.u32());
            // Of all that this reader knows, lexical spaces have to be understood.
            let due = u32::from((kind, id) == (3, 2));
            let (offset, length) = (packed.u64() as usize, packed.u64() as usize);
            assert_eq!((flags, offset % 64), (due, 0));
            assert!(offset >= free && bytes[free..offset].iter().all(|byte| *byte == 0));
            free = offset + length;
            assert_eq!(packed.u64(), xxh3_64(&bytes[offset..free]), "section {id}");
            assert!(sections.insert(id, (offset, length)).is_none());
        }
        assert!(bytes[free..at].iter().all(|byte| *byte == 0));
        Self {
            bytes,
            table: sections,
            identity,
            database,
            checksum,
        }
    }

    fn section(&self, id: u32) -> &'a [u8] {
        let (offset, length) = self.table[&id];
        &self.bytes[offset..offset + length]
    }
}

/// The table of ids.
fn id_table(ids: &[Vec<u8>]) -> Vec<u64> {
    let slots = ids.len() + ids.len() / 2 + 1;
    let mut table = vec![u64::MAX; slots];
    for (row, id) in ids.iter().enumerate() {
        let hash = xxh3_64(id);
        let mut at = ((u128::from(hash) * slots as u128) >> 64) as usize;
        while table[at] != u64::MAX {
            at = if at + 1 < slots { at + 1 } else { 0 };
        }
        table[at] = (hash << 32) | row as u64;
    }
    table
}

impl Reader {
    pub fn open(root: &Path) -> Self {
        let current = fs::read_to_string(root.join("CURRENT")).unwrap();
        let (name, sum) = current.strip_suffix('\n').unwrap().split_once(' ').unwrap();
        let bytes = fs::read(root.join(name)).unwrap();
        assert_eq!(format!("{:016x}", xxh3_64(&bytes)), sum);
        let manifest = Self::manifest(&bytes);
        assert_eq!(name, format!("manifest-{:06}", manifest.number));
        let mut reader = Self {
            root: root.to_owned(),
            manifest,
            items: BTreeMap::new(),
        };
        reader.read_items();
        reader.read_journals();
        reader
    }

    fn manifest(bytes: &[u8]) -> Manifest {
        let sections = Sections::read(bytes, 3);
        let mut packed = Packed(sections.section(1));
        let (number, database, sealed) = (packed.u64(), packed.u64(), packed.u64());
        assert_eq!(database, sections.database);
        let (next_item, _next_file) = (packed.u32(), packed.u64());
        let items = packed.list(|packed| (packed.file(), packed.u64(), packed.u64()));
        let spaces = packed.list(|packed| {
            let (name, active) = (packed.text(), packed.u64());
            let generations = packed.list(Packed::generation);
            let next = packed.u64();
            assert!(
                generations
                    .iter()
                    .all(|generation| generation.number < next)
            );
            (
                name,
                Space {
                    active,
                    generations,
                },
            )
        });
        let ensembles = packed.list(|packed| (packed.text(), recipe::read(packed)));
        let fields = packed.list(|packed| {
            let path = packed.text();
            let kinds = [(); 6].map(|()| packed.bool());
            let _untyped = packed.bool();
            (path, kinds)
        });
        assert!(fields.is_sorted_by(|a, b| a.0 < b.0));
        assert!(!packed.bool(), "so few fields are all listed");
        let unfiltered = packed.list(Packed::text);
        assert!(unfiltered.is_sorted_by(|a, b| a < b));
        packed.done();
        Manifest {
            number,
            database,
            sealed,
            next_item,
            items,
            spaces: spaces.into_iter().collect(),
            ensembles,
            fields: fields.into_iter().collect(),
            lexical: match sections.table.contains_key(&2) {
                true => lexical::spaces(sections.section(2)),
                false => BTreeMap::new(),
            },
        }
    }

    /// The bytes of a segment, compared with what the manifest says of it.
    fn segment(&self, name: &str, file: &File, kind: u32) -> Vec<u8> {
        let path = self
            .root
            .join(format!("segments/{name}-{:06}", file.number));
        let bytes = fs::read(path).unwrap();
        let sections = Sections::read(&bytes, kind);
        let found = (bytes.len() as u64, sections.identity, sections.checksum);
        assert_eq!(found, (file.length, file.identity, file.checksum));
        assert_eq!(sections.database, self.manifest.database);
        bytes
    }

    fn version(&mut self, item: u32, version: Version) {
        let newest = self.items.entry(item).or_insert_with(|| version.clone());
        assert_eq!(newest.id, version.id, "an item keeps its number");
        if newest.revision < version.revision {
            *newest = version;
        }
    }

    fn read_items(&mut self) {
        for at in 0..self.manifest.items.len() {
            let (file, rows, newest) = &self.manifest.items[at];
            let (rows, newest) = (*rows, *newest);
            let bytes = self.segment("items", file, 1);
            let sections = Sections::read(&bytes, 1);
            assert_eq!(u64s(sections.section(1)), [rows]);
            let (numbers, revisions) = (u32s(sections.section(2)), u64s(sections.section(3)));
            assert!(numbers.is_sorted_by(|a, b| a < b));
            assert_eq!(revisions.iter().max(), Some(&newest));
            let parts = |offsets: u32, bytes: u32| -> Vec<Vec<u8>> {
                let (offsets, bytes) = (u64s(sections.section(offsets)), sections.section(bytes));
                assert_eq!((offsets.len() as u64, offsets[0]), (rows + 1, 0));
                assert_eq!(offsets[rows as usize], bytes.len() as u64);
                let parts = offsets
                    .windows(2)
                    .map(|pair| &bytes[pair[0] as usize..pair[1] as usize]);
                parts.map(<[u8]>::to_vec).collect()
            };
            let (ids, records) = (parts(4, 5), parts(7, 8));
            assert_eq!(u64s(sections.section(6)), id_table(&ids));
            let records: Vec<Option<Value>> = records
                .iter()
                .map(|text| (!text.is_empty()).then(|| serde_json::from_slice(text).unwrap()))
                .collect();
            let kinds = columns::check(&records, sections.section(9), sections.section(10));
            for (path, kinds) in kinds {
                let known = self.manifest.fields[&path];
                let covered = kinds.iter().zip(known).all(|(kind, known)| known || !kind);
                assert!(covered, "{path} has {kinds:?}, {known:?} is known");
            }
            let lives = u64s(sections.section(11));
            assert_eq!(lives.len() % 2, 0);
            let lives: Vec<(u64, u64)> = lives.chunks(2).map(|pair| (pair[0], pair[1])).collect();
            assert!(lives.is_sorted_by(|a, b| a.0 < b.0));
            for (row, born) in lives {
                assert!(records[row as usize].is_some());
                assert!(born > 0 && born <= revisions[row as usize]);
            }
            for row in 0..rows as usize {
                let version = Version {
                    revision: revisions[row],
                    id: String::from_utf8(ids[row].clone()).unwrap(),
                    record: records[row].clone(),
                };
                assert!(numbers[row] < self.manifest.next_item);
                self.version(numbers[row], version);
            }
        }
    }

    fn read_journals(&mut self) {
        let names = fs::read_dir(self.root.join("journal")).unwrap();
        let mut paths: Vec<PathBuf> = names.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut due = self.manifest.sealed + 1;
        for path in paths {
            let bytes = fs::read(path).unwrap();
            let (_, database, _) = header(&bytes, 4);
            assert_eq!(database, self.manifest.database);
            let mut frames = Packed(&bytes[64..]);
            while !frames.0.is_empty() {
                let whole = frames.0;
                assert_eq!(frames.take(4), b"TWJF");
                let (length, first) = (frames.u32() as usize, frames.u64());
                let (count, zero, sum) = (frames.u32(), frames.u32(), frames.u64());
                assert_eq!(zero, 0);
                let mut payload = Packed(frames.take(length));
                assert_eq!(sum, xxh3_64(&[&whole[..24], payload.0].concat()));
                let operations = payload.list(|packed| {
                    let (item, id) = (packed.u32(), packed.text());
                    let record = (packed.take(1) == [1]).then(|| {
                        let text = packed.list(|packed| packed.take(1)[0]);
                        serde_json::from_slice(&text).unwrap()
                    });
                    (item, id, record)
                });
                payload.done();
                assert_eq!(operations.len(), count as usize);
                for (revision, (item, id, record)) in (first..).zip(operations) {
                    // What was there before is sealed, or a copy.
                    if revision >= due {
                        assert_eq!(revision, due);
                        due += 1;
                        self.version(
                            item,
                            Version {
                                revision,
                                id,
                                record,
                            },
                        );
                    }
                }
            }
        }
    }

    /// The records of all items there are, by id.
    pub fn records(&self) -> BTreeMap<String, Value> {
        let there = self.items.values().filter_map(|version| {
            let record = version.record.clone()?;
            Some((version.id.clone(), record))
        });
        there.collect()
    }

    /// The towers of a generation.
    pub fn towers(&self, space: &str, generation: &Generation) -> Towers {
        let directory = self
            .root
            .join(format!("towers/{space}-{:06}", generation.number));
        let mut hashed = Vec::new();
        let mut files = BTreeMap::new();
        for (name, length, checksum) in &generation.towers {
            let bytes = fs::read(directory.join(name)).unwrap();
            assert_eq!((bytes.len() as u64, xxh3_64(&bytes)), (*length, *checksum));
            hashed.extend(name.as_bytes());
            hashed.extend(checksum.to_le_bytes());
            files.insert(name.clone(), bytes);
        }
        assert_eq!(xxh3_64(&hashed), generation.towers_hash);
        Towers::read(&files)
    }

    /// The space segments of a generation.
    pub fn segments(&self, generation: &Generation) -> Vec<Segment> {
        let segments = generation.segments.iter().map(|(file, items, gone)| {
            let segment = Segment::read(&self.segment("space", file, 2));
            assert_eq!(segment.items.len(), *items as usize);
            assert_eq!(segment.gone.len(), *gone as usize);
            segment
        });
        segments.collect()
    }
}
