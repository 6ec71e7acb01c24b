//! How a filtered search of one segment of a space is made, decided by numbers alone.
//!
//! There are two ways. A *scan* scores every node that passes. A *walk* of the graph goes on through
//! nodes that do not pass until enough are found that do; it asks those it goes on from, not all that
//! it sees.
//!
//! Costs are in nanoseconds, set by hand from runs on an x86-64 server with 128 components;
//! what counts is how they compare. That an estimate is wrong costs time and never an answer: a walk
//! that has cost more than some scans gives up, and a scan is made.

use crate::graph::WalkLimits;

/// What the decision is made by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// Nodes of the segment.
    pub(super) nodes: usize,
    /// The share of them that passes, estimated.
    pub(super) share: f64,
    /// Rows that have to be asked to find all items that pass.
    pub(super) reach: usize,
    /// What it takes to ask a row.
    pub(super) test: Cost,
    /// The width of the beam that was asked for.
    pub(super) ef: usize,
    /// Answers that were asked for.
    pub(super) k: usize,
    /// Components of a vector.
    pub(super) dimension: usize,
    /// Whether every node that passes has to be scored.
    pub(super) exact: bool,
}

/// What it takes to learn whether a row passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cost {
    /// Nothing: the nodes that pass are known.
    Known,
    /// A look into columns.
    Row {
        /// Whether the rows that have to be asked to find all items that pass all do so, and need not
        /// be asked.
        sure: bool,
    },
    /// Reading its record.
    Record,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Find the items that pass, and score them.
    Items,
    /// Ask every node, and score those that pass.
    Nodes,
    /// Walk, keep what passes, and give up when that costs more than a scan.
    Walk {
        /// The width of the beam that was asked for.
        ef: usize,
        /// How far to go.
        reach: WalkLimits,
    },
}

/// To find a candidate among the rows, and its item's node.
const FIND: f64 = 4.0;
/// To find or ask a node where it is known which pass; these are scored in the order of memory, which
/// takes so much of what it takes otherwise.
const KNOWN: f64 = 1.0;
const IN_ORDER: f64 = 0.7;
/// To ask the row of a node.
const TEST: f64 = 25.0;
/// To read a record and ask it.
const READ: f64 = 3_000.0;
/// To score a node by its code in a scan, and what each component adds.
const SCORE: f64 = 6.0;
const COMPONENT: f64 = 0.05;
/// To begin a walk.
const BEGIN: f64 = 5_000.0;
/// To visit a node in a walk and score it by its code, and what each component adds.
const VISIT: f64 = 22.0;
const CODE: f64 = 0.07;
/// Nodes that a walk visits for each that it goes on from.
const VISITS: f64 = 18.0;

/// A walk gives up when it has cost so many scans: most that cost more than one are nearly done.
const GIVE_UP: f64 = 2.0;

/// Chooses the cheapest way.
pub(super) fn plan(numbers: &Numbers) -> Plan {
    #[cfg(test)]
    if let Some(plan) = FORCED.get() {
        return plan;
    }
    cheapest(numbers)
}

fn cheapest(numbers: &Numbers) -> Plan {
    let (by_items, by_nodes) = scans(numbers);
    let scan = by_items.min(by_nodes);
    let (k, ef) = (numbers.k as f64, numbers.ef.max(numbers.k) as f64);
    // Of the nearest nodes a share passes: the best `k` that do are among the best `k / share`, give or
    // take, and the walk goes on behind these as it would without a filter.
    let all = numbers.nodes as f64;
    let steps = (k / numbers.share.max(f64::MIN_POSITIVE) + ef - k).min(all);
    let kept = (k + (ef - k) * numbers.share).round();
    let step = VISITS * visit(numbers) + test(numbers);
    if numbers.exact || scan <= BEGIN + steps * step + kept * score(numbers) {
        return if by_items <= by_nodes {
            Plan::Items
        } else {
            Plan::Nodes
        };
    }
    let reach = WalkLimits {
        expansions: (1.25 * steps) as usize,
        beam: kept as usize,
        score_budget: (GIVE_UP * scan * VISITS / step) as u64,
    };
    let ef = numbers.ef;
    Plan::Walk { ef, reach }
}

/// What it costs to find all nodes that pass, and how much of a plan would be saved if they were known.
pub(super) fn worth(numbers: &Numbers, plan: &Plan) -> (f64, f64) {
    let by_items = finding(numbers);
    let saving = match plan {
        Plan::Items => by_items,
        Plan::Nodes => numbers.nodes as f64 * test(numbers),
        Plan::Walk { reach, .. } => reach.expansions as f64 * test(numbers),
    };
    (by_items, saving)
}

