//! Steps that rewrite a text before it is cut.

use super::fault::Fault;
use super::file::{Normalizer, Pattern};
use super::precompiled::Precompiled;
use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most steps.
pub(super) const MAX_STEPS: usize = 64;
/// The most bytes that a step puts in the place of another text, or before one.
const MAX_CONTENT: usize = 64;
/// A normalised text has at most this many times the bytes of the given one, and at least [`LEAST`].
const GROWTH: usize = 4;
/// A normalised text may always have this many bytes.
const LEAST: usize = 4096;

/// All steps.
#[derive(Default)]
pub(super) struct Normaliser(Vec<Step>);

/// One step.
enum Step {
    /// Removes control characters; any white space becomes a space.
    Clean,
    /// Puts spaces around Chinese characters.
    Chinese,
    /// Removes nonspacing marks.
    Unaccent,
    Lowercase,
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Nmt,
    Precompiled(Precompiled),
    Prepend(String),
    Replace(String, String),
    /// Puts a text in the place of two spaces or more.
    Spaces(String),
    Strip(bool, bool),
    /// Removes combining marks.
    Marks,
}

impl Normaliser {
    /// Reads the steps of a file.
    pub(super) fn new(step: Option<&Normalizer>) -> Result<Self, Fault> {
        let mut all = Self::default();
        if let Some(step) = step {
            all.add(step)?;
        }
        Ok(all)
    }

    fn add(&mut self, step: &Normalizer) -> Result<(), Fault> {
        let wrong = |what: String| Fault::new("normalizer", what);
        let short = |text: &String| match text.len() <= MAX_CONTENT {
            true => Ok(text.clone()),
            false => Err(wrong(format!(
                "puts in a text of more than {MAX_CONTENT} bytes"
            ))),
        };
        let steps = &mut self.0;
        match step {
            Normalizer::BertNormalizer {
                clean_text,
                handle_chinese_chars,
                strip_accents,
                lowercase,
            } => {
                steps.extend(clean_text.then_some(Step::Clean));
                steps.extend(handle_chinese_chars.then_some(Step::Chinese));
                if strip_accents.unwrap_or(*lowercase) {
                    steps.extend([Step::Nfd, Step::Unaccent]);
                }
                steps.extend(lowercase.then_some(Step::Lowercase));
            }
            Normalizer::Lowercase {} => steps.push(Step::Lowercase),
            Normalizer::Nfc {} => steps.push(Step::Nfc),
            Normalizer::Nfd {} => steps.push(Step::Nfd),
            Normalizer::Nfkc {} => steps.push(Step::Nfkc),
            Normalizer::Nfkd {} => steps.push(Step::Nfkd),
            Normalizer::Nmt {} => steps.push(Step::Nmt),
            Normalizer::Precompiled {
                precompiled_charsmap: Some(map),
            } => steps.push(Step::Precompiled(Precompiled::new(map)?)),
            Normalizer::Precompiled {
                precompiled_charsmap: None,
            } => {}
            Normalizer::Prepend { prepend } => steps.push(Step::Prepend(short(prepend)?)),
            Normalizer::Replace { pattern, content } => {
                let content = short(content)?;
                steps.push(match pattern {
                    Pattern::String(text) if text.is_empty() => {
                        return Err(wrong("replaces an empty text".to_owned()));
                    }
                    Pattern::String(text) => Step::Replace(text.clone(), content),
                    Pattern::Regex(text) if text == " {2,}" => Step::Spaces(content),
                    Pattern::Regex(text) => {
                        return Err(wrong(format!(
                            "replaces by the regular expression {text:?}; the only one that is read is \" {{2,}}\""
                        )));
                    }
                });
            }
            Normalizer::Sequence { normalizers } => {
                for step in normalizers {
                    self.add(step)?;
                }
            }
            Normalizer::Strip {
                strip_left,
                strip_right,
            } => steps.push(Step::Strip(*strip_left, *strip_right)),
            Normalizer::StripAccents {} => steps.push(Step::Marks),
        }
        if self.0.len() > MAX_STEPS {
            return Err(wrong(format!("has more than {MAX_STEPS} steps")));
        }
        Ok(())
    }

    /// The text after all steps.
    pub(super) fn apply(&self, mut text: String) -> String {
        let most = text.len().saturating_mul(GROWTH).max(LEAST);
        for step in &self.0 {
            text = step.apply(text);
            let end = boundary(&text, most);
            text.truncate(end);
        }
        text
    }
}

impl Step {
    fn apply(&self, text: String) -> String {
        match self {
            Self::Clean => {
                let kept = text.chars().filter(|c| !is_dropped(*c));
                kept.map(|c| if is_space(c) { ' ' } else { c }).collect()
            }
            Self::Chinese => {
                let mut spaced = String::with_capacity(text.len());
                for c in text.chars() {
                    match is_chinese(c) {
                        true => spaced.extend([' ', c, ' ']),
                        false => spaced.push(c),
                    }
                }
                spaced
            }
            Self::Unaccent => {
                let kept = text.chars().filter(|c| !c.is_mark_nonspacing());
                kept.collect()
            }
            Self::Lowercase => text.chars().flat_map(char::to_lowercase).collect(),
            Self::Nfc => text.nfc().collect(),
            Self::Nfd if text.is_ascii() => text,
            Self::Nfd => text.nfd().collect(),
            Self::Nfkc => text.nfkc().collect(),
            Self::Nfkd => text.nfkd().collect(),
            Self::Nmt => {
                let kept = text.chars().filter(|c| !is_nmt_control(*c));
                kept.map(|c| if is_nmt_space(c) { ' ' } else { c })
                    .collect()
            }
            Self::Precompiled(map) => map.apply(&text),
            Self::Prepend(_) if text.is_empty() => text,
            Self::Prepend(before) => format!("{before}{text}"),
            Self::Replace(from, to) => text.replace(from, to),
            Self::Spaces(to) => {
                let mut joined = String::with_capacity(text.len());
                let mut rest = text.as_str();
                while let Some((before, behind)) = rest.split_once("  ") {
                    joined.push_str(before);
                    joined.push_str(to);
                    rest = behind.trim_start_matches(' ');
                }
                joined.push_str(rest);
                joined
            }
            Self::Strip(left, right) => {
                let mut kept = text.as_str();
                kept = if *left { kept.trim_start() } else { kept };
                kept = if *right { kept.trim_end() } else { kept };
                kept.to_owned()
            }
            Self::Marks => text.chars().filter(|c| !is_combining_mark(*c)).collect(),
        }
    }
}

/// The last place between two characters that is at most `most`.
pub(super) fn boundary(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    let mut places = (0..=most).rev();
    places.find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || c.is_whitespace()
}

/// Whether cleaning removes a character.
fn is_dropped(c: char) -> bool {
    let control = !matches!(c, '\t' | '\n' | '\r') && c.is_other();
    control || matches!(c, '\0' | '\u{fffd}')
}

/// Whether a character is in one of the blocks of Chinese characters.
fn is_chinese(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

fn is_nmt_control(c: char) -> bool {
    matches!(
        u32::from(c),
        0x01..=0x08 | 0x0B | 0x0E..=0x1F | 0x7F | 0x8F | 0x9F
    )
}

fn is_nmt_space(c: char) -> bool {
    matches!(
        u32::from(c),
        0x09 | 0x0A | 0x0C | 0x0D | 0x1680 | 0x200B
            ..=0x200F | 0x2028 | 0x2029 | 0x2581 | 0xFEFF | 0xFFFD
    )
}
