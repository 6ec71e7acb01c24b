//! What a tokenizer says of a text.

/// What a text gives, besides its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokenised {
    /// Whether the text has more tokens than the limit allows.
    pub truncated: bool,
}
