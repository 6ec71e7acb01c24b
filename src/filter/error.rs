//! Filter errors, with their place in the text.

use std::fmt;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// Maximum number of characters of the text that an error shows.
const WIDTH: usize = 72;
/// Minimum number of them before the marked place.
const BEFORE: usize = 24;
/// Maximum number of characters of a word that a message repeats.
const WORD: usize = 40;

/// Why a filter cannot be used, with the place in its text.
///
/// Displayed, it is the message and the text, with a mark under the place:
///
/// ```text
/// there is no field `prize`; did you mean `price`?
///   prize < 30 and city = 'Seattle'
///   ^^^^^
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterError {
    /// The kind of error, for a program that reacts to it.
    pub kind: FilterErrorKind,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The place in the text, as a range of bytes; empty at the end of the text.
    pub span: Range<usize>,
    /// The text of the filter; generated for a filter that was built by calls.
    pub text: String,
}

/// What kind of error makes a filter unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// The text does not follow the grammar.
    Syntax,
    /// The filter is longer, deeper or has more values than the limits allow.
    Limit,
    /// An operand has no meaning: an empty range or list, a latitude of 100, a number that is not finite.
    Operand,
    /// No item has, or ever had, the field.
    UnknownField {
        /// The field of the filter.
        field: String,
        /// The field that was likely meant.
        nearest: Option<String>,
    },
    /// An import kept the field out of filters.
    Unfiltered {
        /// The field.
        field: String,
    },
    /// The field never held a value that the operator or the literal could match.
    Type {
        /// The field.
        field: String,
    },
}

/// An error and its place in a text that is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: FilterErrorKind,
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl Fault {
    pub(super) fn new(
        kind: FilterErrorKind,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self {
            kind,
            message,
            span,
        }
    }

    pub(super) fn syntax(span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(FilterErrorKind::Syntax, span, message)
    }

    pub(super) fn limit(span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(FilterErrorKind::Limit, span, message)
    }

    /// The error in this text.
    pub(super) fn in_text(self, text: impl Into<String>) -> FilterError {
        FilterError {
            kind: self.kind,
            message: self.message,
            span: self.span,
            text: text.into(),
        }
    }
}

impl FilterError {
    /// The text around the place, and a line that marks the place.
    #[must_use]
    pub fn excerpt(&self) -> [String; 2] {
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let before = part(0..self.span.start).chars().count();
        let marked = part(self.span.clone()).chars().count().max(1);
        let all = self.text.chars().count();
        let (mut from, mut to) = (0, all);
        if all > WIDTH {
            to = all.min(before.saturating_sub(BEFORE) + WIDTH);
            from = to.saturating_sub(WIDTH);
        }
        let ends = |cut: bool| if cut { "…" } else { "" };
        let (left, right) = (ends(from > 0), ends(to < all));
        let shown = |from: usize, to: usize| -> String {
            let length = to.saturating_sub(from);
            let shown = self.text.chars().skip(from).take(length);
            shown.map(printable).collect()
        };
        // The mark counts columns: East Asian characters take two, combining ones none.
        let columns = |from: usize, to: usize| shown(from, to).width();
        let indent = columns(from, before) + left.width();
        let marks = columns(before, to.min(before + marked)).max(1);
        [
            format!("  {left}{}{right}", shown(from, to).trim_end()),
            format!("  {}{}", " ".repeat(indent), "^".repeat(marks)),
        ]
    }
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [text, marks] = self.excerpt();
        write!(f, "{}\n{text}\n{marks}", self.message)
    }
}

/// A character that does not break the line.
fn printable(c: char) -> char {
    if c.is_whitespace() {
        ' '
    } else if c.is_control() {
        '\u{fffd}'
    } else {
        c
    }
}

/// A word of a filter as messages repeat it: on one line, shortened.
pub(super) fn shown(word: &str) -> String {
    let mut shown: String = word.chars().take(WORD).map(printable).collect();
    if shown.len() < word.len() && word.chars().nth(WORD).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, span: Range<usize>) -> String {
        Fault::syntax(span, "wrong").in_text(text).to_string()
    }

    #[test]
    fn the_mark_counts_columns_not_characters() {
        assert_eq!(
            error("映画 < '東京'", 9..17),
            "wrong\n  映画 < '東京'\n         ^^^^^^"
        );
        // A letter with a combining accent is one column.
        assert_eq!(
            error("e\u{301} < x", 6..7),
            "wrong\n  e\u{301} < x\n      ^"
        );
    }

    #[test]
    fn the_mark_counts_characters_not_bytes() {
        assert_eq!(error("a < b", 4..5), "wrong\n  a < b\n      ^");
        assert_eq!(
            error("größe < ü", 10..12),
            "wrong\n  größe < ü\n          ^"
        );
        assert_eq!(error("a\n<\tb", 0..3), "wrong\n  a < b\n  ^^^");
        assert_eq!(error("a <", 3..3), "wrong\n  a <\n     ^");
        assert_eq!(error("", 0..0), "wrong\n  \n  ^");
    }

    #[test]
    fn a_long_text_is_shortened_around_the_place() {
        let text = format!("{}BAD{}", "x".repeat(500), "y".repeat(500));
        let shown = error(&text, 500..503);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[1],
            format!("  …{}BAD{}…", "x".repeat(24), "y".repeat(45))
        );
        assert_eq!(lines[2], format!("  {}^^^", " ".repeat(25)));
        let end = error(&text, 1003..1003);
        assert_eq!(end.lines().last().unwrap().len(), 2 + 1 + 72 + 1, "{end}");
        let all = error(&text, 0..1003);
        assert_eq!(all.lines().last().unwrap().len(), 2 + 72, "{all}");
    }

    #[test]
    fn an_invalid_span_is_displayed_without_a_panic() {
        assert_eq!(error("é", 1..7), "wrong\n  é\n  ^");
    }
}
