//! Lexical spaces and indexes, as the chapters of these names say. Texts of the tests have words that any rule finds.

use super::{Packed, Reader, Sections, u32s, u64s};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The active definition of a lexical space.
pub struct Definition {
    pub fields: BTreeMap<String, f64>,
    pub stop_words: Option<Vec<String>>,
    pub k1: f64,
    pub b: f64,
}

/// How texts become terms. Stems are not read: the language is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    pub fields: BTreeMap<String, u32>,
    pub stop_words: Vec<String>,
}

/// The index of one analysis in one items segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub analysis: Analysis,
    /// The length of each row.
    pub lengths: Vec<u32>,
    /// Rows and frequencies of each term.
    pub postings: BTreeMap<String, Vec<(u32, u32)>>,
}

/// Section 2 of a manifest: the active definition of each space.
pub(super) fn spaces(section: &[u8]) -> BTreeMap<String, Definition> {
    let mut packed = Packed(section);
    let spaces = packed.list(|packed| {
        let (name, active) = (packed.text(), packed.u64());
        let generations = packed.list(|packed| {
            let (number, _created) = (packed.u64(), packed.u64());
            let fields = packed.list(|packed| (packed.text(), f64::from_bits(packed.u64())));
            assert_eq!(packed.u32(), 0, "stems are not read here");
            let stop_words = packed.option(|packed| packed.list(Packed::text));
            let [k1, b] = [(); 2].map(|()| f64::from_bits(packed.u64()));
            let _query_field = packed.text();
            let fields = fields.into_iter().collect();
            let definition = Definition {
                fields,
                stop_words,
                k1,
                b,
            };
            (number, definition)
        });
        assert!(generations.is_sorted_by(|a, b| a.0 < b.0));
        let next = packed.u64();
        assert!(generations.iter().all(|(number, _)| *number < next));
        let found = generations
            .into_iter()
            .find(|(number, _)| *number == active);
        (name, found.unwrap().1)
    });
    packed.done();
    spaces.into_iter().collect()
}

impl Reader {
    /// The lexical indexes of each items segment, oldest first, with their records.
    pub fn lexical_indexes(&self) -> Vec<(Vec<Index>, Vec<Option<Value>>)> {
        let segments = self.manifest.items.iter().map(|(file, rows, _)| {
            let bytes = self.segment("items", file, 1);
            let sections = Sections::read(&bytes, 1);
            let (offsets, texts) = (u64s(sections.section(7)), sections.section(8));
            let records = offsets.windows(2).map(|pair| {
                let text = &texts[pair[0] as usize..pair[1] as usize];
                (!text.is_empty()).then(|| serde_json::from_slice(text).unwrap())
            });
            let indexes = match sections.table.contains_key(&12) {
                true => indexes(sections.section(12), sections.section(13)),
                false => Vec::new(),
            };
            assert!(
                indexes
                    .iter()
                    .all(|index| index.lengths.len() as u64 == *rows)
            );
            (indexes, records.collect())
        });
        segments.collect()
    }

    /// Sections 12 and 13 of the newest items segment.
    pub fn lexical_sections(&self) -> [Vec<u8>; 2] {
        let (file, ..) = self.manifest.items.last().unwrap();
        let bytes = self.segment("items", file, 1);
        let sections = Sections::read(&bytes, 1);
        [12, 13].map(|id| sections.section(id).to_vec())
    }
}

