//! Texts to grams.

use super::ages::Ages;
use crate::tower::schema::Grams;
use std::ops::Range;

/// Scratch memory for texts.
#[derive(Default)]
pub(crate) struct Texts {
    /// The digits of a number.
    pub(super) one: String,
    /// The texts of several fields.
    pub(super) joined: String,
    /// The tokens of a text.
    pub(super) tokens: Vec<u32>,
    /// A string that is composed of others.
    pub(super) gram: String,
    /// The ages of the elements of a list.
    pub(super) ages: Ages,
    lower: String,
    /// The ranges of the words in `lower`.
    words: Vec<Range<usize>>,
    /// A word between two marks.
    marked: String,
    /// The offsets of the characters of `marked`, and its length.
    starts: Vec<usize>,
}

/// The number of words of a text.
pub(super) fn words(text: &str) -> usize {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).count()
}

/// Passes the grams of the first `limit` words of a text to `each`; returns how many words were read.
///
/// The text is lower-cased; words are runs of letters and digits. Letter n-grams are those of DSSM (Huang et al.,
/// 2013, section 3.2): each word is put between two `#`.
pub(crate) fn grams<E>(
    text: &str,
    grams: Grams,
    limit: usize,
    memory: &mut Texts,
    mut each: impl FnMut(&str) -> Result<(), E>,
) -> Result<usize, E> {
    let Texts {
        lower,
        words,
        marked,
        starts,
        ..
    } = memory;
    lower_case(text, lower);
    words.clear();
    let of_text = lower.split(|c: char| !c.is_alphanumeric());
    let of_text = of_text.filter(|word| !word.is_empty()).take(limit);
    words.extend(of_text.map(|word| {
        let from = word.as_ptr() as usize - lower.as_ptr() as usize;
        from..from + word.len()
    }));
    let ([from, to], runs) = match grams {
        Grams::Trigrams => ([3, 3], None),
        Grams::Letters(letters) => (letters, None),
        Grams::Both { letters, words } => (letters, Some(words)),
        Grams::Words(of) => {
            runs_of_words(lower, words, of, "", marked, each)?;
            return Ok(words.len());
        }
    };
    for word in &*words {
        marked.clear();
        marked.push('#');
        marked.push_str(lower.get(word.clone()).unwrap_or_default());
        marked.push('#');
        starts.clear();
        starts.extend(marked.char_indices().map(|(at, _)| at));
        starts.push(marked.len());
        let letters = starts.len() - 1;
        if letters < from as usize {
            each(marked)?;
        }
        for length in from as usize..=(to as usize).min(letters) {
            for (start, end) in starts.iter().zip(starts.iter().skip(length)) {
                each(marked.get(*start..*end).unwrap_or_default())?;
            }
        }
    }
    if let Some(of) = runs {
        // Marked, so that a word differs from equal letters of another word.
        runs_of_words(lower, words, of, "#", marked, each)?;
    }
    Ok(words.len())
}

/// Passes all word n-grams to `each`, joined by spaces, between two marks.
fn runs_of_words<E>(
    text: &str,
    words: &[Range<usize>],
    [from, to]: [u32; 2],
    mark: &str,
    joined: &mut String,
    mut each: impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    for length in from as usize..=to as usize {
        for run in words.windows(length.max(1)) {
            joined.clear();
            joined.push_str(mark);
            for word in run {
                if joined.len() > mark.len() {
                    joined.push(' ');
                }
                joined.push_str(text.get(word.clone()).unwrap_or_default());
            }
            joined.push_str(mark);
            each(joined)?;
        }
    }
    Ok(())
}

/// `str::to_lowercase`, into an existing buffer.
fn lower_case(text: &str, lower: &mut String) {
    lower.clear();
    if text.contains('Σ') {
        // The lower case of sigma depends on its position in the word.
        lower.push_str(&text.to_lowercase());
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn of(text: &str, kind: Grams, limit: usize) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |gram: &str| {
            all.push(gram.to_owned());
            Ok::<_, Infallible>(())
        };
        let Ok(read) = grams(text, kind, limit, &mut Texts::default(), &mut add);
        assert_eq!(read, words(text).min(limit));
        all
    }

    #[test]
    fn trigrams_are_those_of_the_dssm_paper() {
        let of = |text| of(text, Grams::Trigrams, usize::MAX);
        assert_eq!(of("Good"), ["#go", "goo", "ood", "od#"]);
        assert_eq!(of("a, é1!"), ["#a#", "#é1", "é1#"]);
        assert_eq!(of(" -- "), Vec::<String>::new());
    }

    #[test]
    fn grams_cover_letters_words_and_both() {
        let letters = |text, from, to| of(text, Grams::Letters([from, to]), usize::MAX);
        assert_eq!(
            letters("Ab", 2, 4),
            ["#a", "ab", "b#", "#ab", "ab#", "#ab#"]
        );
        assert_eq!(letters("x yz", 4, 6), ["#x#", "#yz#"]);
        let words = |limit| of("One two, THREE", Grams::Words([1, 2]), limit);
        assert_eq!(words(9), ["one", "two", "three", "one two", "two three"]);
        assert_eq!(words(2), ["one", "two", "one two"]);
        assert_eq!(words(1), ["one"]);
        assert_eq!(of("a b", Grams::Words([3, 3]), 9), Vec::<String>::new());
        let both = Grams::Both {
            letters: [4, 4],
            words: [1, 2],
        };
        assert_eq!(
            of("Old ox", both, 9),
            ["#old", "old#", "#ox#", "#old#", "#ox#", "#old ox#"]
        );
        assert_eq!(of("ΟΔΟΣ", Grams::Words([1, 1]), 9), ["οδος"]);
    }
}
