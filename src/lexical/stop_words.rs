//! Words so frequent that they are left out by default.

use super::language::Language;

/// Articles, conjunctions, pronouns and prepositions of English, in order.
const ENGLISH: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "its", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "were", "which", "will", "with",
];

/// The stop words of a language, in order. Only English has some: elsewhere, how rare a word is decides how
/// little the frequent ones count.
pub(super) fn of(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => ENGLISH,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_because_it_is_searched_by_halves() {
        assert!(ENGLISH.is_sorted_by(|a, b| a < b));
    }
}
