//! The weights of the baselines, chosen on holdouts.
//!
//! `fit` finds weights: each baseline is tried alone, what is learnt too, and what is learnt with the one or
//! two best baselines. From there the weights change one at a time, as long as that helps.
//!
//! Weights that were fitted to a holdout look better on it than they are. So they are judged by cross-fitting: those of a
//! fifth of the users come from the other four fifths. The mean of the five fits is what is taken: it depends less on single
//! users than one fit to all.
//!
//! Where one baseline is clearly the best of them, and the mix does not lead it clearly, the towers rank as that baseline
//! does. Small logs have several holdouts, one behind the other in time ([`Backtest`]): a hundred held-out events can
//! hardly tell baselines apart.

use super::components::{Blend, Component};
use super::embed::embed;
use super::parts::Parts;
use crate::evaluate::ndcg_of_ranking;
use crate::hold_out::HeldOut;
use crate::sampler::Logs;
use ndarray::{Array1, ArrayView1};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use twinspire_towers::Towers;

/// Largest number of users times items that are compared; of more users every n-th is.
const MAX_CELLS: usize = 1 << 22;
/// Items of each component that are compared for a user in a large catalogue: those with its largest scores.
const MAX_ITEMS: usize = 1000;
/// Catalogues up to this size are compared whole.
const SMALL: usize = 4 * MAX_ITEMS;
/// Number of components: what is learnt, and the baselines.
const COMPONENTS: usize = 1 + Component::ALL.len();
/// Weight, in standard deviations, of what is learnt beside a single baseline: it orders equal scores.
const LEAST: f32 = 0.01;
/// Weights in standard deviations that a component may begin with.
const FIRST: [f32; 5] = [0.1, 0.25, 0.5, 1.0, 2.0];
/// Factors by which a weight changes.
const FACTORS: [f32; 5] = [0.0, 0.5, 0.75, 1.33, 2.0];
/// Standard errors by which a change of a weight has to be better.
const CONFIDENCE: f64 = 1.0;
/// Standard errors that count as a clear lead in the choice between one baseline and the mix.
const AHEAD: f64 = 1.0;
/// Parts of the users in cross-fitting.
const FOLDS: u32 = 5;
/// Largest number of changes.
const MAX_STEPS: usize = 40;

/// Baselines beside what is learnt, with weights chosen on a holdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlendChoice {
    /// The weights.
    pub weights: Blend,
    /// Number of held-out events that they were chosen by.
    pub held_out: usize,
    /// nDCG of the whole ranking on these.
    pub metric: f64,
    /// The same of the best mix, by weights that were fitted to other users.
    pub mixed: f64,
    /// The baseline that the towers rank by, with what is learnt as a tie-breaker, if it is clearly the best baseline and
    /// no mix leads it clearly.
    pub alone: Option<Cow<'static, str>>,
    /// The same of what is learnt alone.
    pub learnt: f64,
    /// The same of each baseline alone, as vectors of these factors.
    pub baselines: BTreeMap<Cow<'static, str>, f64>,
}

impl fmt::Display for BlendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = Component::ALL.map(|component| (component, self.weights.of(component)));
        let used = each.iter().filter(|(_, weight)| *weight > 0.0);
        let used: Vec<String> = used
            .map(|(component, weight)| format!("{} {weight:.3}", component.name()))
            .collect();
        let learnt = format!("{:.4} by what is learnt alone", self.learnt);
        let events = self.held_out;
        match &self.alone {
            Some(name) => write!(
                f,
                "The vectors rank by {name} alone, {:.4} on {events} held-out events: a mix does not lead it clearly ({:.4}; {learnt})",
                self.metric, self.mixed
            ),
            None if used.is_empty() => write!(f, "No baseline beside it helps ({learnt})"),
            None => write!(
                f,
                "Baselines beside it, by weight: {}; {:.4} with them on {events} held-out events, {learnt}",
                used.join(", "),
                self.metric
            ),
        }
    }
}

