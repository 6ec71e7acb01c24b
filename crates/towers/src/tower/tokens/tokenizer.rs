//! A tokenizer: the steps of a file, run one after the other.

use super::added::{Added, Part};
use super::byte_pair::{BytePair, Options};
use super::fault::Fault;
use super::file::{File, Model};
use super::limits::{BYTES_PER_TOKEN, MAX_FILE_BYTES, MAX_ID, MAX_VOCABULARY};
use super::normalise::{Normaliser, boundary};
use super::split::Splitter;
use super::template::Template;
use super::tokenised::Tokenised;
use super::unigram::Unigram;
use super::word_piece::WordPiece;
use crate::tower::error::TowerError;
use crate::tower::files::TOKENIZER;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use twinspire_core::files::Blob;

/// A tokenizer that is ready to run; clones share it.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

struct Inner {
    blob: Arc<Blob>,
    added: Added,
    normaliser: Normaliser,
    splitter: Splitter,
    cutter: Cutter,
    template: Template,
    pad: u32,
    rows: u32,
}

/// How words are cut into tokens.
enum Cutter {
    BytePair(BytePair),
    Unigram(Unigram),
    WordPiece(WordPiece),
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({} rows, {:?})", self.0.rows, self.0.blob)
    }
}

/// Names of the token for padding, where the file does not say how batches are padded.
const PADS: [&str; 3] = ["[PAD]", "<pad>", "<|pad|>"];

impl Tokenizer {
    /// Reads `tokenizer.json`.
    pub(crate) fn open(blob: &Arc<Blob>) -> Result<Self, TowerError> {
        if blob.len() > MAX_FILE_BYTES {
            let what = format!("has {} bytes, more than {MAX_FILE_BYTES}", blob.len());
            return Err(TowerError::tokens("file", what));
        }
        let file: File =
            serde_json::from_slice(blob).map_err(|error| TowerError::json(TOKENIZER, error))?;
        let refused = |Fault { place, what }| TowerError::tokens(place, what);
        let inner = Inner::new(blob, &file).map_err(refused)?;
        Ok(Self(Arc::new(inner)))
    }

    /// Its file.
    pub(crate) fn blob(&self) -> &Arc<Blob> {
        &self.0.blob
    }

    /// One more than the largest id.
    pub(crate) fn rows(&self) -> u32 {
        self.0.rows
    }

    /// The id that fills up short texts.
    pub(crate) fn pad(&self) -> u32 {
        self.0.pad
    }

    /// The id of what the vocabulary lacks, if it has one.
    pub(crate) fn unknown(&self) -> Option<u32> {
        self.0.cutter.unknown()
    }

    /// Appends the ids of a text, at most `limit`; with those that surround a text if `special` says so. Truncation
    /// takes tokens of the text away, from its end.
    pub(crate) fn encode(
        &self,
        text: &str,
        limit: usize,
        special: bool,
        ids: &mut Vec<u32>,
    ) -> Tokenised {
        let inner = &*self.0;
        let (before, behind) = match special {
            true => (&*inner.template.before, &*inner.template.behind),
            false => (&[][..], &[][..]),
        };
        let start = ids.len();
        ids.extend(before.iter().take(limit));
        let room = limit.saturating_sub(before.len() + behind.len());
        let end = boundary(text, limit.saturating_mul(BYTES_PER_TOKEN));
        let (read, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let from = ids.len();
        inner.content(read, room, ids);
        let truncated = !rest.is_empty() || ids.len() - from > room;
        ids.truncate(from + room);
        ids.extend(behind);
        ids.truncate(start + limit);
        Tokenised { truncated }
    }
}

impl Inner {
    fn new(blob: &Arc<Blob>, file: &File) -> Result<Self, Fault> {
        let (cutter, ids) = Cutter::new(&file.model)?;
        let normaliser = Normaliser::new(file.normalizer.as_ref())?;
        let added = Added::new(&file.added_tokens, &normaliser, |token| cutter.id(token))?;
        let template = Template::new(file.post_processor.as_ref())?;
        let padding = file.padding.as_ref().map(|padding| padding.pad_id);
        let pad = padding.or_else(|| {
            PADS.iter().find_map(|name| {
                let all = file.added_tokens.iter();
                let mut added = all.filter(|token| token.content == *name);
                added
                    .next()
                    .map(|token| token.id)
                    .or_else(|| cutter.id(name))
            })
        });
        let pad = pad.unwrap_or(0);
        let others = added.raw.ids().chain(added.normalised.ids());
        let others = others.chain(template.before.iter().chain(&template.behind).copied());
        let largest = others.chain([pad]).fold(ids, u32::max);
        if largest > MAX_ID {
            return Err(Fault::new(
                "file",
                format!("has id {largest}, more than {MAX_ID}"),
            ));
        }
        Ok(Self {
            blob: Arc::clone(blob),
            splitter: Splitter::new(file.pre_tokenizer.as_ref())?,
            added,
            normaliser,
            cutter,
            template,
            pad,
            rows: largest + 1,
        })
    }

