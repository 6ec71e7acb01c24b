//! The JSON of `tokenizer.json`, as far as it decides the ids of tokens.
//!
//! Keys of a step are all known or the file is refused: an unknown one might change the ids. What only serves decoding
//! and batches is ignored.

use serde::Deserialize;
use std::collections::HashMap;

/// The content of the file.
#[derive(Deserialize)]
pub(super) struct File {
    #[serde(default)]
    pub(super) added_tokens: Vec<AddedToken>,
    pub(super) normalizer: Option<Normalizer>,
    pub(super) pre_tokenizer: Option<PreTokenizer>,
    pub(super) post_processor: Option<PostProcessor>,
    pub(super) padding: Option<Padding>,
    pub(super) model: Model,
}

/// A token that is found in a text as it stands.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the file has them")]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
}

/// How batches are padded.
#[derive(Deserialize)]
pub(super) struct Padding {
    pub(super) pad_id: u32,
}

/// A step that rewrites a text.
#[derive(Deserialize)]
#[expect(clippy::enum_variant_names, reason = "the names are those of the file")]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Normalizer {
    BertNormalizer {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
    Lowercase {},
    #[serde(rename = "NFC")]
    Nfc {},
    #[serde(rename = "NFD")]
    Nfd {},
    #[serde(rename = "NFKC")]
    Nfkc {},
    #[serde(rename = "NFKD")]
    Nfkd {},
    Nmt {},
    Precompiled {
        precompiled_charsmap: Option<String>,
    },
    Prepend {
        prepend: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    Sequence {
        normalizers: Vec<Normalizer>,
    },
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    StripAccents {},
}

/// What a step searches for.
#[derive(Deserialize)]
pub(super) enum Pattern {
    String(String),
    /// A regular expression, of which a few are known by heart.
    Regex(String),
}

/// A step that cuts a text into words.
#[derive(Deserialize)]
#[expect(clippy::enum_variant_names, reason = "the names are those of the file")]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PreTokenizer {
    BertPreTokenizer {},
    ByteLevel {
        add_prefix_space: bool,
        #[serde(default, rename = "trim_offsets")]
        _trim_offsets: bool,
        #[serde(default = "yes")]
        use_regex: bool,
    },
    Digits {
        individual_digits: bool,
    },
    Metaspace {
        replacement: char,
        add_prefix_space: Option<bool>,
        #[serde(default)]
        prepend_scheme: PrependScheme,
        split: Option<bool>,
        #[serde(rename = "str_rep")]
        _str_rep: Option<String>,
    },
    Punctuation {
        #[serde(default)]
        behavior: Behaviour,
    },
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
    Whitespace {},
    WhitespaceSplit {},
}

fn yes() -> bool {
    true
}

/// Before which pieces of a text a space is assumed.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum PrependScheme {
    First,
    Never,
    #[default]
    Always,
}

/// What becomes of a character at which a text is cut.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
pub(super) enum Behaviour {
    Removed,
    #[default]
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// A step that surrounds the tokens of a text by others.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum PostProcessor {
    BertProcessing {
        sep: (String, u32),
        cls: (String, u32),
    },
    ByteLevel {},
    RobertaProcessing {
        sep: (String, u32),
        cls: (String, u32),
    },
    Sequence {
        processors: Vec<PostProcessor>,
    },
    TemplateProcessing {
        single: Vec<Part>,
        special_tokens: HashMap<String, Special>,
    },
}

/// A part of a template.
#[derive(Deserialize)]
pub(super) enum Part {
    Sequence { id: String, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

/// The ids of a token of a template.
#[derive(Deserialize)]
pub(super) struct Special {
    pub(super) ids: Vec<u32>,
}

/// How words are cut into tokens.
#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Model {
    #[serde(rename = "BPE")]
    BytePair {
        dropout: Option<f32>,
        unk_token: Option<String>,
        continuing_subword_prefix: Option<String>,
        end_of_word_suffix: Option<String>,
        #[serde(default)]
        fuse_unk: bool,
        #[serde(default)]
        byte_fallback: bool,
        #[serde(default)]
        ignore_merges: bool,
        vocab: HashMap<String, u32>,
        merges: Merges,
    },
    Unigram {
        unk_id: Option<usize>,
        vocab: Vec<(String, f64)>,
        #[serde(default)]
        byte_fallback: bool,
    },
    WordPiece {
        unk_token: String,
        continuing_subword_prefix: String,
        max_input_chars_per_word: usize,
        vocab: HashMap<String, u32>,
    },
}

/// Pairs of tokens that become one, the first ones first.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Merges {
    Pairs(Vec<(String, String)>),
    /// Joined by a space, as older files have them.
    Joined(Vec<String>),
}
