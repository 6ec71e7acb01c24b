//! Negatives of queries: drawn from the batch, or from all documents.

use super::examples::{Example, Examples};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use std::collections::HashMap;

/// The negatives of a batch.
pub(super) struct Negatives {
    /// Indices of the negatives of each example: into the documents of the batch, followed by `drawn`.
    pub(super) of_each: Vec<Vec<u32>>,
    /// Further distinct documents.
    pub(super) drawn: Vec<u32>,
}

/// Draws `count` negatives for each example from the documents of the others; 0 takes all of them.
pub(super) fn of_batch(
    texts: &Examples,
    batch: &[Example],
    count: usize,
    rng: &mut Pcg64Mcg,
) -> Negatives {
    let each = batch.iter().map(|example| {
        let is_negative = |other: usize| !texts.is_positive(*example, batch[other].document);
        match count {
            0 => numbers((0..batch.len()).filter(|other| is_negative(*other))),
            _ => numbers(draw(batch.len(), count, is_negative, rng)),
        }
    });
    Negatives {
        of_each: each.collect(),
        drawn: Vec::new(),
    }
}

/// Draws `count` negatives for each example from a pool of documents.
pub(super) fn of_pool(
    texts: &Examples,
    pool: &[u32],
    batch: &[Example],
    count: usize,
    rng: &mut Pcg64Mcg,
) -> Negatives {
    let mut drawn = Vec::new();
    let mut places = HashMap::new();
    let each = batch.iter().map(|example| {
        let is_negative = |at: usize| !texts.is_positive(*example, pool[at]);
        let chosen = draw(pool.len(), count, is_negative, rng).into_iter();
        let places = chosen.map(|at| {
            *places.entry(pool[at]).or_insert_with(|| {
                drawn.push(pool[at]);
                batch.len() + drawn.len() - 1
            })
        });
        numbers(places)
    });
    Negatives {
        of_each: each.collect(),
        drawn,
    }
}

fn numbers(places: impl IntoIterator<Item = usize>) -> Vec<u32> {
    places.into_iter().map(|at| at as u32).collect()
}

