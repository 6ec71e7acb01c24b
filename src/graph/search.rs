//! Finding the nearest nodes by a walk over the graph.
//!
//! The walk is greedy on the upper layers and a beam on the base (algorithm 2 of the paper). Where
//! there are codes it compares those, and what it found is scored again on the vectors themselves:
//! as far down as the codes may be wrong. It ends early where what is left is much farther than the
//! k-th best (Al-Jazzazi et al., 2025, <https://arxiv.org/abs/2505.15636>).
//!
//! Ids come from files, so each is checked against the count of rows before it is used: a bad one
//! costs recall, never a panic. The upper walk ends because each step goes to a strictly better node.

use super::near::{Near, NodeVectors, RowScorer};
use super::scored::ScoredNode;
use super::scratch::{LONG, Scratch, Walk};
use super::{Graph, list};

/// The width of the beam (efSearch) of a recall that does not set it. recall@10 over vectors of 128
/// components, shaped like a two-tower model's:
///
/// | efSearch | 32 | 48 | 64 | 100 | 128 | 200 |
/// |---|---|---|---|---|---|---|
/// | 50,000 items | 0.970 | 0.987 | 0.993 | 0.995 | 0.996 | 0.998 |
/// | 200,000 items | 0.937 | 0.963 | 0.976 | 0.988 | 0.991 | 0.995 |
pub const DEFAULT_EF: usize = 100;

/// Nodes that are asked for before those before them are scored.
const AHEAD: usize = 8;

/// What a search is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeamParams<'a> {
    /// The query.
    pub(crate) query: &'a [f32],
    /// How many are wanted.
    pub(crate) k: usize,
    /// The width of the beam; at least `k` are found.
    pub(crate) ef: usize,
    /// The score that the k-th best has already, elsewhere: a walk that does not come near it ends.
    pub(crate) threshold: f32,
}

impl<'a> BeamParams<'a> {
    /// A search with nothing found elsewhere.
    pub(crate) fn new(query: &'a [f32], k: usize, ef: usize) -> Self {
        Self {
            query,
            k,
            ef,
            threshold: f32::NEG_INFINITY,
        }
    }
}

/// The nodes found by a beam of width `ef`, at least `k`, with their exact scores: best first, ties by
/// node. The `k` best are among them; after them come those that were scored as well.
pub(crate) fn search<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, params.query);
    let codes = points.codes.as_ref();
    match codes.and_then(|codes| codes.scorer(points.metric, params.query, query)) {
        Some(near) => {
            beam(graph, &near, params, walk);
            walk.rank(&near, &exact, params.k);
        }
        None => {
            beam(graph, &exact, params, walk);
            walk.rank(&exact, &exact, params.k);
        }
    }
    &walk.ranked
}

/// Which nodes a walk keeps.
pub(crate) trait NodeFilter {
    /// Whether a node is kept.
    fn accepts(&mut self, node: u32) -> bool;
    /// It is most often asked of this node next but one, or next: what that reads may be asked for.
    fn prefetch(&self, node: u32, next: bool);
}

impl<F: FnMut(u32) -> bool> NodeFilter for F {
    fn accepts(&mut self, node: u32) -> bool {
        self(node)
    }

    fn prefetch(&self, _: u32, _: bool) {}
}

/// How far a walk goes for nodes that are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WalkLimits {
    /// Expected number of nodes expanded: the length of the first candidate queue.
    pub(crate) expansions: usize,
    /// Beam width: the walk ends once this many accepted nodes are found and no better node is left.
    pub(crate) beam: usize,
    /// Maximum number of scores computed before the walk gives up.
    pub(crate) score_budget: u64,
}

impl WalkLimits {
    /// Limits of a walk with this beam width where most nodes are accepted: no score budget.
    pub(crate) fn for_beam(beam: usize) -> Self {
        Self {
            expansions: beam + beam / 4,
            beam,
            score_budget: u64::MAX,
        }
    }
}

