//! Chooses how a segment is searched under a filter, from numbers alone.
//!
//! A *scan* scores every node that passes. A *graph search* walks through nodes that do not pass until
//! it has found enough that do; it evaluates the filter only for the nodes it expands. A *search of leaves* scans
//! more leaves the fewer nodes pass, and evaluates the filter for those that score best; with a
//! [selection](crate::partitions::Selection) it scans nothing but nodes that pass.
//!
//! Costs are in nanoseconds. They were set by hand from runs on an x86-64 server with 128 components
//! (`cargo bench --bench filtered`); only their ratios matter. A wrong estimate costs time, never an
//! answer: a graph search that has cost as much as [some scans](SCANS_BEFORE_GIVING_UP) is abandoned for
//! a scan.

use crate::graph::WalkLimits;
use crate::partitions::LEAVES_PER_WIDTH;
use twinspire_core::kernel::FAST_SCAN_BLOCK;

/// The numbers that decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanInputs {
    /// Number of nodes in the segment.
    pub(super) nodes: usize,
    /// Number of items that the nodes stand for.
    pub(super) items: usize,
    /// Estimated share of the nodes that pass, from 0 to 1.
    pub(super) selectivity: f64,
    /// Number of rows to look at to find all passing items.
    pub(super) candidates: usize,
    /// How the filter is evaluated.
    pub(super) test: TestCost,
    /// Beam width.
    pub(super) ef: usize,
    /// Number of items wanted.
    pub(super) k: usize,
    /// Components of a vector.
    pub(super) dimension: usize,
    /// Number of leaves, if the segment has partitions; `None` for a graph.
    pub(super) leaves: Option<usize>,
    /// Whether the codes of the passing nodes are selected, so that a search of leaves scans nothing else.
    pub(super) selected: bool,
    /// Whether every passing node has to be scored.
    pub(super) exact: bool,
}

impl PlanInputs {
    /// Whether searches of leaves are faster on a selection of the passing nodes: a leaf has enough of them.
    pub(super) fn may_select(&self) -> bool {
        let passing = self.nodes as f64 * self.selectivity;
        let enough = |leaves: usize| passing >= LEAST_SELECTED * leaves as f64;
        !self.exact && self.leaves.is_some_and(enough)
    }
}

/// How the filter is evaluated for a row, which decides what that costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TestCost {
    /// The passing nodes are in the filter cache.
    Cached,
    /// By columns.
    Row {
        /// Whether all candidate rows pass, so that none has to be tested.
        certain: bool,
    },
    /// By reading the record.
    Record,
}

/// How to search a segment under a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plan {
    /// Find the passing items, and score them.
    ScanItems,
    /// Evaluate the filter for every node, and score those that pass.
    ScanNodes,
    /// Search the index. A walk over a graph is abandoned for a scan when it costs more than that.
    Index {
        /// Beam width of a graph, or width of a search of partitions.
        ef: usize,
        /// When a walk over a graph stops.
        limits: WalkLimits,
    },
}

/// Find a candidate row and the node of its item.
const FIND: f64 = 4.0;
/// Find or test a node in a cached node set.
const CACHED: f64 = 1.0;
/// The cost of scoring nodes in memory order, as a fraction of scoring them by random reads.
const IN_ORDER: f64 = 0.7;
/// Test the row of a node by columns.
const TEST: f64 = 25.0;
/// Read a record and test it.
const READ: f64 = 3_000.0;
/// Score a node by its code during a scan.
const SCORE: f64 = 6.0;
/// Added to [`SCORE`] by each component.
const SCORE_COMPONENT: f64 = 0.05;
/// Start a graph search.
const START: f64 = 5_000.0;
/// Visit a node in a graph search and score it by its code.
const VISIT: f64 = 22.0;
/// Added to [`VISIT`] by each component.
const VISIT_COMPONENT: f64 = 0.07;
/// Nodes visited for each node expanded.
const VISITS_PER_EXPANSION: f64 = 18.0;
/// Score a node of a leaf by its codes of four bits.
const LEAF_SCORE: f64 = 0.3;
/// Added to [`LEAF_SCORE`] by each component.
const LEAF_SCORE_COMPONENT: f64 = 0.008;
/// Of the nodes of the scanned leaves, one in so many is tested by the filter.
const NODES_PER_TEST: f64 = 20.0;
/// Scan one more leaf.
const LEAF: f64 = 30.0;
/// Selected nodes per leaf from which a selection is made.
const LEAST_SELECTED: f64 = 4.0;
/// Copy the codes of a component into a selection.
const SELECT_COMPONENT: f64 = 1.0;

/// A graph search is abandoned when it has cost this many scans. Most searches that cost more than one
/// scan are nearly done.
const SCANS_BEFORE_GIVING_UP: f64 = 2.0;

/// Chooses the cheapest plan.
pub(super) fn plan(inputs: &PlanInputs) -> Plan {
    #[cfg(test)]
    if let Some(plan) = FORCED.get() {
        return plan;
    }
    cheapest(inputs)
}

