//! Columns to bytes.
//!
//! While a column is made its terms are *keys*: byte strings that sort as the terms do. A boolean is
//! 0 and its value, a number 1 and its bits turned so that they sort, a text 2 and its bytes, a mark 3
//! and its place among the marks.

use super::build::Building;
use super::{ALIGNMENT, MARKS, Mark, NONE, Shape};
use twinspire_towers::internals::Term;

const BOOLEAN: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const MARK: u8 = 3;
/// The bit that the bits of negative numbers have.
const SIGN: u64 = 1 << 63;

/// Makes `key` the key of a term.
pub(super) fn key_of(term: &Term, key: &mut Vec<u8>) {
    key.clear();
    match term {
        Term::Bool(flag) => key.extend([BOOLEAN, u8::from(*flag)]),
        Term::Number(number) => {
            let bits = number.to_bits();
            let turned = if bits & SIGN == 0 { bits | SIGN } else { !bits };
            key.push(NUMBER);
            // The highest byte first: then bytes sort as numbers do.
            key.extend(turned.swap_bytes().to_le_bytes());
        }
        Term::Text(text) => {
            key.push(TEXT);
            key.extend_from_slice(text.as_bytes());
        }
    }
}

/// The key of a mark.
pub(super) fn key_of_mark(mark: Mark) -> [u8; 2] {
    [MARK, mark as u8]
}

/// Gives the arrays of a column to `put`, front to back; the counts that tell their lengths.
pub(super) fn column<E>(
    path: String,
    building: Building,
    rows: u32,
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Shape, E> {
    let Building {
        terms,
        mut entries,
        places,
        present,
        lists,
    } = building;
    let mut sorted: Vec<u32> = (0..terms.len() as u32).collect();
    sorted.sort_unstable_by_key(|term| terms.get(*term));
    let mut dictionary = Dictionary::default();
    let mut ordinals = vec![NONE; sorted.len()];
    for (ordinal, term) in (0u32..).zip(&sorted) {
        dictionary.push(terms.get(*term));
        if let Some(place) = ordinals.get_mut(*term as usize) {
            *place = ordinal;
        }
    }
    drop((terms, sorted));
    let mut starts = vec![0u32; ordinals.len() + 1];
    for (_, term) in &mut entries {
        *term = ordinals.get(*term as usize).copied().unwrap_or(NONE);
        if let Some(count) = starts.get_mut(*term as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let offsets = starts.len().saturating_sub(MARKS as usize);
    let (offsets, marks) = starts.split_at(offsets);
    let postings = offsets.last().copied().unwrap_or_default();
    let (long, placed, all) = match marks {
        [long, placed, all] => (*long, *placed, *all),
        _ => (postings, postings, postings),
    };
    let shape = Shape {
        path,
        booleans: dictionary.booleans,
        numbers: dictionary.numbers.len() as u32,
        texts: dictionary.text_offsets.len().saturating_sub(1) as u32,
        text_bytes: dictionary.texts.len() as u32,
        postings,
        long: long - postings,
        places: placed - long,
        empty: all - placed,
        present,
        lists,
    };

    array(&dictionary.numbers, put)?;
    array(&Vec::from_iter(places.iter().map(|at| at.lat)), put)?;
    array(&Vec::from_iter(places.iter().map(|at| at.lon)), put)?;
    array(&dictionary.text_offsets, put)?;
    array(&dictionary.texts, put)?;
    drop(dictionary);
    array(if shape.is_unique() { &[] } else { offsets }, put)?;
    array(&by_ordinal(&entries, starts), put)?;
    by_row(&shape, rows, &entries, put)?;
    let mut by_latitude: Vec<u32> = (0..places.len() as u32).collect();
    let latitude = |place: &u32| places.get(*place as usize).map_or(0.0, |at| at.lat);
    // Stable: those of one latitude stay in order of rows.
    by_latitude.sort_by(|a, b| latitude(a).total_cmp(&latitude(b)));
    array(&by_latitude, put)?;
    Ok(shape)
}

/// The rows of all entries, in order of ordinals, then of rows; `next` is where those of each ordinal
/// begin.
fn by_ordinal(entries: &[(u32, u32)], mut next: Vec<u32>) -> Vec<u32> {
    let mut postings = vec![0; entries.len()];
    for (row, ordinal) in entries {
        if let Some(next) = next.get_mut(*ordinal as usize) {
            if let Some(posting) = postings.get_mut(*next as usize) {
                *posting = *row;
            }
            *next += 1;
        }
    }
    postings
}

/// The ordinals of all entries, in slots.
fn by_row<E>(
    shape: &Shape,
    rows: u32,
    entries: &[(u32, u32)],
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (dense, slots) = (shape.is_dense(rows), shape.slots(rows) as usize);
    let of_rows = || entries.chunk_by(|(a, _), (b, _)| a == b);
    let row_of = |entries: &[(u32, u32)]| entries.first().map_or(NONE, |(row, _)| *row);
    if dense {
        array::<u32, _>(&[], put)?;
    } else {
        array(&Vec::from_iter(of_rows().map(row_of)), put)?;
    }
    let ordinals = entries.iter().map(|(_, ordinal)| *ordinal);
    if shape.is_many() {
        let (mut offsets, mut end) = (Vec::with_capacity(slots + 1), 0);
        for entries in of_rows() {
            // Rows passed over have no entries: theirs begin and end where the next row's begin.
            let slot = if dense {
                row_of(entries) as usize
            } else {
                offsets.len()
            };
            offsets.resize(slot + 1, end);
            end += entries.len() as u32;
        }
        offsets.resize(slots + 1, end);
        array(&offsets, put)?;
        array(&Vec::from_iter(ordinals), put)
    } else if dense {
        let mut slots = vec![NONE; slots];
        for (row, ordinal) in entries {
            if let Some(slot) = slots.get_mut(*row as usize) {
                *slot = *ordinal;
            }
        }
        array::<u32, _>(&[], put)?;
        array(&slots, put)
    } else {
        array::<u32, _>(&[], put)?;
        array(&Vec::from_iter(ordinals), put)
    }
}

/// The bytes of an array, and zeros up to where the next may begin.
fn array<T: bytemuck::NoUninit, E>(
    elements: &[T],
    put: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let bytes: &[u8] = bytemuck::cast_slice(elements);
    put(bytes)?;
    let gap = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
    put(&[0; ALIGNMENT][..gap])
}

/// Dictionaries as arrays.
#[derive(Default)]
struct Dictionary {
    booleans: u32,
    numbers: Vec<f64>,
    text_offsets: Vec<u32>,
    texts: Vec<u8>,
}

impl Dictionary {
    /// Adds the term of the next key; a mark is none.
    fn push(&mut self, key: &[u8]) {
        match key.split_first() {
            Some((&BOOLEAN, value)) => self.booleans |= if value == [0] { 1 } else { 2 },
            Some((&NUMBER, value)) => {
                let turned = value.try_into().map(u64::from_le_bytes);
                let turned = turned.unwrap_or_default().swap_bytes();
                let bits = if turned & SIGN == 0 {
                    !turned
                } else {
                    turned & !SIGN
                };
                self.numbers.push(f64::from_bits(bits));
            }
            Some((&TEXT, text)) => {
                if self.text_offsets.is_empty() {
                    self.text_offsets.push(0);
                }
                self.texts.extend_from_slice(text);
                self.text_offsets.push(self.texts.len() as u32);
            }
            _ => {}
        }
    }
}