/// As [`search`], of the nodes for which `keep` is true; `None` when it would take more scores than it
/// may.
///
/// The others are walked through, so `k` are found if that many can be reached; the fewer are kept, the
/// more of the graph is walked. Nodes are asked for in the order in which the walk goes on from them,
/// the nearest first: one is asked for each node that is gone on from, not for each that is seen.
pub(crate) fn search_filtered<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    limits: WalkLimits,
    keep: &mut impl NodeFilter,
    scratch: &'s mut Scratch,
) -> Option<&'s [ScoredNode]> {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, params.query);
    let codes = points.codes.as_ref();
    let done = match codes.and_then(|codes| codes.scorer(points.metric, params.query, query)) {
        Some(near) => {
            let done = kept(graph, &near, params, limits, keep, walk);
            walk.rank(&near, &exact, params.k);
            done
        }
        None => {
            let done = kept(graph, &exact, params, limits, keep, walk);
            walk.rank(&exact, &exact, params.k);
            done
        }
    };
    done.then_some(&walk.ranked)
}

/// The kept nodes that score `least` or more, with their exact scores: best first, ties by node. From
/// each of them the walk goes on, and besides from the `ef` best, so that it gets near.
pub(crate) fn search_radius<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &NodeVectors<'_>,
    (query, least): (&[f32], f32),
    ef: usize,
    keep: impl FnMut(u32) -> bool,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch { query: codes, walk } = scratch;
    let exact = RowScorer::new(points, query);
    let scorer = points.codes.as_ref();
    match scorer.and_then(|scorer| scorer.scorer(points.metric, query, codes)) {
        Some(near) => inside(graph, &near, &exact, least, ef, keep, walk),
        None => inside(graph, &exact, &exact, least, ef, keep, walk),
    }
    &walk.ranked
}

/// Ranks the kept nodes that score `least` or more.
fn inside<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    near: &impl Near,
    exact: &impl Near,
    least: f32,
    ef: usize,
    mut keep: impl FnMut(u32) -> bool,
    walk: &mut Walk,
) {
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, ef.clamp(1, LONG));
    walk.found.start(ef.max(1));
    if nodes == 0 {
        return;
    }
    let lowest = near.lowest(least);
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| {
            let admitted = walk.found.admits(scored);
            walk.found.offer(scored);
            let inside = scored.score >= lowest;
            if inside && keep(scored.node) {
                walk.ranked.push(scored);
            }
            if admitted || inside {
                walk.remember(scored);
            }
        });
        let next = walk.nearest();
        let goes_on = |next: &ScoredNode| next.score >= lowest || walk.found.reaches(*next);
        let Some(next) = next.filter(goes_on) else {
            break;
        };
        walk.expand(graph, near, next.node);
    }
    walk.rank_inside(exact, least);
}

/// The best `k` of some nodes, with their exact scores: best first, ties by node. What comes after them
/// was scored as well. Each node is scored by its code, if there is one, and those again by their
/// vectors whose codes may stand for one of the best: none of these is missed. What cannot exceed the
/// bar may be left out.
pub(crate) fn rerank<'s>(
    points: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    nodes: impl Iterator<Item = u32>,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, params.query);
    let codes = points.codes.as_ref();
    match codes.and_then(|codes| codes.scorer(points.metric, params.query, query)) {
        Some(near) => among(&near, &exact, params, nodes, walk),
        None => among(&exact, &exact, params, nodes, walk),
    }
    &walk.ranked
}

fn among(
    near: &impl Near,
    exact: &impl Near,
    params: &BeamParams<'_>,
    nodes: impl Iterator<Item = u32>,
    walk: &mut Walk,
) {
    walk.start(0, 0);
    walk.sift.start(params.k, near.lowest(params.threshold));
    // The score of a code says that the exact one may be so low, and what is better than that may have
    // a code that scores lower still.
    let least = |kth: f32| near.lowest(near.lowest(kth));
    let score = |walk: &mut Walk, ahead: &[u32]| {
        walk.score(near, |walk, scored| walk.sift.offer(scored, least));
        walk.take(ahead);
    };
    let (mut ahead, mut count) = ([0; AHEAD], 0);
    for node in nodes {
        near.prefetch(node);
        if let Some(place) = ahead.get_mut(count) {
            *place = node;
        }
        count += 1;
        if count == AHEAD {
            score(walk, &ahead);
            count = 0;
        }
    }
    score(walk, ahead.get(..count).unwrap_or_default());
    score(walk, &[]);
    walk.rank_sifted(near, exact, params.k);
}