/// What a scan costs: by the items that pass, and by all nodes.
fn scans(numbers: &Numbers) -> (f64, f64) {
    let all = numbers.nodes as f64;
    let order = match numbers.test {
        Cost::Known => IN_ORDER,
        Cost::Row { .. } | Cost::Record => 1.0,
    };
    let scores = all * numbers.share * score(numbers) * order;
    (finding(numbers) + scores, all * test(numbers) + scores)
}

/// What it costs to find the items that pass.
fn finding(numbers: &Numbers) -> f64 {
    let each = match numbers.test {
        Cost::Known => KNOWN,
        Cost::Row { sure: true } => FIND,
        Cost::Row { sure: false } | Cost::Record => FIND + test(numbers),
    };
    numbers.reach as f64 * each
}

fn visit(numbers: &Numbers) -> f64 {
    VISIT + CODE * numbers.dimension as f64
}

fn score(numbers: &Numbers) -> f64 {
    SCORE + COMPONENT * numbers.dimension as f64
}

fn test(numbers: &Numbers) -> f64 {
    match numbers.test {
        Cost::Known => KNOWN,
        Cost::Row { .. } => TEST,
        Cost::Record => READ,
    }
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Plan>> = const { std::cell::Cell::new(None) };
}

/// Runs with this plan, whatever is cheaper; tests compare what they find.
#[cfg(test)]
pub(crate) fn forced<T>(plan: Plan, run: impl FnOnce() -> T) -> T {
    FORCED.set(Some(plan));
    let result = run();
    FORCED.set(None);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Numbers> {
        let count = || prop_oneof![0usize..50, 0usize..2_000, 0usize..5_000_000];
        let share = prop_oneof![Just(0.0), Just(1.0), 0.0..0.01, 0.0..1.0];
        let tests = [false, true].map(|sure| Cost::Row { sure });
        let tests = prop::sample::select(vec![Cost::Known, Cost::Record, tests[0], tests[1]]);
        let sizes = (count(), 0.0..1.0, tests, any::<bool>());
        (sizes, share, 0usize..2_000, 1usize..2_000, 1usize..4097).prop_map(
            |((nodes, loose, test, exact), share, ef, k, dimension)| {
                // At least as many rows are asked as pass.
                let reach = nodes as f64 * (share + (1.0 - share) * loose);
                let reach = reach as usize;
                Numbers {
                    nodes,
                    share,
                    reach,
                    test,
                    ef,
                    k,
                    dimension,
                    exact,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_walk_looks_for_enough_and_costs_no_more_than_a_scan(numbers in numbers()) {
            let Plan::Walk { ef, reach } = cheapest(&numbers) else {
                return Ok(());
            };
            let WalkLimits { beam: kept, score_budget: budget, .. } = reach;
            prop_assert!(!numbers.exact);
            prop_assert_eq!(ef, numbers.ef);
            prop_assert!(kept >= numbers.k && kept <= ef.max(numbers.k), "{kept}");
            let (items, nodes) = scans(&numbers);
            prop_assert!(budget as f64 * visit(&numbers) <= GIVE_UP * items.min(nodes));
        }

        #[test]
        fn where_fewer_pass_a_scan_stays_a_scan(numbers in numbers(), less in 0.0..1.0) {
            let fewer = Numbers {
                share: numbers.share * less,
                reach: (numbers.reach as f64 * less) as usize,
                ..numbers
            };
            if !matches!(cheapest(&numbers), Plan::Walk { .. }) {
                prop_assert!(!matches!(cheapest(&fewer), Plan::Walk { .. }), "{:?}", fewer);
            }
        }

        #[test]
        fn of_two_scans_the_cheaper_is_chosen(numbers in numbers()) {
            let exact = Numbers { exact: true, ..numbers };
            let (items, nodes) = scans(&exact);
            let wanted = if items <= nodes { Plan::Items } else { Plan::Nodes };
            prop_assert_eq!(cheapest(&exact), wanted);
        }
    }

    #[test]
    fn what_few_pass_is_scanned_and_what_many_pass_is_walked_to() {
        let plan = |share: f64| {
            let (nodes, ef, k, dimension) = (1_000_000, 100, 10, 128);
            let reach = (nodes as f64 * share) as usize;
            let (test, exact) = (Cost::Row { sure: true }, false);
            cheapest(&Numbers {
                nodes,
                share,
                reach,
                test,
                ef,
                k,
                dimension,
                exact,
            })
        };
        assert_eq!(plan(0.0), Plan::Items);
        assert_eq!(plan(0.001), Plan::Items);
        let walks = |share, wanted| {
            let plan = plan(share);
            let right = matches!(plan, Plan::Walk { reach, .. } if reach.beam == wanted);
            assert!(right, "{plan:?}");
        };
        walks(0.1, 19);
        walks(0.5, 55);
        walks(1.0, 100);
    }
}
