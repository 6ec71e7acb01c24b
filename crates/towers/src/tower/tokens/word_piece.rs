//! WordPiece: a word is cut into the longest tokens of the vocabulary, from its start.

use super::fault::Fault;
use std::collections::HashMap;

/// The most characters of a word that is cut; a longer one is unknown.
const MAX_WORD: usize = 1000;

/// The vocabulary, by whether a token starts a word.
pub(super) struct WordPiece {
    starts: Tokens,
    continuations: Tokens,
    unknown: u32,
    max_characters: usize,
}

/// Tokens and their ids.
#[derive(Default)]
struct Tokens {
    ids: HashMap<Box<str>, u32>,
    /// Bytes of the longest token.
    longest: usize,
}

impl Tokens {
    fn insert(&mut self, token: &str, id: u32) {
        self.longest = self.longest.max(token.len());
        self.ids.insert(token.into(), id);
    }

    /// The longest token that `text` starts with: its id and its length.
    fn longest_prefix(&self, text: &str) -> Option<(u32, usize)> {
        let lengths = (1..=self.longest.min(text.len())).rev();
        let mut prefixes = lengths.filter_map(|length| text.get(..length));
        prefixes.find_map(|prefix| Some((*self.ids.get(prefix)?, prefix.len())))
    }
}

impl WordPiece {
    /// Reads the vocabulary of a file.
    pub(super) fn new(
        vocabulary: &HashMap<String, u32>,
        unknown: &str,
        prefix: &str,
        max_characters: usize,
    ) -> Result<Self, Fault> {
        if max_characters > MAX_WORD {
            let what = format!("is {max_characters}, more than {MAX_WORD}");
            return Err(Fault::new("model max_input_chars_per_word", what));
        }
        let found = vocabulary.get(unknown).copied();
        let unknown = found.ok_or_else(|| {
            let what = format!("the unknown token {unknown:?} is not in it");
            Fault::new("model vocab", what)
        })?;
        let (mut starts, mut continuations) = (Tokens::default(), Tokens::default());
        for (token, id) in vocabulary {
            starts.insert(token, *id);
            if let Some(rest) = token.strip_prefix(prefix) {
                continuations.insert(rest, *id);
            }
        }
        Ok(Self {
            starts,
            continuations,
            unknown,
            max_characters,
        })
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.starts.ids.get(token).copied()
    }

    /// The id of a word that cannot be cut.
    pub(super) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// Appends the tokens of a word.
    pub(super) fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        let from = ids.len();
        let known = word.chars().nth(self.max_characters).is_none();
        let (mut rest, mut tokens) = (word, &self.starts);
        while known && !rest.is_empty() {
            let Some((id, length)) = tokens.longest_prefix(rest) else {
                break;
            };
            ids.push(id);
            rest = rest.get(length..).unwrap_or_default();
            tokens = &self.continuations;
        }
        if !rest.is_empty() {
            ids.truncate(from);
            ids.push(self.unknown);
        }
    }
}