/// The indexes of one segment.
pub fn indexes(table: &[u8], mut arrays: &[u8]) -> Vec<Index> {
    let mut packed = Packed(table);
    let indexes = packed.list(|packed| {
        let fields = packed.list(|packed| (packed.text(), packed.u32()));
        assert_eq!(packed.u32(), 0, "stems are not read here");
        let stop_words = packed.list(Packed::text);
        assert!(stop_words.is_sorted_by(|a, b| a < b));
        let analysis = Analysis {
            fields: fields.into_iter().collect(),
            stop_words,
        };
        let (rows, documents, total) = (packed.u32(), packed.u32(), packed.u64());
        let (terms, term_bytes) = (packed.u32() as usize, packed.u64() as usize);
        let (blocks, data_bytes) = (packed.u32() as usize, packed.u64() as usize);
        let mut array = |length: usize| {
            let (array, rest) = arrays.split_at(length);
            let (padding, rest) = rest.split_at(length.next_multiple_of(8) - length);
            assert!(padding.iter().all(|byte| *byte == 0));
            arrays = rest;
            array
        };
        let lengths = u32s(array(4 * rows as usize));
        let term_offsets = u64s(array(8 * (terms + 1)));
        let term_bytes = array(term_bytes);
        let first_blocks = u32s(array(4 * (terms + 1)));
        let counts = u32s(array(4 * terms));
        let [last_rows, largest, least] = [(); 3].map(|()| u32s(array(4 * blocks)));
        let widths = array(2 * blocks);
        let data_offsets = u64s(array(8 * (blocks + 1)));
        let data = array(data_bytes);
        assert_eq!(first_blocks[terms] as usize, blocks);
        assert_eq!(data_offsets[blocks] as usize, data_bytes);
        assert_eq!(
            lengths.iter().filter(|length| **length > 0).count(),
            documents as usize
        );
        assert_eq!(
            lengths.iter().map(|length| u64::from(*length)).sum::<u64>(),
            total
        );
        let term = |at: usize| {
            let bytes = &term_bytes[term_offsets[at] as usize..term_offsets[at + 1] as usize];
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let mut postings = BTreeMap::new();
        let mut before = String::new();
        for at in 0..terms {
            assert!(before < term(at) || at == 0, "terms increase");
            before = term(at);
            let mut rows: Vec<(u32, u32)> = Vec::new();
            let blocks = first_blocks[at] as usize..first_blocks[at + 1] as usize;
            assert_eq!(blocks.len(), counts[at].div_ceil(128) as usize);
            for block in blocks {
                let count = (counts[at] as usize - rows.len()).min(128);
                let data = &data[data_offsets[block] as usize..data_offsets[block + 1] as usize];
                let [gap, frequency] = [widths[2 * block], widths[2 * block + 1]].map(usize::from);
                let (gaps, frequencies) = data.split_at((gap * (count - 1)).div_ceil(8));
                assert_eq!(frequencies.len(), (frequency * count).div_ceil(8));
                let mut next = rows.last().map_or(0, |(row, _)| row + 1);
                let first = rows.len();
                for place in 0..count {
                    let row = match place + 1 == count {
                        true => last_rows[block],
                        false => next + bits(gaps, gap, place),
                    };
                    next = row + 1;
                    rows.push((row, bits(frequencies, frequency, place) + 1));
                }
                let of_block = &rows[first..];
                let most = of_block.iter().map(|(_, frequency)| *frequency).max();
                let shortest = of_block.iter().map(|(row, _)| lengths[*row as usize]).min();
                assert_eq!((most, shortest), (Some(largest[block]), Some(least[block])));
            }
            assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
            postings.insert(term(at), rows);
        }
        Index {
            analysis,
            lengths,
            postings,
        }
    });
    packed.done();
    assert!(arrays.is_empty());
    indexes
}

/// Value number `place` of values that are packed in `width` bits each, lowest bit first.
fn bits(bytes: &[u8], width: usize, place: usize) -> u32 {
    let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
    (0..width).map(|at| bit(width * place + at) << at).sum()
}

impl Analysis {
    /// The words of a text, lower-cased, without stop words.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
        words
            .filter(|word| !self.stop_words.contains(word))
            .collect()
    }

    /// The greatest common divisor of the tenths.
    pub fn unit(&self) -> u32 {
        let mut all = self.fields.values().copied();
        let first = all.next().unwrap();
        all.fold(first, |mut a, mut b| {
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        })
    }

    /// The index that records have.
    pub fn index(self, records: &[Option<Value>]) -> Index {
        let unit = self.unit();
        let (mut lengths, mut postings) = (vec![0; records.len()], BTreeMap::new());
        for (row, record) in records.iter().enumerate() {
            let mut frequencies: BTreeMap<String, u32> = BTreeMap::new();
            for (field, tenths) in &self.fields {
                let value = record.as_ref().and_then(|record| record.get(field));
                // Equal texts of a list count once.
                let texts: BTreeSet<&str> = match value {
                    Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
                    Some(value) => value.as_str().into_iter().collect(),
                    None => BTreeSet::new(),
                };
                for term in texts.iter().flat_map(|text| self.terms(text)) {
                    *frequencies.entry(term).or_default() += tenths / unit;
                }
            }
            lengths[row] = frequencies.values().sum();
            for (term, frequency) in frequencies {
                let rows: &mut Vec<(u32, u32)> = postings.entry(term).or_default();
                rows.push((row as u32, frequency));
            }
        }
        Index {
            analysis: self,
            lengths,
            postings,
        }
    }
}

impl Definition {
    /// The analysis that indexes of it have.
    pub fn analysis(&self) -> Analysis {
        let tenths = |boost: &f64| ((boost * 10.0).round() as u32).max(1);
        let fields = self.fields.iter();
        let words = self.stop_words.iter().flatten();
        let words: BTreeSet<String> = words.map(|word| word.to_lowercase()).collect();
        Analysis {
            fields: fields
                .map(|(path, boost)| (path.clone(), tenths(boost)))
                .collect(),
            stop_words: words.into_iter().collect(),
        }
    }
}
