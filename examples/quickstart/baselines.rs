//! Baselines: popularity, item neighbours, and EASE.
//!
//! All three see only ids. EASE (Steck, WWW 2019, <https://arxiv.org/abs/1905.03375>) is a strong linear
//! model in closed form.

use crate::protocol::Case;
use rayon::prelude::*;
use std::collections::HashMap;
use twinspire::train::Dataset;
use twinspire::train::evaluate::{Metrics, metrics};

/// The L2 regularisation of EASE, for data of this size.
const EASE_REGULARISATION: f64 = 100.0;

/// The interactions of users with items, as item numbers.
pub struct Baselines<'a> {
    items: HashMap<&'a str, usize>,
    /// The history of each case.
    histories: Vec<Vec<usize>>,
    cases: &'a [Case],
    /// Co-occurrences: users of both items; on the diagonal, users of one.
    co_occurrences: Vec<f64>,
}

impl<'a> Baselines<'a> {
    /// Counts the interactions.
    pub fn new(data: &'a Dataset, cases: &'a [Case]) -> Self {
        let ids = data.items.iter().filter_map(|item| item["id"].as_str());
        let items: HashMap<_, _> = ids.enumerate().map(|(at, id)| (id, at)).collect();
        let mut users: HashMap<&str, Vec<usize>> = HashMap::new();
        for event in &data.events {
            users
                .entry(&event.user)
                .or_default()
                .push(items[event.item.as_str()]);
        }
        let mut co_occurrences = vec![0.0; items.len() * items.len()];
        for history in users.values() {
            for &one in history {
                for &other in history {
                    co_occurrences[one * items.len() + other] += 1.0;
                }
            }
        }
        let user_id = |case: &Case| case.user["user_id"].as_str().map(str::to_owned);
        let histories = cases.iter().map(|case| {
            let id = user_id(case).unwrap_or_default();
            users.get(id.as_str()).cloned().unwrap_or_default()
        });
        Self {
            histories: histories.collect(),
            items,
            cases,
            co_occurrences,
        }
    }

    /// Items by their number of users.
    pub fn popularity(&self) -> Metrics {
        let n = self.items.len();
        let scores: Vec<f64> = (0..n).map(|at| self.co_occurrences[at * n + at]).collect();
        self.evaluate(|_| scores.clone())
    }

    /// Items by the cosine of their users with the users of the history.
    pub fn neighbours(&self) -> Metrics {
        let n = self.items.len();
        let norm = |at: usize| self.co_occurrences[at * n + at].sqrt() + 1e-9;
        let mut weights = self.co_occurrences.clone();
        for (at, row) in weights.chunks_mut(n).enumerate() {
            for (other, weight) in row.iter_mut().enumerate() {
                *weight /= norm(at) * norm(other);
            }
            row[at] = 0.0;
        }
        self.evaluate(|history| sum_of_rows(&weights, n, history))
    }

    /// EASE: B = I − P·diag(1 / P), P the inverse of the regularised counts.
    pub fn ease(&self) -> Metrics {
        let n = self.items.len();
        let mut weights = self.co_occurrences.clone();
        for at in 0..n {
            weights[at * n + at] += EASE_REGULARISATION;
        }
        negative_inverse(&mut weights, n);
        let diagonal: Vec<f64> = (0..n).map(|at| weights[at * n + at]).collect();
        for (at, row) in weights.chunks_mut(n).enumerate() {
            for (weight, own) in row.iter_mut().zip(&diagonal) {
                *weight /= -own;
            }
            row[at] = 0.0;
        }
        self.evaluate(|history| sum_of_rows(&weights, n, history))
    }

    /// The metrics of a model that scores every item for a history.
    fn evaluate(&self, score: impl Fn(&[usize]) -> Vec<f64> + Sync) -> Metrics {
        let rank = |(case, history): (&Case, &Vec<usize>)| {
            let mut scores = score(history);
            let wanted = self.items[case.wanted.as_str()];
            for id in &case.seen {
                scores[self.items[id.as_str()]] = f64::NEG_INFINITY;
            }
            Some(
                scores
                    .iter()
                    .filter(|score| **score > scores[wanted])
                    .count(),
            )
        };
        let ranks: Vec<_> = self
            .cases
            .par_iter()
            .zip(&self.histories)
            .map(rank)
            .collect();
        metrics(&ranks)
    }
}

fn sum_of_rows(weights: &[f64], n: usize, rows: &[usize]) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    for &row in rows {
        for (sum, weight) in sum.iter_mut().zip(&weights[row * n..][..n]) {
            *sum += weight;
        }
    }
    sum
}

/// The inverse of a symmetric positive definite matrix, times −1, by sweeping every row.
fn negative_inverse(matrix: &mut [f64], n: usize) {
    for pivot in 0..n {
        let mut row = matrix[pivot * n..][..n].to_vec();
        let own = std::mem::replace(&mut row[pivot], 0.0);
        matrix
            .par_chunks_mut(n)
            .enumerate()
            .for_each(|(at, target)| {
                if at == pivot {
                    target.copy_from_slice(&row);
                    target.iter_mut().for_each(|value| *value /= own);
                    target[pivot] = -1.0 / own;
                } else {
                    let factor = target[pivot] / own;
                    for (target, value) in target.iter_mut().zip(&row) {
                        *target -= factor * value;
                    }
                    target[pivot] = factor;
                }
            });
    }
}