fn cheapest(inputs: &PlanInputs) -> Plan {
    let (item_scan, node_scan) = scan_costs(inputs);
    let scan = item_scan.min(node_scan);
    let (k, ef) = (inputs.k as f64, inputs.ef.max(inputs.k) as f64);
    // The best `k` passing nodes are roughly among the best `k / selectivity` nodes. Beyond these the
    // search expands as many nodes as it would without a filter.
    let all = inputs.nodes as f64;
    let expansions = (k / inputs.selectivity.max(f64::MIN_POSITIVE) + ef - k).min(all);
    let beam = (k + (ef - k) * inputs.selectivity).round();
    let expansion = VISITS_PER_EXPANSION * visit_cost(inputs) + node_test_cost(inputs);
    let search = match inputs.leaves {
        None => START + expansions * expansion + beam * score_cost(inputs),
        Some(leaves) if inputs.selected => START + selected_search_cost(inputs, leaves),
        Some(leaves) => START + leaf_search_cost(inputs, expansions, leaves),
    };
    if inputs.exact || scan <= search {
        return if item_scan <= node_scan {
            Plan::ScanItems
        } else {
            Plan::ScanNodes
        };
    }
    let limits = WalkLimits {
        expansions: (1.25 * expansions) as usize,
        beam: beam as usize,
        score_budget: (SCANS_BEFORE_GIVING_UP * scan * VISITS_PER_EXPANSION / expansion) as u64,
    };
    // Partitions have no limits: a wider search scans more leaves. On a selection it scans more by itself.
    let ef = match inputs.leaves {
        Some(_) if !inputs.selected => expansions as usize,
        _ => inputs.ef,
    };
    Plan::Index { ef, limits }
}

/// The cost of searching partitions of `leaves` leaves with this width.
fn leaf_search_cost(inputs: &PlanInputs, width: f64, leaves: usize) -> f64 {
    let share = (LEAVES_PER_WIDTH as f64 * width / leaves.max(1) as f64).min(1.0);
    let nodes = inputs.nodes as f64 * share;
    let score = LEAF_SCORE + LEAF_SCORE_COMPONENT * inputs.dimension as f64;
    nodes * (score + node_test_cost(inputs) / NODES_PER_TEST) + width * visit_cost(inputs)
}

/// The cost of a search of the selected nodes of `leaves` leaves: it reads as many codes as a search of all nodes.
fn selected_search_cost(inputs: &PlanInputs, leaves: usize) -> f64 {
    let leaves = leaves.max(1) as f64;
    let width = LEAVES_PER_WIDTH as f64 * inputs.ef.max(inputs.k / 2) as f64;
    let scanned = inputs.nodes as f64 / leaves * width.min(leaves);
    // A leaf takes a whole block at least.
    let in_leaf = (inputs.nodes as f64 * inputs.selectivity / leaves).max(FAST_SCAN_BLOCK as f64);
    let scanned = scanned.min(leaves * in_leaf);
    let score = LEAF_SCORE + LEAF_SCORE_COMPONENT * inputs.dimension as f64;
    scanned * (score + LEAF / in_leaf) + inputs.ef as f64 * visit_cost(inputs)
}

/// The cost of computing for the filter cache what passes, and the cost that having it would save this plan.
pub(super) fn cache_economics(inputs: &PlanInputs, plan: &Plan) -> (f64, f64) {
    let find = find_cost(inputs);
    let saving = match plan {
        Plan::ScanItems => find,
        Plan::ScanNodes => inputs.items as f64 * test_cost(inputs),
        Plan::Index { limits, .. } => limits.expansions as f64 * node_test_cost(inputs),
    };
    match (plan, inputs.leaves) {
        (Plan::Index { ef, .. }, Some(leaves)) if inputs.may_select() => {
            let passing = inputs.nodes as f64 * inputs.selectivity;
            let select = passing * SELECT_COMPONENT * inputs.dimension as f64;
            let now = leaf_search_cost(inputs, *ef as f64, leaves);
            let saving = saving.max(now - selected_search_cost(inputs, leaves));
            (find + select, saving)
        }
        _ => (find, saving),
    }
}

/// The cost of a scan of the passing items, and of a scan of all nodes.
fn scan_costs(inputs: &PlanInputs) -> (f64, f64) {
    let all = inputs.nodes as f64;
    let order = match inputs.test {
        TestCost::Cached => IN_ORDER,
        TestCost::Row { .. } | TestCost::Record => 1.0,
    };
    let scores = all * inputs.selectivity * score_cost(inputs) * order;
    let tests = inputs.items as f64 * test_cost(inputs);
    (find_cost(inputs) + scores, tests + scores)
}

/// The cost of finding all passing items.
fn find_cost(inputs: &PlanInputs) -> f64 {
    let each = match inputs.test {
        TestCost::Cached => CACHED,
        TestCost::Row { certain: true } => FIND,
        TestCost::Row { certain: false } | TestCost::Record => FIND + test_cost(inputs),
    };
    inputs.candidates as f64 * each
}

