//! Steps that cut a text into words.

use super::fault::Fault;
use super::file::{Behaviour, PreTokenizer, PrependScheme};
use super::normalise::MAX_STEPS;
use std::borrow::Cow;
use std::ops::Range;
use unicode_categories::UnicodeCategories;

/// All steps.
#[derive(Default)]
pub(super) struct Splitter(Vec<Step>);

/// One step.
enum Step {
    /// Cuts at characters.
    At(fn(char) -> bool, Behaviour),
    /// Cuts into runs of characters of words and of others, without white space.
    Whitespace,
    Metaspace {
        mark: char,
        prepend: PrependScheme,
        split: bool,
    },
    ByteLevel {
        prefix: bool,
        split: bool,
    },
}

/// A word, or what is left to be cut.
pub(super) type Piece<'t> = Cow<'t, str>;

impl Splitter {
    /// Reads the steps of a file.
    pub(super) fn new(step: Option<&PreTokenizer>) -> Result<Self, Fault> {
        let mut all = Self::default();
        if let Some(step) = step {
            all.add(step)?;
        }
        Ok(all)
    }

    fn add(&mut self, step: &PreTokenizer) -> Result<(), Fault> {
        let wrong = |what: String| Fault::new("pre_tokenizer", what);
        let steps = &mut self.0;
        match step {
            PreTokenizer::BertPreTokenizer {} => steps.extend([
                Step::At(char::is_whitespace, Behaviour::Removed),
                Step::At(is_punctuation, Behaviour::Isolated),
            ]),
            PreTokenizer::ByteLevel {
                add_prefix_space,
                use_regex,
                ..
            } => steps.push(Step::ByteLevel {
                prefix: *add_prefix_space,
                split: *use_regex,
            }),
            PreTokenizer::Digits { individual_digits } => steps.push(Step::At(
                char::is_numeric,
                match individual_digits {
                    true => Behaviour::Isolated,
                    false => Behaviour::Contiguous,
                },
            )),
            PreTokenizer::Metaspace {
                replacement,
                add_prefix_space,
                prepend_scheme,
                split,
                ..
            } => {
                let prepend = match add_prefix_space {
                    Some(false) => PrependScheme::Never,
                    _ => *prepend_scheme,
                };
                steps.push(Step::Metaspace {
                    mark: *replacement,
                    prepend,
                    split: split.unwrap_or(true),
                });
            }
            PreTokenizer::Punctuation { behavior } => {
                steps.push(Step::At(is_punctuation, *behavior));
            }
            PreTokenizer::Sequence { pretokenizers } => {
                for step in pretokenizers {
                    self.add(step)?;
                }
            }
            PreTokenizer::Whitespace {} => steps.push(Step::Whitespace),
            PreTokenizer::WhitespaceSplit {} => {
                steps.push(Step::At(char::is_whitespace, Behaviour::Removed));
            }
        }
        match self.0.len() > MAX_STEPS {
            true => Err(wrong(format!("has more than {MAX_STEPS} steps"))),
            false => Ok(()),
        }
    }

    /// The words of a text; `first` if the text begins what was given.
    pub(super) fn split<'t>(&self, text: Piece<'t>, first: bool) -> Vec<Piece<'t>> {
        let mut pieces = vec![text];
        for step in &self.0 {
            let mut next = Vec::with_capacity(pieces.len());
            for (at, piece) in pieces.into_iter().enumerate() {
                step.split(piece, first && at == 0, &mut next);
            }
            pieces = next;
        }
        pieces
    }
}

impl Step {
    fn split<'t>(&self, piece: Piece<'t>, first: bool, pieces: &mut Vec<Piece<'t>>) {
        match self {
            Self::At(at, behaviour) => {
                let ranges = cuts(&piece, *at, *behaviour);
                push(piece, ranges, pieces);
            }
            Self::Whitespace => {
                let ranges = runs(&piece, |c| match c {
                    c if c.is_whitespace() => 0,
                    c if is_word(c) => 1,
                    _ => 2,
                });
                let ranges = ranges.filter(|(kind, _)| *kind > 0);
                let ranges: Vec<_> = ranges.map(|(_, range)| range).collect();
                push(piece, ranges, pieces);
            }
            Self::Metaspace {
                mark,
                prepend,
                split,
            } => {
                let mut marked = piece.replace(' ', mark.encode_utf8(&mut [0; 4]));
                let prepend = match prepend {
                    PrependScheme::Always => true,
                    PrependScheme::First => first,
                    PrependScheme::Never => false,
                };
                if prepend && !marked.starts_with(*mark) {
                    marked.insert(0, *mark);
                }
                match split {
                    true => {
                        let is_mark = |c| c == *mark;
                        let ranges = cuts(&marked, is_mark, Behaviour::MergedWithNext);
                        push(marked.into(), ranges, pieces);
                    }
                    false => pieces.push(marked.into()),
                }
            }
            Self::ByteLevel { prefix, split } => {
                let mut text = piece.into_owned();
                if *prefix && !text.starts_with(' ') {
                    text.insert(0, ' ');
                }
                let words = match split {
                    true => byte_level_words(&text),
                    false => vec![text.as_str()],
                };
                let words = words.into_iter().filter(|word| !word.is_empty());
                pieces.extend(words.map(|word| Cow::Owned(word.bytes().map(byte_mark).collect())));
            }
        }
    }
}

