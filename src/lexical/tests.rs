//! Searches against scores computed from the documents, one by one.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use twinspire_towers::internals::Fields;

fn lexical(language: Language) -> Lexical {
    Lexical::new().field("text", 1.0).language(language)
}

fn index(analysis: &Analysis, texts: &[String]) -> OwnedIndex {
    let (analyser, mut index) = (Analyser::new(analysis), IndexBuilder::default());
    for text in texts {
        index.push(&analyser.document(&Fields::of(&json!({"text": text}))));
    }
    index.build()
}

/// Rows and scores of all rows with a term of the query, as the formula says.
fn naive(lexical: &Lexical, texts: &[String], query: &str) -> Vec<(usize, f64)> {
    let analysis = lexical.analysis();
    let analyser = Analyser::new(&analysis);
    let counts = Vec::from_iter(texts.iter().map(|text| analyser.counts(text)));
    let lengths = counts
        .iter()
        .map(|counts| f64::from(counts.values().sum::<u32>()));
    let lengths: Vec<f64> = lengths.collect();
    let documents = lengths.iter().filter(|length| **length > 0.0).count() as f64;
    let mean = (lengths.iter().sum::<f64>() / documents.max(1.0)).max(1.0);
    let (k1, b) = lexical.parameters();
    let asked = analyser.counts(query);
    let mut scored = Vec::new();
    for (row, counts_of_row) in counts.iter().enumerate() {
        let parts = asked.iter().filter_map(|(term, times)| {
            let with = counts
                .iter()
                .filter(|counts| counts.contains_key(term))
                .count() as f64;
            let idf = (1.0 + (documents - with + 0.5) / (with + 0.5)).ln();
            let frequency = f64::from(*counts_of_row.get(term)?);
            let norm = k1 * (1.0 - b + b * lengths[row] / mean);
            Some(f64::from(*times) * idf * frequency * (k1 + 1.0) / (frequency + norm))
        });
        let parts: Vec<f64> = parts.collect();
        if !parts.is_empty() {
            scored.push((row, parts.iter().sum()));
        }
    }
    scored
}

