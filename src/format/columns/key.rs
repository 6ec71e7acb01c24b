//! Keys of terms, and the dictionary made of them.
//!
//! While a column is built its terms are *keys*: byte strings that sort as the terms do. The first byte is
//! the type: 0 for a boolean, then its value; 1 for a number, then its bits in sortable form; 2 for a
//! text, then its bytes; 3 for a mark, then its number.

use super::mark::Mark;
use twinspire_towers::internals::Term;

const BOOLEAN: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const MARK: u8 = 3;
/// The sign bit of a float.
const SIGN: u64 = 1 << 63;

/// Writes the key of a term to `key`.
pub(super) fn key_of(term: &Term, key: &mut Vec<u8>) {
    key.clear();
    match term {
        Term::Bool(flag) => key.extend([BOOLEAN, u8::from(*flag)]),
        Term::Number(number) => {
            let bits = number.to_bits();
            let sortable = if bits & SIGN == 0 { bits | SIGN } else { !bits };
            key.push(NUMBER);
            // Big-endian, so that bytes sort as numbers do.
            key.extend(sortable.swap_bytes().to_le_bytes());
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
    /// The numbers.
    pub(super) numbers: Vec<f64>,
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
                let sortable = value.try_into().map(u64::from_le_bytes);
                let sortable = sortable.unwrap_or_default().swap_bytes();
                let bits = if sortable & SIGN == 0 {
                    !sortable
                } else {
                    sortable & !SIGN
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
