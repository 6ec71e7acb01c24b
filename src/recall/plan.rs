//! How a filtered search of one segment of a space is made, decided by numbers alone.
//!
//! There are three ways. A *scan* scores every node that passes. A *walk* of the graph goes through
//! nodes that do not pass and keeps those that do: the fewer pass, the further it goes. Where nearly
//! all pass, a walk without the test whose answers are tested *afterwards* is the cheapest.
//!
//! Costs are in nanoseconds, measured on one core of an x86-64 server; what counts is how they
//! compare. That an estimate is wrong costs time and never an answer: a walk that has visited more
//! nodes than a scan would have cost gives up, and a walk after which too little is left is made again
//! with the test.

/// What the decision is made by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// Nodes of the segment.
    pub(super) nodes: usize,
    /// The share of them that passes, estimated.
    pub(super) share: f64,
    /// Rows that have to be asked to find all items that pass.
    pub(super) reach: usize,
    /// Whether asking a row means reading its record.
    pub(super) needs_records: bool,
    /// The width of the beam that was asked for.
    pub(super) ef: usize,
    /// Answers that were asked for.
    pub(super) k: usize,
    /// Components of a vector.
    pub(super) dimension: usize,
    /// Whether every node that passes has to be scored.
    pub(super) exact: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Find the items that pass, and score them.
    Items,
    /// Ask every node, and score those that pass.
    Nodes,
    /// Walk, and keep what passes.
    Walk {
        /// So many kept nodes wide.
        ef: usize,
        /// Give up after so many scores, and score the items that pass.
        budget: u64,
        /// First walk without a test, for so many nodes and so wide, and test what was found.
        plainly: Option<(usize, usize)>,
    },
}

/// To find a candidate among the rows, and its item's node.
const FIND: f64 = 25.0;
/// To ask the row of a node.
const TEST: f64 = 25.0;
/// To read a record and ask it.
const READ: f64 = 3_000.0;
/// To visit a node in a walk, besides the score.
const VISIT: f64 = 40.0;
/// To score a node, without and for each component.
const SCORE: f64 = 15.0;
const COMPONENT: f64 = 0.25;
/// Nodes that a walk visits for each place in the beam.
const VISITS: f64 = 16.0;
/// From this share on, answers are tested afterwards.
const NEARLY_ALL: f64 = 0.85;
/// How many more are looked for than are expected to do, then.
const SPARE: usize = 6;

/// Chooses the cheapest way.
pub(super) fn plan(numbers: &Numbers) -> Plan {
    #[cfg(test)]
    if let Some(plan) = FORCED.get() {
        return plan;
    }
    cheapest(numbers)
}

fn cheapest(numbers: &Numbers) -> Plan {
    let Numbers { nodes, ef, k, .. } = *numbers;
    let share = numbers.share.clamp(0.0, 1.0);
    let all = nodes as f64;
    let (by_items, by_nodes) = scans(numbers, share);
    let scan = by_items.min(by_nodes);
    let wide = widened(ef, k, share).min(nodes.max(1));
    let visited = (wide as f64 * VISITS / share.max(1e-9)).min(all);
    let walk = visited * visit(numbers);
    if numbers.exact || scan <= walk {
        return if by_items <= by_nodes {
            Plan::Items
        } else {
            Plan::Nodes
        };
    }
    let plainly = (share >= NEARLY_ALL && !numbers.needs_records).then(|| {
        let wanted = (k as f64 / share).ceil() as usize + SPARE;
        (wanted, ef.saturating_add(wanted - k))
    });
    Plan::Walk {
        ef: wide,
        budget: (scan / visit(numbers)).ceil() as u64,
        plainly,
    }
}

/// What a scan costs: by the items that pass, and by all nodes.
fn scans(numbers: &Numbers, share: f64) -> (f64, f64) {
    let all = numbers.nodes as f64;
    let scores = all * share * score(numbers);
    let (reach, test) = (numbers.reach as f64, test(numbers));
    (reach * (FIND + test) + scores, all * test + scores)
}

/// How many kept nodes wide a beam of `ef` is where only a share of the nodes is kept.
///
/// A beam of `ef` finds the best `k` among the best `ef`. Where a share passes, the `k` wanted are among
/// the best `k / share` of all nodes, and a beam over all of those is as good as the one that was asked
/// for if it is wider by the root of that: much less than `ef` kept nodes, which would be a walk for
/// `ef / share`.
fn widened(ef: usize, k: usize, share: f64) -> usize {
    let kept = (ef as f64 * share.sqrt()).ceil() as usize;
    kept.max(k)
}

fn visit(numbers: &Numbers) -> f64 {
    VISIT + score(numbers) + test(numbers)
}

fn score(numbers: &Numbers) -> f64 {
    SCORE + COMPONENT * numbers.dimension as f64
}

fn test(numbers: &Numbers) -> f64 {
    if numbers.needs_records { READ } else { TEST }
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
        let sizes = (count(), 0.0..1.0, any::<bool>(), any::<bool>());
        (sizes, share, 0usize..2_000, 1usize..2_000, 1usize..4097).prop_map(
            |((nodes, loose, needs_records, exact), share, ef, k, dimension)| {
                // At least as many rows are asked as pass.
                let reach = nodes as f64 * (share + (1.0 - share) * loose);
                let reach = reach as usize;
                Numbers {
                    nodes,
                    share,
                    reach,
                    needs_records,
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
        fn a_plan_asks_for_enough_and_for_no_more_than_a_scan(numbers in numbers()) {
            match cheapest(&numbers) {
                Plan::Items | Plan::Nodes => {}
                Plan::Walk { ef, budget, plainly } => {
                    prop_assert!(!numbers.exact);
                    prop_assert!(ef >= numbers.k.min(numbers.nodes), "{ef}");
                    prop_assert!(ef <= numbers.ef.max(numbers.k), "{ef}");
                    let (items, nodes) = scans(&numbers, numbers.share);
                    prop_assert!(budget as f64 <= items.min(nodes) / visit(&numbers) + 1.0);
                    if let Some((k, ef)) = plainly {
                        prop_assert!(numbers.share >= NEARLY_ALL);
                        prop_assert!(k as f64 * numbers.share >= numbers.k as f64);
                        prop_assert!(ef >= numbers.ef);
                    }
                }
            }
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
            let (items, nodes) = scans(&exact, exact.share);
            let wanted = if items <= nodes { Plan::Items } else { Plan::Nodes };
            prop_assert_eq!(cheapest(&exact), wanted);
        }
    }

    #[test]
    fn few_matches_are_scanned_many_are_walked_to_and_nearly_all_are_tested_afterwards() {
        let plan = |share: f64| {
            let (nodes, ef, k, dimension) = (1_000_000, 100, 10, 128);
            let reach = (nodes as f64 * share) as usize;
            let (needs_records, exact) = (false, false);
            cheapest(&Numbers {
                nodes,
                share,
                reach,
                needs_records,
                ef,
                k,
                dimension,
                exact,
            })
        };
        assert_eq!(plan(0.001), Plan::Items);
        assert!(matches!(plan(0.3), Plan::Walk { plainly: None, .. }));
        assert!(matches!(
            plan(0.95),
            Plan::Walk {
                plainly: Some(_),
                ..
            }
        ));
    }
}