/// One held-out event: the scores of the compared items by each component, those of the item to be found first.
struct Case {
    user: u32,
    scores: [Vec<f32>; COMPONENTS],
}

impl Case {
    /// The rank of the first item, from 0. Of equal scores half come before it.
    fn rank(&self, weights: &[f32; COMPONENTS], sums: &mut Vec<f32>) -> usize {
        sums.clear();
        sums.resize(self.scores[0].len(), 0.0);
        for (scores, weight) in self.scores.iter().zip(weights) {
            if *weight != 0.0 {
                let each = sums.iter_mut().zip(scores);
                each.for_each(|(sum, score)| *sum += weight * score);
            }
        }
        let Some((own, others)) = sums.split_first() else {
            return 0;
        };
        let better = others.iter().filter(|other| *other > own).count();
        let equal = others.iter().filter(|other| *other == own).count();
        better + equal.div_ceil(2)
    }
}

/// Towers, the logs that they learnt from, and the events that follow.
pub(crate) struct Backtest<'a> {
    pub(crate) towers: &'a Towers,
    pub(crate) logs: &'a Logs,
    pub(crate) parts: &'a Parts,
    pub(crate) held_out: &'a [HeldOut],
}

/// Chooses the weights beside what towers learnt. All backtests are of one log and of towers with the same settings;
/// `longest` is the history that these read.
pub(crate) fn choose(backtests: &[Backtest<'_>], longest: usize) -> BlendChoice {
    let (cases, deviations) = Cases::new(backtests, longest);
    let alone: [Vec<f64>; COMPONENTS] = std::array::from_fn(|at| cases.values(&single(at)));
    let metrics = alone.each_ref().map(|values| mean(values));
    let order = |a: &usize, b: &usize| metrics[*a].total_cmp(&metrics[*b]);
    let best = (1..COMPONENTS).max_by(order).unwrap_or(1);
    let (mixed, weights) = cases.cross_fit();
    // Several baselines that are alike are better together.
    let mut others = (1..COMPONENTS).filter(|other| *other != best);
    let is_first = others.all(|other| cases.lead(&alone[best], &alone[other], &|_| true) > AHEAD);
    let is_mixed = !is_first || cases.lead(&mixed, &alone[best], &|_| true) > AHEAD;
    let mixed = mean(&mixed);
    let (weights, metric) = match is_mixed {
        true => (weights, mixed),
        false => (single(best), metrics[best]),
    };
    let of_learnt = weights[0] / deviations[0];
    let mut relative = [0.0; 4];
    for (at, relative) in relative.iter_mut().enumerate() {
        *relative = weights[at + 1] / deviations[at + 1] / of_learnt;
    }
    let baselines = Component::ALL.map(|component| Cow::Borrowed(component.name()));
    let baselines = baselines.into_iter();
    BlendChoice {
        weights: Blend::from_weights(relative),
        held_out: cases.all.len(),
        metric,
        mixed,
        alone: (!is_mixed).then(|| Component::ALL[best - 1].name().into()),
        learnt: metrics[0],
        baselines: baselines.zip(metrics.into_iter().skip(1)).collect(),
    }
}

/// Weights of each component, in standard deviations.
type Weights = [f32; COMPONENTS];

/// A component alone; what is learnt orders equal scores.
fn single(component: usize) -> Weights {
    let mut weights = [0.0; COMPONENTS];
    weights[0] = LEAST;
    weights[component] = 1.0;
    weights
}

/// Which events count.
type Filter<'a> = dyn Fn(&Case) -> bool + 'a;

/// Held-out events.
struct Cases {
    all: Vec<Case>,
}

impl Cases {
    /// The held-out events of backtests, and the standard deviations that scores were divided by.
    fn new(backtests: &[Backtest<'_>], longest: usize) -> (Self, [f32; COMPONENTS]) {
        let kept = match backtests.first().map_or(0, |of| of.parts.items()) {
            items if items <= SMALL => items,
            _ => COMPONENTS * MAX_ITEMS,
        };
        let count: usize = backtests.iter().map(|of| of.held_out.len()).sum();
        let step = (count * kept).div_ceil(MAX_CELLS).max(1);
        let mut all = Vec::new();
        for of in backtests {
            let asked: Vec<HeldOut> = of.held_out.iter().step_by(step).copied().collect();
            let users: Vec<u32> = asked.iter().map(|out| out.user).collect();
            let [users, items] = embed(of.towers, of.logs, &users, longest);
            let each = asked.par_iter().zip(0usize..asked.len());
            let each = each.map(|(out, at)| case(of, *out, items.dot(&users.row(at))));
            all.par_extend(each);
        }
        let deviations = standardise(&mut all);
        (Self { all }, deviations)
    }

    /// nDCG of each event.
    fn values(&self, weights: &Weights) -> Vec<f64> {
        let each = self.all.par_iter().with_min_len(8);
        let ranks = each.map_init(Vec::new, |sums, case| Some(case.rank(weights, sums)));
        ndcg_of_ranking(&ranks.collect::<Vec<_>>())
    }

    /// By how many standard errors the first values are better on average, over some of the events. Errors of the events
    /// of a user depend on each other.
    fn lead(&self, one: &[f64], other: &[f64], is_asked: &Filter<'_>) -> f64 {
        let mut of_users: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for ((case, one), other) in self.all.iter().zip(one).zip(other) {
            if is_asked(case) {
                let of_user = of_users.entry(case.user).or_default();
                *of_user = (of_user.0 + one - other, of_user.1 + 1.0);
            }
        }
        let count = of_users
            .values()
            .map(|(_, count)| count)
            .sum::<f64>()
            .max(1.0);
        let mean = of_users.values().map(|(sum, _)| sum).sum::<f64>() / count;
        let squares = of_users
            .values()
            .map(|(sum, count)| (sum - mean * count).powi(2));
        let users = of_users.len().max(2) as f64;
        let error = (squares.sum::<f64>() * users / (users - 1.0)).sqrt() / count;
        mean / error.max(f64::MIN_POSITIVE)
    }

    /// The best weights on some of the events, and the nDCG of all events by them.
    fn fit(&self, is_asked: &Filter<'_>) -> (Weights, Vec<f64>) {
        let evaluate = |weights: Weights| {
            let values = self.values(&weights);
            let asked = self
                .all
                .iter()
                .zip(&values)
                .filter(|(case, _)| is_asked(case));
            let asked: Vec<f64> = asked.map(|(_, value)| *value).collect();
            (mean(&asked), weights, values)
        };
        let all: Vec<_> = (0..COMPONENTS).map(|at| evaluate(single(at))).collect();
        let mut singles = [0.0; 4];
        let metrics = all.iter().skip(1).map(|(metric, ..)| *metric);
        singles
            .iter_mut()
            .zip(metrics)
            .for_each(|(single, metric)| *single = metric);
        let mut best = all
            .into_iter()
            .reduce(|best, other| if other.0 > best.0 { other } else { best })
            .unwrap_or((0.0, [0.0; COMPONENTS], Vec::new()));
        for count in [1, 2] {
            let mixed = evaluate(equal(&singles, count));
            if mixed.0 >= best.0 {
                best = mixed;
            }
        }
        for _ in 0..MAX_STEPS {
            let changed = changes(&best.1).into_iter().map(&evaluate);
            let changed =
                changed.filter(|changed| self.lead(&changed.2, &best.2, is_asked) > CONFIDENCE);
            let changed = changed.reduce(|best, other| if other.0 > best.0 { other } else { best });
            let Some(changed) = changed else { break };
            best = changed;
        }
        (best.1, best.2)
    }

    /// The nDCG of each event by weights that were fitted to events of other users, and the mean of these weights.
    fn cross_fit(&self) -> (Vec<f64>, Weights) {
        let mut crossed = vec![0.0; self.all.len()];
        let mut mixed = [0.0; COMPONENTS];
        for fold in 0..FOLDS {
            let is_own = |case: &Case| case.user % FOLDS == fold;
            let (weights, values) = self.fit(&|case: &Case| !is_own(case));
            let sum: f32 = weights.iter().sum();
            let each = mixed.iter_mut().zip(weights);
            each.for_each(|(mixed, weight)| *mixed += weight / sum / FOLDS as f32);
            for ((case, crossed), value) in self.all.iter().zip(&mut crossed).zip(values) {
                if is_own(case) {
                    *crossed = value;
                }
            }
        }
        (crossed, mixed)
    }
}

/// What is learnt and the best baselines, alike.
fn equal(singles: &[f64; 4], count: usize) -> [f32; COMPONENTS] {
    let mut order: Vec<usize> = (0..singles.len()).collect();
    order.sort_by(|a, b| singles[*b].total_cmp(&singles[*a]));
    let mut weights = [0.0; COMPONENTS];
    weights[0] = 1.0;
    order
        .into_iter()
        .take(count)
        .for_each(|at| weights[at + 1] = 1.0);
    weights
}

/// The scores of one held-out event.
fn case(backtest: &Backtest<'_>, out: HeldOut, learnt: Array1<f32>) -> Case {
    let (logs, parts) = (backtest.logs, backtest.parts);
    let of_baselines = Component::ALL.map(|component| parts.scores(component, logs, out.user));
    let mut all = vec![learnt];
    all.extend(of_baselines);
    let hidden: HashSet<u32> = logs.hidden_from(out.user);
    let is_other = |item: &u32| *item != out.item && !hidden.contains(item);
    let mut others: Vec<u32> = (0..parts.items() as u32).filter(is_other).collect();
    if parts.items() > SMALL {
        let mut compared: Vec<u32> = Vec::new();
        for scores in &all {
            let order = |a: &u32, b: &u32| {
                scores[*b as usize]
                    .total_cmp(&scores[*a as usize])
                    .then(a.cmp(b))
            };
            let most = MAX_ITEMS.min(others.len().saturating_sub(1));
            others.select_nth_unstable_by(most, order);
            compared.extend(others.iter().take(most));
        }
        compared.sort_unstable();
        compared.dedup();
        others = compared;
    }
    let mut all = all.into_iter().map(|scores: Array1<f32>| {
        let items = std::iter::once(out.item).chain(others.iter().copied());
        items.map(|item| scores[item as usize]).collect()
    });
    Case {
        user: out.user,
        scores: std::array::from_fn(|_| all.next().unwrap_or_default()),
    }
}

/// Divides the scores of each component by their standard deviation over the items of a user, on average over users.
/// Returns the deviations.
fn standardise(cases: &mut [Case]) -> [f32; COMPONENTS] {
    std::array::from_fn(|component| {
        let each = cases.iter().map(|case| {
            let scores = ArrayView1::from(&case.scores[component]);
            f64::from(scores.std(0.0))
        });
        let sum: f64 = each.sum();
        let deviation = (sum / cases.len().max(1) as f64).max(1e-9) as f32;
        for case in &mut *cases {
            let scores = &mut case.scores[component];
            scores.iter_mut().for_each(|score| *score /= deviation);
        }
        deviation
    })
}

/// Weights with one of them changed. What is learnt keeps some.
fn changes(weights: &[f32; COMPONENTS]) -> Vec<[f32; COMPONENTS]> {
    let mut all = Vec::new();
    for component in 0..COMPONENTS {
        let now = weights[component];
        let absent = now <= if component == 0 { LEAST } else { 0.0 };
        let values = match absent {
            true => FIRST,
            false => FACTORS.map(|factor| now * factor),
        };
        for value in values {
            let mut changed = *weights;
            changed[component] = if component == 0 {
                value.max(LEAST)
            } else {
                value
            };
            all.push(changed);
        }
    }
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