    /// Appends the ids of a text, more than `room` if it has more.
    fn content(&self, text: &str, room: usize, ids: &mut Vec<u32>) {
        let from = ids.len();
        let is_full = |ids: &Vec<u32>| ids.len() - from > room;
        for (at, part) in self.added.raw.split(text).into_iter().enumerate() {
            let text = match part {
                Part::Token(id) => {
                    ids.push(id);
                    continue;
                }
                Part::Text(text) => self.normaliser.apply(text.to_owned()),
            };
            for (then, part) in self.added.normalised.split(&text).into_iter().enumerate() {
                let text = match part {
                    Part::Token(id) => {
                        ids.push(id);
                        continue;
                    }
                    Part::Text(text) => text,
                };
                let first = at == 0 && then == 0;
                for word in self.splitter.split(Cow::Borrowed(text), first) {
                    if is_full(ids) {
                        return;
                    }
                    self.cutter.cut(&word, ids);
                }
            }
            if is_full(ids) {
                return;
            }
        }
    }
}

impl Cutter {
    /// The model of a file, and its largest id.
    fn new(model: &Model) -> Result<(Self, u32), Fault> {
        let (ids, count) = match model {
            Model::Unigram { vocab, .. } => (vocab.len().saturating_sub(1) as u32, vocab.len()),
            Model::BytePair { vocab, .. } | Model::WordPiece { vocab, .. } => {
                (vocab.values().copied().max().unwrap_or(0), vocab.len())
            }
        };
        if count == 0 || count > MAX_VOCABULARY {
            let what = format!("has {count} tokens, not 1 to {MAX_VOCABULARY}");
            return Err(Fault::new("model vocab", what));
        }
        let cutter = match model {
            Model::BytePair { dropout, .. } if dropout.is_some_and(|share| share != 0.0) => {
                let what = "is not 0: tokens would be drawn at random";
                return Err(Fault::new("model dropout", what));
            }
            Model::BytePair {
                unk_token,
                continuing_subword_prefix,
                end_of_word_suffix,
                fuse_unk,
                byte_fallback,
                ignore_merges,
                vocab,
                merges,
                ..
            } => {
                let options = Options {
                    unknown: unk_token.clone(),
                    prefix: continuing_subword_prefix.clone().unwrap_or_default(),
                    suffix: end_of_word_suffix.clone().unwrap_or_default(),
                    fuse_unknown: *fuse_unk,
                    byte_fallback: *byte_fallback,
                    ignore_merges: *ignore_merges,
                };
                Self::BytePair(BytePair::new(vocab, merges, options)?)
            }
            Model::Unigram {
                unk_id,
                vocab,
                byte_fallback,
            } => Self::Unigram(Unigram::new(vocab, *unk_id, *byte_fallback)?),
            Model::WordPiece {
                unk_token,
                continuing_subword_prefix,
                max_input_chars_per_word,
                vocab,
            } => Self::WordPiece(WordPiece::new(
                vocab,
                unk_token,
                continuing_subword_prefix,
                *max_input_chars_per_word,
            )?),
        };
        Ok((cutter, ids))
    }

    fn id(&self, token: &str) -> Option<u32> {
        match self {
            Self::BytePair(model) => model.id(token),
            Self::Unigram(model) => model.id(token),
            Self::WordPiece(model) => model.id(token),
        }
    }

    fn unknown(&self) -> Option<u32> {
        match self {
            Self::BytePair(model) => model.unknown(),
            Self::Unigram(model) => model.unknown(),
            Self::WordPiece(model) => Some(model.unknown()),
        }
    }

    fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        match self {
            Self::BytePair(model) => model.cut(word, ids),
            Self::Unigram(model) => model.cut(word, ids),
            Self::WordPiece(model) => model.cut(word, ids),
        }
    }
}
