//! Tokens that are found in a text as they stand, such as `[SEP]`.

use super::fault::Fault;
use super::file::AddedToken;
use super::limits::{MAX_ID, MAX_VOCABULARY};
use super::normalise::Normaliser;
use std::collections::HashMap;

/// The most bytes of an added token.
const MAX_BYTES: usize = 128;

/// The added tokens, by when they are searched for.
#[derive(Default)]
pub(super) struct Added {
    /// In the text as it is given.
    pub(super) raw: Needles,
    /// In the text once it is normalised.
    pub(super) normalised: Needles,
}

/// Tokens to search for.
#[derive(Default)]
pub(super) struct Needles {
    tokens: HashMap<Box<str>, Needle>,
    /// The lengths of the tokens that start with a byte, the longest first.
    lengths: HashMap<u8, Vec<usize>>,
}

/// One token.
#[derive(Clone, Copy)]
struct Needle {
    id: u32,
    single_word: bool,
    strip_left: bool,
    strip_right: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Token(u32),
}

impl Added {
    /// Reads the added tokens of a file. `id_of` is the id that the model gives a token.
    pub(super) fn new(
        tokens: &[AddedToken],
        normaliser: &Normaliser,
        id_of: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new("added_tokens", what);
        if tokens.len() > MAX_VOCABULARY {
            return Err(wrong(format!("are more than {MAX_VOCABULARY}")));
        }
        let mut added = Self::default();
        for token in tokens.iter().filter(|token| !token.content.is_empty()) {
            let content = &token.content;
            if content.len() > MAX_BYTES {
                let what = format!("token {} is longer than {MAX_BYTES} bytes", token.id);
                return Err(wrong(what));
            }
            let id = id_of(content).unwrap_or(token.id);
            if id > MAX_ID {
                return Err(wrong(format!(
                    "the id of {content:?} is {id}, more than {MAX_ID}"
                )));
            }
            let needle = Needle {
                id,
                single_word: token.single_word,
                strip_left: token.lstrip,
                strip_right: token.rstrip,
            };
            match token.normalized {
                true => {
                    let content = normaliser.apply(content.clone());
                    added.normalised.insert(&content, needle);
                }
                false => added.raw.insert(content, needle),
            }
        }
        Ok(added)
    }
}

impl Needles {
    fn insert(&mut self, content: &str, needle: Needle) {
        let Some(first) = content.bytes().next() else {
            return;
        };
        let lengths = self.lengths.entry(first).or_default();
        if !lengths.contains(&content.len()) {
            lengths.push(content.len());
            lengths.sort_by_key(|length| std::cmp::Reverse(*length));
        }
        self.tokens.insert(content.into(), needle);
    }

    /// The ids of all tokens.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.tokens.values().map(|needle| needle.id)
    }

    /// The longest token that starts at a place of a text, and where it ends.
    fn at(&self, text: &str, from: usize) -> Option<(Needle, usize)> {
        let first = text.as_bytes().get(from)?;
        self.lengths.get(first)?.iter().find_map(|length| {
            let to = from + length;
            let needle = self.tokens.get(text.get(from..to)?)?;
            Some((*needle, to))
        })
    }

    /// Cuts a text at the tokens in it: the leftmost ones, of those the longest.
    pub(super) fn split<'t>(&self, text: &'t str) -> Vec<Part<'t>> {
        let (mut parts, mut done, mut at) = (Vec::new(), 0, 0);
        while at < text.len() && !self.tokens.is_empty() {
            let Some((needle, end)) = self.at(text, at) else {
                at += 1;
                continue;
            };
            let (before, behind) = (text.get(..at), text.get(end..));
            let (before, behind) = (before.unwrap_or_default(), behind.unwrap_or_default());
            let within_word = before.chars().next_back().is_some_and(is_word)
                || behind.chars().next().is_some_and(is_word);
            let next = end;
            if !(needle.single_word && within_word) {
                let (mut from, mut to) = (at, end);
                if needle.strip_left {
                    from = before.trim_end().len().max(done);
                }
                if needle.strip_right {
                    to += behind.len() - behind.trim_start().len();
                }
                if let Some(text) = text.get(done..from).filter(|text| !text.is_empty()) {
                    parts.push(Part::Text(text));
                }
                parts.push(Part::Token(needle.id));
                done = to;
            }
            at = next.max(done);
        }
        if let Some(text) = text.get(done..).filter(|text| !text.is_empty()) {
            parts.push(Part::Text(text));
        }
        parts
    }
}

/// Whether a character belongs to a word.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
