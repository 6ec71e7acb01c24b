//! The character map of SentencePiece: a double-array trie from characters to their replacements.

use super::fault::Fault;
use unicode_segmentation::UnicodeSegmentation;

/// The longest grapheme in bytes that is looked up whole, from 0.
const GRAPHEME: usize = 6;

/// A character map.
pub(super) struct Precompiled {
    /// The units of the trie, an entry each.
    trie: Vec<u32>,
    /// The replacements, each ended by a zero.
    replacements: String,
}

impl Precompiled {
    /// Reads a map in base 64: the bytes of the trie (u32), the trie, the replacements.
    pub(super) fn new(map: &str) -> Result<Self, Fault> {
        let wrong = |what: &str| Fault::new("normalizer precompiled_charsmap", what);
        let bytes = base64(map).ok_or_else(|| wrong("is not base 64"))?;
        let parts = bytes.split_first_chunk().and_then(|(size, rest)| {
            let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            rest.split_at_checked(size / 4 * 4)
        });
        let (trie, replacements) = parts.ok_or_else(|| wrong("is truncated"))?;
        let replacements = String::from_utf8(replacements.to_vec());
        Ok(Self {
            trie: trie
                .as_chunks()
                .0
                .iter()
                .map(|unit| u32::from_le_bytes(*unit))
                .collect(),
            replacements: replacements.map_err(|_| wrong("has replacements that are not UTF-8"))?,
        })
    }

    /// The text with every character replaced that the map has.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        for grapheme in text.graphemes(true) {
            let whole = Some(grapheme).filter(|grapheme| grapheme.len() < GRAPHEME);
            if let Some(replacement) = whole.and_then(|grapheme| self.find(grapheme)) {
                replaced.push_str(replacement);
                continue;
            }
            for c in grapheme.chars() {
                match self.find(c.encode_utf8(&mut [0; 4])) {
                    Some(replacement) => replaced.push_str(replacement),
                    None => replaced.push(c),
                }
            }
        }
        replaced
    }

    /// The replacement of the shortest prefix of a text that the map has.
    fn find(&self, text: &str) -> Option<&str> {
        let mut place = offset(*self.trie.first()?);
        for byte in text.bytes().take_while(|byte| *byte != 0) {
            place ^= u32::from(byte);
            let unit = *self.trie.get(place as usize)?;
            // A unit of a leaf has its highest bit set.
            if unit & ((1 << 31) | 0xff) != u32::from(byte) {
                return None;
            }
            place ^= offset(unit);
            if (unit >> 8) & 1 == 1 {
                let from = *self.trie.get(place as usize)? & !(1 << 31);
                return self.replacements.get(from as usize..)?.split('\0').next();
            }
        }
        None
    }
}

/// How far the children of a unit are.
fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

/// The bytes of a text in base 64.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for letter in group {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = (bits << 6) | u32::from(value);
        }
        let missing = 4 - group.len();
        // Three bytes, the highest first.
        let bits = bits << (6 * missing);
        let all = [bits >> 16, bits >> 8, bits].map(|byte| byte as u8);
        // One letter alone is not a byte.
        bytes.extend(all.iter().take(3usize.checked_sub(missing)?));
    }
    Some(bytes)
}