fn visit_cost(inputs: &PlanInputs) -> f64 {
    VISIT + VISIT_COMPONENT * inputs.dimension as f64
}

fn score_cost(inputs: &PlanInputs) -> f64 {
    SCORE + SCORE_COMPONENT * inputs.dimension as f64
}

/// The cost of testing the items of a node.
fn node_test_cost(inputs: &PlanInputs) -> f64 {
    test_cost(inputs) * inputs.items.max(1) as f64 / inputs.nodes.max(1) as f64
}

fn test_cost(inputs: &PlanInputs) -> f64 {
    match inputs.test {
        TestCost::Cached => CACHED,
        TestCost::Row { .. } => TEST,
        TestCost::Record => READ,
    }
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Plan>> = const { std::cell::Cell::new(None) };
}

/// Runs with a given plan instead of the cheapest. Tests compare the answers of all plans.
#[cfg(test)]
pub(crate) fn with_plan<T>(plan: Plan, run: impl FnOnce() -> T) -> T {
    FORCED.set(Some(plan));
    let result = run();
    FORCED.set(None);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inputs() -> impl Strategy<Value = PlanInputs> {
        let count = || prop_oneof![0usize..50, 0usize..2_000, 0usize..5_000_000];
        let share = prop_oneof![Just(0.0), Just(1.0), 0.0..0.01, 0.0..1.0];
        let tests = [false, true].map(|certain| TestCost::Row { certain });
        let tests =
            prop::sample::select(vec![TestCost::Cached, TestCost::Record, tests[0], tests[1]]);
        let sizes = (count(), 0.0..1.0, tests, any::<bool>());
        (sizes, share, 0usize..2_000, 1usize..2_000, 1usize..4097).prop_map(
            |((nodes, loose, test, exact), selectivity, ef, k, dimension)| {
                // At least as many rows are candidates as pass.
                let candidates = nodes as f64 * (selectivity + (1.0 - selectivity) * loose);
                PlanInputs {
                    nodes,
                    items: nodes * (1 + k % 3),
                    selectivity,
                    candidates: candidates as usize,
                    test,
                    ef,
                    k,
                    dimension,
                    leaves: (k % 2 == 1).then_some(1 + nodes / 200),
                    selected: k % 4 == 1,
                    exact,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_graph_search_wants_k_items_and_stays_within_the_cost_of_its_scans(inputs in inputs()) {
            let Plan::Index { ef, limits } = cheapest(&inputs) else {
                return Ok(());
            };
            let WalkLimits { beam, score_budget, .. } = limits;
            prop_assert!(!inputs.exact);
            prop_assert!(ef >= inputs.ef.min(inputs.nodes));
            prop_assert!(ef == inputs.ef || inputs.leaves.is_some());
            prop_assert!(beam >= inputs.k && beam <= inputs.ef.max(inputs.k), "{beam}");
            let (items, nodes) = scan_costs(&inputs);
            let most = SCANS_BEFORE_GIVING_UP * items.min(nodes);
            prop_assert!(score_budget as f64 * visit_cost(&inputs) <= most);
        }

        #[test]
        fn a_scan_stays_a_scan_when_fewer_items_pass(inputs in inputs(), less in 0.0..1.0) {
            let fewer = PlanInputs {
                selectivity: inputs.selectivity * less,
                candidates: (inputs.candidates as f64 * less) as usize,
                ..inputs
            };
            if !matches!(cheapest(&inputs), Plan::Index { .. }) {
                prop_assert!(!matches!(cheapest(&fewer), Plan::Index { .. }), "{:?}", fewer);
            }
        }

        #[test]
        fn the_cheaper_of_two_scans_is_chosen(inputs in inputs()) {
            let exact = PlanInputs { exact: true, ..inputs };
            let (items, nodes) = scan_costs(&exact);
            let wanted = if items <= nodes { Plan::ScanItems } else { Plan::ScanNodes };
            prop_assert_eq!(cheapest(&exact), wanted);
        }
    }

    #[test]
    fn selective_filters_are_scanned_and_loose_ones_searched_in_the_graph() {
        let plan = |selectivity: f64| {
            let nodes = 1_000_000;
            cheapest(&PlanInputs {
                nodes,
                items: nodes,
                selectivity,
                candidates: (nodes as f64 * selectivity) as usize,
                test: TestCost::Row { certain: true },
                ef: 100,
                k: 10,
                dimension: 128,
                leaves: None,
                selected: false,
                exact: false,
            })
        };
        assert_eq!(plan(0.0), Plan::ScanItems);
        assert_eq!(plan(0.001), Plan::ScanItems);
        let searches = |share, wanted| {
            let plan = plan(share);
            let right = matches!(plan, Plan::Index { limits, .. } if limits.beam == wanted);
            assert!(right, "{plan:?}");
        };
        searches(0.1, 19);
        searches(0.5, 55);
        searches(1.0, 100);
    }
}