/// The best `k` rows over several indexes, of equal scores the first ones; and how many rows were passed on.
fn best(views: &[LexicalIndex<'_>], query: &TermQuery, k: usize) -> (Vec<(f32, usize)>, usize) {
    let (mut found, mut from, mut pushed) = (Vec::new(), 0, 0);
    for view in views {
        let threshold = |found: &Vec<(f32, usize)>| match found.get(k - 1) {
            Some((score, _)) => *score,
            None => f32::NEG_INFINITY,
        };
        let first = threshold(&found);
        search(*view, query, first, |row, score| {
            pushed += 1;
            found.push((score, from + row as usize));
            found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            found.truncate(k);
            threshold(&found)
        });
        from += view.shape().rows as usize;
    }
    (found, pushed)
}

/// Words of which the first ones are frequent.
fn text(words: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let word =
        (0.0f64..1.0).prop_map(|drawn| format!("w{}", (drawn * drawn * drawn * 60.0) as u32));
    vec(word, words).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_search_finds_what_scoring_every_row_does_however_rows_are_distributed(
        texts in vec(text(0..12), 1..700), query in text(1..6), k in 1usize..20,
        cuts in vec(0.0f64..1.0, 0..4), (k1, b) in (0.0f64..3.0, 0.0f64..1.0),
    ) {
        let lexical = lexical(Language::None).k1(k1).b(b);
        let analysis = lexical.analysis();
        let counts = Analyser::new(&analysis).counts(&query);
        let whole = index(&analysis, &texts);
        let of_whole = TermQuery::new(&counts, &lexical, &analysis, &[whole.view()]);
        let (found, _) = best(&[whole.view()], &of_whole, k);
        let mut expected = naive(&lexical, &texts, &query);
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        prop_assert_eq!(found.len(), k.min(expected.len()));
        for ((score, _), (_, expected)) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*score) - expected).abs() < 1e-4 * expected.max(1.0));
        }
        let scorer = RowScorer::new(whole.view(), &of_whole);
        let by_row: BTreeMap<usize, f64> = expected.into_iter().collect();
        for row in 0..texts.len() {
            let (score, expected) = (scorer.score(row as u32), by_row.get(&row).copied().unwrap_or_default());
            prop_assert!((f64::from(score) - expected).abs() < 1e-4 * expected.max(1.0));
        }
        prop_assert!(found.iter().all(|(score, row)| scorer.score(*row as u32) == *score));
        // Cut into several indexes, the same bits.
        let mut ends: Vec<usize> = cuts.iter().map(|cut| (cut * texts.len() as f64) as usize).collect();
        ends.extend([0, texts.len()]);
        ends.sort_unstable();
        let parts: Vec<OwnedIndex> = ends.windows(2).map(|ends| index(&analysis, &texts[ends[0]..ends[1]])).collect();
        let views: Vec<_> = parts.iter().map(OwnedIndex::view).collect();
        let of_parts = TermQuery::new(&counts, &lexical, &analysis, &views);
        prop_assert_eq!(best(&views, &of_parts, k).0, found);
    }

    #[test]
    fn damaged_arrays_are_searched_without_a_panic_and_to_an_end(
        texts in vec(text(0..12), 1..400), query in text(1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let lexical = lexical(Language::None);
        let analysis = lexical.analysis();
        let mut builder = IndexBuilder::default();
        for text in &texts {
            builder.push(&Analyser::new(&analysis).document(&Fields::of(&json!({"text": text}))));
        }
        let mut bytes = Vec::new();
        let shape = builder.finish(|part| { bytes.extend_from_slice(part); Ok::<_, ()>(()) }).unwrap();
        prop_assert_eq!(shape.bytes(), Some(bytes.len() as u64));
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let view = LexicalIndex::of(&shape, bytemuck::cast_slice(&words)).unwrap();
        let counts = Analyser::new(&analysis).counts(&query);
        let query = TermQuery::new(&counts, &lexical, &analysis, &[view]);
        for k in [1, 10, texts.len()] {
            best(&[view], &query, k);
        }
        let scorer = RowScorer::new(view, &query);
        (0..texts.len() as u32).for_each(|row| { scorer.score(row); });
    }

    #[test]
    fn no_text_breaks_a_stemmer(text in "\\PC{0,60}") {
        for language in Language::ALL {
            let analysis = lexical(*language).analysis();
            Analyser::new(&analysis).counts(&text);
        }
    }
}

#[test]
fn bounds_of_blocks_leave_most_rows_out() {
    let lexical = lexical(Language::None);
    let analysis = lexical.analysis();
    let frequent = |row: usize| match row % 1_000 {
        0 => "frequent rare rare".to_owned(),
        _ => format!("frequent {}", "other ".repeat(row % 7)),
    };
    let texts: Vec<String> = (0..50_000).map(frequent).collect();
    let index = index(&analysis, &texts);
    let counts = Analyser::new(&analysis).counts("frequent rare");
    let query = TermQuery::new(&counts, &lexical, &analysis, &[index.view()]);
    let (found, pushed) = best(&[index.view()], &query, 10);
    assert!(found.iter().all(|(_, row)| row % 1_000 == 0));
    assert!(pushed < 2_000, "{pushed} rows were scored");
}

#[test]
fn words_are_split_lowered_stemmed_and_stopped() {
    let terms = |lexical: &Lexical, text: &str| {
        let analysis = lexical.analysis();
        let mut terms = Vec::new();
        Analyser::new(&analysis).for_each_term(text, |term| terms.push(term.to_owned()));
        terms
    };
    let english = lexical(Language::English);
    assert_eq!(
        terms(
            &english,
            "The Runner's shoes, running at 3.5 km/h (WIND-tunnel)"
        ),
        ["runner", "shoe", "run", "3.5", "km", "h", "wind", "tunnel"]
    );
    assert_eq!(
        terms(&lexical(Language::German), "Häuser, Straße"),
        ["haus", "strass"]
    );
    assert_eq!(
        terms(&lexical(Language::None), "Ünï 東京 the"),
        ["ünï", "東", "京", "the"]
    );
    let stopped = english.clone().stop_words(["Shoes"]);
    assert_eq!(terms(&stopped, "the shoes shoe"), ["the", "shoe"]);
    assert_eq!(terms(&english, &"x".repeat(1_000)), Vec::<String>::new());
}