/// Fills the beam with the nearest nodes.
fn beam<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    near: &impl Near,
    params: &BeamParams<'_>,
    walk: &mut Walk,
) {
    if params.ef.max(params.k) > LONG {
        kept(
            graph,
            near,
            params,
            WalkLimits::for_beam(params.ef),
            &mut |_: u32| true,
            walk,
        );
        return;
    }
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, params.ef.max(params.k));
    if params.k == 0 || nodes == 0 {
        return;
    }
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| walk.beam.offer(scored));
        let Some(next) = walk.beam.next(params, near) else {
            break;
        };
        // Most often the one after it is next: its links are asked for before this one's are read.
        if let Some(after) = walk.beam.after() {
            graph.prefetch(after.node);
        }
        walk.expand(graph, near, next.node);
    }
}

/// Fills the beam with the nearest kept nodes; false when the budget was spent before.
fn kept<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    near: &impl Near,
    params: &BeamParams<'_>,
    limits: WalkLimits,
    keep: &mut impl NodeFilter,
    walk: &mut Walk,
) -> bool {
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, limits.expansions.clamp(1, LONG));
    walk.found.start(limits.beam.max(params.k));
    if params.k == 0 || nodes == 0 {
        return true;
    }
    let before = walk.work.scored;
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| {
            if walk.found.admits(scored) {
                walk.remember(scored);
            }
        });
        let Some(next) = walk.nearest() else {
            break;
        };
        // What was found elsewhere counts once this walk came to where the best are.
        let bar = match walk.behind() >= params.ef / 2 {
            true => params.threshold,
            false => f32::NEG_INFINITY,
        };
        if !walk.found.admits(next) || next.score < near.worth(walk.found.kth(params.k).max(bar)) {
            break;
        }
        if walk.work.scored - before > limits.score_budget {
            return false;
        }
        // What is asked of a node lies in several places, each of which tells where the next one is.
        keep.prefetch(next.node, true);
        if let Some(after) = walk.beam.after() {
            graph.prefetch(after.node);
            keep.prefetch(after.node, false);
        }
        walk.expand(graph, near, next.node);
        if keep.accepts(next.node) {
            walk.found.offer(next);
        }
    }
    std::mem::swap(&mut walk.beam, &mut walk.found);
    true
}

/// Where a beam begins: where the walk down the upper layers ends, and at the root, from where every
/// node can be reached. The walk may end where links lead round in a circle, as they do among many
/// copies of one vector.
fn begin<S: AsRef<[u32]>>(graph: &Graph<S>, near: &impl Near, nodes: u32) -> [u32; 2] {
    let score = |node| Some(ScoredNode::new(node, near.score(node)?));
    [descend(graph, nodes, score), graph.root().unwrap_or(0)]
}

/// Walks down the upper layers to the node where the beam begins, one below `nodes`.
fn descend<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    nodes: u32,
    score: impl Fn(u32) -> Option<ScoredNode>,
) -> u32 {
    let mut at = graph.entry;
    for layer in graph.layers.iter().rev() {
        let (members, links) = (layer.nodes.as_ref(), layer.links.as_ref());
        let member = |at: u32| score(*members.get(at as usize)?);
        let mut best = member(at);
        loop {
            let near = list(links, layer.stride, at).map(|link| (member(link), link));
            match near.max().filter(|(scored, _)| *scored > best) {
                Some((scored, link)) => (best, at) = (scored, link),
                None => break,
            }
        }
        let down = layer.down.as_ref();
        at = down.get(at as usize).copied().unwrap_or(0);
    }
    if at < nodes { at } else { 0 }
}