/// Adds parts of a piece.
fn push<'t>(piece: Piece<'t>, ranges: Vec<Range<usize>>, pieces: &mut Vec<Piece<'t>>) {
    let ranges = ranges.into_iter().filter(|range| !range.is_empty());
    match piece {
        Cow::Borrowed(text) => {
            pieces.extend(ranges.filter_map(|range| text.get(range).map(Cow::Borrowed)));
        }
        Cow::Owned(text) => pieces.extend(
            ranges.filter_map(|range| text.get(range).map(|part| Cow::Owned(part.to_owned()))),
        ),
    }
}

/// The runs of characters of one kind.
fn runs<'a>(
    text: &'a str,
    kind_of: impl Fn(char) -> u8 + 'a,
) -> impl Iterator<Item = (u8, Range<usize>)> + 'a {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (from, c) = rest.next()?;
        let kind = kind_of(c);
        while rest.next_if(|(_, c)| kind_of(*c) == kind).is_some() {}
        let to = rest.peek().map_or(text.len(), |(at, _)| *at);
        Some((kind, from..to))
    })
}

/// Where a text is cut at some characters.
fn cuts(text: &str, at: impl Fn(char) -> bool, behaviour: Behaviour) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut previous = false;
    for (from, c) in text.char_indices() {
        let (cut, to) = (at(c), from + c.len_utf8());
        let joined = match behaviour {
            Behaviour::Removed | Behaviour::Isolated => !cut && !previous,
            Behaviour::Contiguous => cut == previous,
            // One cut belongs to what is before it; a second one stands alone.
            Behaviour::MergedWithPrevious => !previous,
            Behaviour::MergedWithNext => !cut,
        };
        match ranges.last_mut().filter(|_| joined) {
            Some(last) => last.end = to,
            None => ranges.push(from..to),
        }
        if cut && behaviour == Behaviour::Removed {
            ranges.pop();
        }
        previous = cut;
    }
    ranges
}

/// Whether a character is punctuation for encoders like BERT.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.is_punctuation()
}

/// Whether a character is part of a word, as `\w` says.
fn is_word(c: char) -> bool {
    let joins = matches!(c, '\u{200c}' | '\u{200d}');
    c.is_alphanumeric() || c.is_mark() || c.is_punctuation_connector() || joins
}

/// The words of a text as GPT-2 cuts it:
/// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
fn byte_level_words(text: &str) -> Vec<&str> {
    const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    let kind_of = |c: char| match c {
        c if c.is_whitespace() => 0,
        c if c.is_letter() => 1,
        c if c.is_number() => 2,
        _ => 3,
    };
    let (mut words, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let behind = rest.strip_prefix(' ').unwrap_or(rest);
        let ending = ENDINGS.iter().find(|ending| rest.starts_with(**ending));
        let start = behind.chars().next().map(kind_of);
        let length = match (ending, start) {
            (Some(ending), _) => ending.len(),
            (None, Some(kind)) if kind > 0 => {
                let run = behind.find(|c| kind_of(c) != kind);
                rest.len() - behind.len() + run.unwrap_or(behind.len())
            }
            _ => {
                let run = rest.find(|c: char| !c.is_whitespace());
                match run {
                    None => rest.len(),
                    // The last space belongs to the word behind it.
                    Some(run) => {
                        let spaces = rest.get(..run).unwrap_or_default();
                        let last = spaces.chars().next_back().map_or(0, char::len_utf8);
                        if run > last { run - last } else { run }
                    }
                }
            }
        };
        let at = length.max(first.len_utf8());
        let (word, next) = rest.split_at_checked(at).unwrap_or((rest, ""));
        words.push(word);
        rest = next;
    }
    words
}

/// The character that stands for a byte.
fn byte_mark(byte: u8) -> char {
    let shown = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match (shown, byte) {
        (true, byte) => char::from(byte),
        (false, 0..=0x20) => mark(u32::from(byte)),
        (false, 0x7F..=0xA0) => mark(u32::from(byte) - 0x7F + 0x21),
        (false, _) => mark(0x43),
    }
}

/// The n-th character for bytes that are not shown.
fn mark(n: u32) -> char {
    char::from_u32(0x100 + n).unwrap_or(' ')
}
