//! Finding the nearest nodes by a walk over the graph.
//!
//! The walk is greedy on the upper layers and a beam on the base (algorithm 2 of the paper). Where
//! there are codes it compares those, and what it found is scored again on the vectors themselves:
//! as far down as the codes may be wrong. It ends early where what is left is much farther than the
//! k-th best (Al-Jazzazi et al., 2025, <https://arxiv.org/abs/2505.15636>).
//!
//! Ids come from files, so each is checked against the count of rows before it is used: a bad one
//! costs recall, never a panic. The upper walk ends because each step goes to a strictly better node.

use super::near::{Near, Points, RowScorer};
use super::scored::Scored;
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
pub(crate) struct Ask<'a> {
    /// The query.
    pub(crate) query: &'a [f32],
    /// How many are wanted.
    pub(crate) k: usize,
    /// The width of the beam; at least `k` are found.
    pub(crate) ef: usize,
    /// The score that the k-th best has already, elsewhere: a walk that does not come near it ends.
    pub(crate) bar: f32,
}

impl<'a> Ask<'a> {
    /// A search with nothing found elsewhere.
    pub(crate) fn new(query: &'a [f32], k: usize, ef: usize) -> Self {
        let bar = f32::NEG_INFINITY;
        Self { query, k, ef, bar }
    }
}

/// The nodes found by a beam of width `ef`, at least `k`, with their exact scores: best first, ties by
/// node. The `k` best are among them; after them come those that were scored as well.
pub(crate) fn search<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &Points<'_>,
    ask: &Ask<'_>,
    scratch: &'s mut Scratch,
) -> &'s [Scored] {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, ask.query);
    let codes = points.codes.as_ref();
    match codes.and_then(|codes| codes.scorer(points.metric, ask.query, query)) {
        Some(near) => {
            beam(graph, &near, ask, walk);
            walk.rank(&near, &exact, ask.k);
        }
        None => {
            beam(graph, &exact, ask, walk);
            walk.rank(&exact, &exact, ask.k);
        }
    }
    &walk.ranked
}

/// Which nodes a walk keeps.
pub(crate) trait Keep {
    /// Whether a node is kept.
    fn keeps(&mut self, node: u32) -> bool;
    /// It is most often asked of this node next but one, or next: what that reads may be asked for.
    fn prefetch(&self, node: u32, next: bool);
}

impl<F: FnMut(u32) -> bool> Keep for F {
    fn keeps(&mut self, node: u32) -> bool {
        self(node)
    }

    fn prefetch(&self, _: u32, _: bool) {}
}

/// How far a walk goes for nodes that are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reach {
    /// It goes on from about so many nodes.
    pub(crate) steps: usize,
    /// It ends when so many are found and what is left is worse.
    pub(crate) kept: usize,
    /// It gives up after so many scores.
    pub(crate) budget: u64,
}

impl Reach {
    /// As far as it takes, where most nodes are kept.
    pub(crate) fn kept(kept: usize) -> Self {
        let (steps, budget) = (kept + kept / 4, u64::MAX);
        Self {
            steps,
            kept,
            budget,
        }
    }
}

/// As [`search`], of the nodes for which `keep` is true; `None` when it would take more scores than it
/// may.
///
/// The others are walked through, so `k` are found if that many can be reached; the fewer are kept, the
/// more of the graph is walked. Nodes are asked for in the order in which the walk goes on from them,
/// the nearest first: one is asked for each node that is gone on from, not for each that is seen.
pub(crate) fn search_kept<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &Points<'_>,
    ask: &Ask<'_>,
    reach: Reach,
    keep: &mut impl Keep,
    scratch: &'s mut Scratch,
) -> Option<&'s [Scored]> {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, ask.query);
    let codes = points.codes.as_ref();
    let done = match codes.and_then(|codes| codes.scorer(points.metric, ask.query, query)) {
        Some(near) => {
            let done = kept(graph, &near, ask, reach, keep, walk);
            walk.rank(&near, &exact, ask.k);
            done
        }
        None => {
            let done = kept(graph, &exact, ask, reach, keep, walk);
            walk.rank(&exact, &exact, ask.k);
            done
        }
    };
    done.then_some(&walk.ranked)
}

/// The kept nodes that score `least` or more, with their exact scores: best first, ties by node. From
/// each of them the walk goes on, and besides from the `ef` best, so that it gets near.
pub(crate) fn within<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &Points<'_>,
    (query, least): (&[f32], f32),
    ef: usize,
    keep: impl FnMut(u32) -> bool,
    scratch: &'s mut Scratch,
) -> &'s [Scored] {
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
        let goes_on = |next: &Scored| next.score >= lowest || walk.found.reaches(*next);
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
pub(crate) fn best_among<'s>(
    points: &Points<'_>,
    ask: &Ask<'_>,
    nodes: impl Iterator<Item = u32>,
    scratch: &'s mut Scratch,
) -> &'s [Scored] {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, ask.query);
    let codes = points.codes.as_ref();
    match codes.and_then(|codes| codes.scorer(points.metric, ask.query, query)) {
        Some(near) => among(&near, &exact, ask, nodes, walk),
        None => among(&exact, &exact, ask, nodes, walk),
    }
    &walk.ranked
}

fn among(
    near: &impl Near,
    exact: &impl Near,
    ask: &Ask<'_>,
    nodes: impl Iterator<Item = u32>,
    walk: &mut Walk,
) {
    walk.start(0, 0);
    walk.sift.start(ask.k, near.lowest(ask.bar));
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
    walk.rank_sifted(near, exact, ask.k);
}

/// Fills the beam with the nearest nodes.
fn beam<S: AsRef<[u32]>>(graph: &Graph<S>, near: &impl Near, ask: &Ask<'_>, walk: &mut Walk) {
    if ask.ef.max(ask.k) > LONG {
        kept(
            graph,
            near,
            ask,
            Reach::kept(ask.ef),
            &mut |_: u32| true,
            walk,
        );
        return;
    }
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, ask.ef.max(ask.k));
    if ask.k == 0 || nodes == 0 {
        return;
    }
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| walk.beam.offer(scored));
        let Some(next) = walk.beam.next(ask, near) else {
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
    ask: &Ask<'_>,
    reach: Reach,
    keep: &mut impl Keep,
    walk: &mut Walk,
) -> bool {
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, reach.steps.clamp(1, LONG));
    walk.found.start(reach.kept.max(ask.k));
    if ask.k == 0 || nodes == 0 {
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
        let bar = match walk.behind() >= ask.ef / 2 {
            true => ask.bar,
            false => f32::NEG_INFINITY,
        };
        if !walk.found.admits(next) || next.score < near.worth(walk.found.kth(ask.k).max(bar)) {
            break;
        }
        if walk.work.scored - before > reach.budget {
            return false;
        }
        // What is asked of a node lies in several places, each of which tells where the next one is.
        keep.prefetch(next.node, true);
        if let Some(after) = walk.beam.after() {
            graph.prefetch(after.node);
            keep.prefetch(after.node, false);
        }
        walk.expand(graph, near, next.node);
        if keep.keeps(next.node) {
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
    let score = |node| Some(Scored::new(node, near.score(node)?));
    [descend(graph, nodes, score), graph.root().unwrap_or(0)]
}

/// Walks down the upper layers to the node where the beam begins, one below `nodes`.
fn descend<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    nodes: u32,
    score: impl Fn(u32) -> Option<Scored>,
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