#[test]
fn boosts_count_words_so_often_and_only_texts_are_read() {
    let lexical = Lexical::new()
        .field("title", 2.0)
        .field("text", 0.5)
        .field("tags", 1.0);
    let analysis = lexical.analysis();
    let record = json!({"title": "red shoe", "text": "red", "tags": ["red", "new"], "price": 3});
    let document = Analyser::new(&analysis).document(&Fields::of(&record));
    // In units of a half.
    let expected = [("new", 2), ("red", 4 + 1 + 2), ("shoe", 4)];
    let expected = expected.map(|(term, count)| (term.to_owned(), count));
    assert_eq!(document.terms, BTreeMap::from(expected));
    assert_eq!(document.length, 13);
    // Alike, a boost of two is the word twice.
    let twice = index(
        &self::lexical(Language::None).analysis(),
        &["a a b".to_owned(), "b".to_owned()],
    );
    let boosted = Lexical::new()
        .field("x", 2.0)
        .field("y", 1.0)
        .language(Language::None);
    let analysis = boosted.analysis();
    let (analyser, mut builder) = (Analyser::new(&analysis), IndexBuilder::default());
    for record in [json!({"x": "a", "y": "b"}), json!({"y": "b"})] {
        builder.push(&analyser.document(&Fields::of(&record)));
    }
    let built = builder.build();
    let counts = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 3)]);
    let score = |lexical: &Lexical, index: &OwnedIndex| {
        let query = TermQuery::new(&counts, lexical, &lexical.analysis(), &[index.view()]);
        [0, 1].map(|row| RowScorer::new(index.view(), &query).score(row))
    };
    assert_eq!(
        score(&boosted, &built),
        score(&self::lexical(Language::None), &twice)
    );
}

#[test]
fn invalid_definitions_say_what_is_wrong() {
    let good = || Lexical::new().field("text", 1.0);
    assert_eq!(good().problem(), None);
    let found = 0;
    assert_eq!(
        Lexical::new().problem(),
        Some(LexicalError::Fields { found })
    );
    assert!(matches!(
        good().field("", 1.0).problem(),
        Some(LexicalError::Path { bytes: 0 })
    ));
    assert!(matches!(
        good().query_field("").problem(),
        Some(LexicalError::Path { bytes: 0 })
    ));
    for boost in [0.0, -1.0, f64::NAN, 1_000.0] {
        let problem = good().field("title", boost).problem();
        assert!(
            matches!(problem, Some(LexicalError::Boost { .. })),
            "{boost}"
        );
    }
    assert!(matches!(
        good().k1(f64::NAN).problem(),
        Some(LexicalError::K1 { .. })
    ));
    assert!(matches!(
        good().b(1.5).problem(),
        Some(LexicalError::B { .. })
    ));
    let many = (0..20_000).map(|n| n.to_string());
    assert!(matches!(
        good().stop_words(many).problem(),
        Some(LexicalError::StopWords { .. })
    ));
}

#[test]
fn a_definition_reads_as_json_and_shows_what_it_is() {
    let read = |text: &str| serde_json::from_str::<Lexical>(text);
    let words = read(r#"{"fields": ["title", "text"], "language": "german", "k1": 0.9, "b": 0.4}"#)
        .unwrap();
    let built = Lexical::new().field("title", 1.0).field("text", 1.0);
    assert_eq!(words, built.language(Language::German).k1(0.9).b(0.4));
    assert_eq!(
        words.to_string(),
        "BM25 of text + title, german, k1 0.9, b 0.4"
    );
    assert_eq!(
        read(&serde_json::to_string(&words).unwrap()).unwrap(),
        words
    );
    assert!(read(r#"{"fields": {"title": 2}, "boost": 3}"#).is_err());
    assert!(read(r#"{"fields": ["title"], "language": "klingon"}"#).is_err());
}
