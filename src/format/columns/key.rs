//! Keys of terms, and the dictionary made of them.
//!
//! While a column is built its terms are *keys*: byte strings that sort as the terms do. The first byte is
//! the type: 0 for a boolean, then its value; 1 for a number, then its nearest float and its rest in
//! sortable form; 2 for a text, then its bytes; 3 for a mark, then its number.

use super::mark::Mark;
use twinspire_towers::internals::{Number, Term};

const BOOLEAN: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const MARK: u8 = 3;
/// The sign bit of a float.
const SIGN: u64 = 1 << 63;
/// The sign bit of a rest.
const REST_SIGN: u16 = 1 << 15;

/// Writes the key of a term to `key`.
pub(super) fn key_of(term: &Term, key: &mut Vec<u8>) {
    key.clear();
    match term {
        Term::Bool(flag) => key.extend([BOOLEAN, u8::from(*flag)]),
        Term::Number(number) => {
            let bits = number.nearest().to_bits();
            let sortable = if bits & SIGN == 0 { bits | SIGN } else { !bits };
            let rest = number.rest().cast_unsigned() ^ REST_SIGN;
            key.push(NUMBER);
            // Big-endian, so that bytes sort as numbers do.
            key.extend(sortable.swap_bytes().to_le_bytes());
            key.extend(rest.swap_bytes().to_le_bytes());
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

/// A dictionary as arrays.
#[derive(Default)]
pub(super) struct Dictionary {
    /// 1 for `false`, 2 for `true`, 3 for both.
    pub(super) booleans: u32,
    /// The nearest floats of the numbers.
    pub(super) numbers: Vec<f64>,
    /// The rests of the numbers; empty if all are 0.
    pub(super) rests: Vec<i16>,
    /// Offsets of the texts.
    pub(super) text_offsets: Vec<u32>,
    /// The texts, back to back.
    pub(super) texts: Vec<u8>,
}

impl Dictionary {
    /// Adds the term of the next key; marks are skipped.
    pub(super) fn push(&mut self, key: &[u8]) {
        match key.split_first() {
            Some((&BOOLEAN, value)) => self.booleans |= if value == [0] { 1 } else { 2 },
            Some((&NUMBER, value)) => {
                let number = number_of(value);
                if number.rest() != 0 || !self.rests.is_empty() {
                    self.rests.resize(self.numbers.len(), 0);
                    self.rests.push(number.rest());
                }
                self.numbers.push(number.nearest());
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

/// The number of a key, without the byte of the type.
fn number_of(key: &[u8]) -> Number {
    let (nearest, rest) = key.split_at(key.len().min(8));
    let sortable = nearest.try_into().map(u64::from_le_bytes);
    let sortable = sortable.unwrap_or_default().swap_bytes();
    let bits = if sortable & SIGN == 0 {
        !sortable
    } else {
        sortable & !SIGN
    };
    let rest = rest.try_into().map(u16::from_le_bytes);
    let rest = rest.map_or(0, |rest| (rest.swap_bytes() ^ REST_SIGN).cast_signed());
    Number::new(f64::from_bits(bits), rest)
}