/// Draws `count` numbers below `among` that pass, uniformly and with replacement; empty if none passes.
fn draw(
    among: usize,
    count: usize,
    passes: impl Fn(usize) -> bool,
    rng: &mut Pcg64Mcg,
) -> Vec<usize> {
    if among == 0 {
        return Vec::new();
    }
    let draws = (0..count * 4).map(|_| rng.random_range(0..among));
    let mut drawn: Vec<_> = draws.filter(|at| passes(*at)).take(count).collect();
    if drawn.len() < count {
        // Few numbers pass: they are enumerated.
        let passing: Vec<_> = (0..among).filter(|at| passes(*at)).collect();
        while drawn.len() < count && !passing.is_empty() {
            drawn.push(passing[rng.random_range(0..passing.len())]);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::*;
    use crate::dataset::Dataset;
    use rand::SeedableRng;
    use serde_json::json;
    use std::collections::HashSet;
    use twinspire_towers::Event;

    /// The statistic of Pearson's chi-square test for a uniform distribution.
    fn chi_square(counts: &[u32]) -> f64 {
        let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let parts = counts.iter();
        let parts = parts.map(|count| (f64::from(*count) - expected).powi(2) / expected);
        parts.sum()
    }

    /// Documents of two sentences each, the last one empty, and clicks on them.
    fn examples(documents: usize, clicks: &[(usize, usize)]) -> Examples {
        let item = |n: usize| {
            let text = format!("a{n} b. c{n} d.");
            json!({"id": n.to_string(), "text": if n + 1 < documents { text } else { String::new() }})
        };
        let click = |(query, document): &(usize, usize)| Event {
            user: format!("q{query}"),
            item: document.to_string(),
            at: 0,
            weight: 1.0,
        };
        let data = Dataset {
            items: (0..documents).map(item).collect(),
            users: Vec::new(),
            events: clicks.iter().map(click).collect(),
        };
        let config = Config::default().resolved(&data, None).unwrap();
        Examples::new(&data, &config).unwrap()
    }

    fn all(texts: &Examples) -> Vec<Example> {
        texts.split(0.0, &mut Pcg64Mcg::seed_from_u64(0)).0
    }

    #[test]
    fn draws_from_all_documents_are_uniform() {
        let rng = &mut Pcg64Mcg::seed_from_u64(21);
        // The first query clicked three of forty documents with words, another one of them.
        let texts = examples(41, &[(0, 0), (0, 7), (0, 39), (1, 7)]);
        let pool = texts.pool(&[]);
        assert_eq!(pool, (0..40).collect::<Vec<u32>>());
        let batch = all(&texts);
        let (mut first, mut second) = ([0u32; 40], [0u32; 40]);
        let mut in_a_row = [[0u32; 4]; 4];
        for _ in 0..5000 {
            let negatives = of_pool(&texts, &pool, &batch, 4, rng);
            let once: HashSet<_> = negatives.drawn.iter().collect();
            assert_eq!(once.len(), negatives.drawn.len(), "documents are distinct");
            let documents = |of: &[u32]| -> Vec<usize> {
                let places = of.iter().map(|place| *place as usize - batch.len());
                places.map(|at| negatives.drawn[at] as usize).collect()
            };
            for (example, of) in batch.iter().zip(&negatives.of_each) {
                assert_eq!(of.len(), 4);
                for document in documents(of) {
                    assert!(!texts.is_positive(*example, document as u32));
                }
            }
            documents(&negatives.of_each[0])
                .iter()
                .for_each(|at| first[*at] += 1);
            documents(&negatives.of_each[3])
                .iter()
                .for_each(|at| second[*at] += 1);
            // What is drawn next does not depend on what was drawn before.
            for two in documents(&negatives.of_each[3]).chunks(2) {
                in_a_row[two[0] % 4][two[1] % 4] += 1;
            }
        }
        let others_of = |counts: &[u32], own: &[usize]| -> Vec<u32> {
            assert!(own.iter().all(|at| counts[*at] == 0), "{counts:?}");
            let others = counts
                .iter()
                .enumerate()
                .filter(|(at, _)| !own.contains(at));
            others.map(|(_, count)| *count).collect()
        };
        let (first, second) = (others_of(&first, &[0, 7, 39]), others_of(&second, &[7]));
        assert_eq!((first.len(), second.len()), (37, 39));
        let (first, second) = (chi_square(&first), chi_square(&second));
        // Quantiles 0.999 of the chi-square distribution with 36 and 38 degrees of freedom.
        assert!(first < 68.0, "{first}");
        assert!(second < 70.7, "{second}");
        // Of the remainders 0 to 3 by four, 3 has nine documents and each other has ten.
        let shares = [10.0, 10.0, 10.0, 9.0].map(|of: f64| of / 39.0);
        let rows = in_a_row.iter().zip(shares);
        let parts = rows.flat_map(|(row, a)| {
            row.iter().zip(shares).map(move |(count, b)| {
                let expected = 10_000.0 * a * b;
                (f64::from(*count) - expected).powi(2) / expected
            })
        });
        let in_a_row: f64 = parts.sum();
        // 15 degrees of freedom.
        assert!(in_a_row < 37.7, "{in_a_row}");
    }

    #[test]
    fn draws_from_a_batch_are_uniform() {
        let rng = &mut Pcg64Mcg::seed_from_u64(22);
        // Two sentences of each document are queries: the document of the other sentence is their own.
        let texts = examples(21, &[]);
        let batch = all(&texts);
        assert_eq!(batch.len(), 40);
        let mut counts = [0u32; 40];
        for _ in 0..5000 {
            let negatives = of_batch(&texts, &batch, 4, rng);
            assert!(negatives.drawn.is_empty());
            for (example, of) in batch.iter().zip(&negatives.of_each) {
                assert_eq!(of.len(), 4);
                let is_negative =
                    |at: &u32| !texts.is_positive(*example, batch[*at as usize].document);
                assert!(of.iter().all(is_negative));
            }
            let seventh = &negatives.of_each[7];
            seventh.iter().for_each(|at| counts[*at as usize] += 1);
        }
        let own = |at: usize| batch[at].document == batch[7].document;
        let (own, others): (Vec<_>, Vec<_>) = (0..40).partition(|at| own(*at));
        assert_eq!(own.len(), 2);
        assert!(own.iter().all(|at| counts[*at] == 0));
        let others: Vec<u32> = others.iter().map(|at| counts[*at]).collect();
        // Quantile 0.999 with 37 degrees of freedom.
        let others = chi_square(&others);
        assert!(others < 69.4, "{others}");
        let whole = of_batch(&texts, &batch, 0, rng);
        assert!(whole.of_each.iter().all(|of| of.len() == 38));
    }

    #[test]
    fn few_negatives_are_found_and_none_stay_empty() {
        let rng = &mut Pcg64Mcg::seed_from_u64(23);
        // All but the documents 3 and 99 of a hundred belong to the query.
        let clicks = (0..100).filter(|document| ![3, 99].contains(document));
        let clicks: Vec<_> = clicks.map(|document| (0, document)).collect();
        let texts = examples(101, &clicks);
        let pool = texts.pool(&[]);
        let batch = &all(&texts)[..1];
        let mut counts = [0u32; 2];
        for _ in 0..2000 {
            let negatives = of_pool(&texts, &pool, batch, 2, rng);
            assert_eq!(negatives.of_each[0].len(), 2);
            for place in &negatives.of_each[0] {
                match negatives.drawn[*place as usize - 1] {
                    3 => counts[0] += 1,
                    99 => counts[1] += 1,
                    other => panic!("{other} belongs to the query"),
                }
            }
        }
        // Quantile 0.999 with one degree of freedom.
        let counts = chi_square(&counts);
        assert!(counts < 10.83, "{counts}");
        let alone = examples(2, &[(0, 0)]);
        let negatives = of_pool(&alone, &alone.pool(&[]), &all(&alone), 4, rng);
        assert_eq!(negatives.of_each, [Vec::<u32>::new()]);
        assert!(draw(0, 4, |_| true, rng).is_empty());
    }

    #[test]
    fn held_out_documents_are_not_drawn() {
        let texts = examples(21, &[]);
        let (learnt, out) = texts.split(0.2, &mut Pcg64Mcg::seed_from_u64(24));
        let pool: HashSet<u32> = texts.pool(&out).into_iter().collect();
        let of = |examples: &[Example]| -> HashSet<u32> {
            examples.iter().map(|example| example.document).collect()
        };
        assert_eq!((of(&learnt).len(), of(&out).len()), (16, 4));
        assert_eq!(pool, of(&learnt));
        // Where queries are held out, their documents are not.
        let clicked = examples(11, &[(0, 0), (1, 1), (2, 2)]);
        let (_, out) = clicked.split(0.5, &mut Pcg64Mcg::seed_from_u64(25));
        assert_eq!((out.len(), clicked.pool(&out).len()), (2, 10));
    }
}
