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
/// | 50,000 items | 0.970 | 0.986 | 0.992 | 0.995 | 0.996 | 0.998 |
/// | 200,000 items | 0.934 | 0.965 | 0.976 | 0.988 | 0.991 | 0.995 |
pub const DEFAULT_EF: usize = 100;

/// Nodes that are asked for before those before them are scored.
const AHEAD: usize = 16;

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

/// As [`search`], of the nodes for which `keep` is true.
///
/// The others are walked through. The beam is as wide as `ef` *kept* nodes, so `k` are found if that
/// many can be reached from the entry point; the fewer are kept, the more of the graph is walked.
/// None when it would take more than `budget` scores.
pub(crate) fn search_kept<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    points: &Points<'_>,
    ask: &Ask<'_>,
    keep: impl FnMut(u32) -> bool,
    budget: u64,
    scratch: &'s mut Scratch,
) -> Option<&'s [Scored]> {
    let Scratch { query, walk } = scratch;
    let exact = RowScorer::new(points, ask.query);
    let codes = points.codes.as_ref();
    let done = match codes.and_then(|codes| codes.scorer(points.metric, ask.query, query)) {
        Some(near) => {
            let done = kept(graph, &near, ask, keep, budget, walk);
            walk.rank(&near, &exact, ask.k);
            done
        }
        None => {
            let done = kept(graph, &exact, ask, keep, budget, walk);
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
    walk.start(nodes, ef.max(1));
    if nodes == 0 {
        return;
    }
    let lowest = near.lowest(least);
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| {
            let admitted = walk.beam.admits(scored);
            walk.beam.offer(scored);
            let inside = scored.score >= lowest;
            if inside && keep(scored.node) {
                walk.ranked.push(scored);
            }
            if admitted || inside {
                walk.frontier.push(scored);
            }
        });
        let next = walk.frontier.pop();
        let goes_on = |next: &Scored| next.score >= lowest || walk.beam.reaches(*next);
        let Some(next) = next.filter(goes_on) else {
            break;
        };
        walk.expand(graph, near, next.node);
    }
    walk.rank_inside(exact, least);
}

/// The best of some nodes, the `k` best among them, with their exact scores: best first, ties by node.
/// The node of each is scored by its code, if there is one; `ef` or more are looked at again.
pub(crate) fn best_among<'s>(
    points: &Points<'_>,
    ask: &Ask<'_>,
    nodes: &[u32],
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

fn among(near: &impl Near, exact: &impl Near, ask: &Ask<'_>, nodes: &[u32], walk: &mut Walk) {
    walk.start(0, ask.ef.max(ask.k));
    let mut chunks = nodes.chunks(AHEAD).peekable();
    while let Some(chunk) = chunks.next() {
        if let Some(next) = chunks.peek() {
            next.iter().for_each(|node| near.prefetch(*node));
        }
        walk.take(chunk);
        walk.score(near, |walk, scored| walk.offer(scored));
    }
    walk.settle();
    walk.rank(near, exact, ask.k);
}

/// Fills the beam with the nearest nodes.
fn beam<S: AsRef<[u32]>>(graph: &Graph<S>, near: &impl Near, ask: &Ask<'_>, walk: &mut Walk) {
    if ask.ef.max(ask.k) > LONG {
        kept(graph, near, ask, |_| true, u64::MAX, walk);
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
    mut keep: impl FnMut(u32) -> bool,
    budget: u64,
    walk: &mut Walk,
) -> bool {
    let nodes = near.count().min(graph.nodes);
    walk.start(nodes, ask.ef.max(ask.k));
    if ask.k == 0 || nodes == 0 {
        return true;
    }
    let before = walk.work.scored;
    walk.visit(&begin(graph, near, nodes));
    loop {
        walk.score(near, |walk, scored| {
            if walk.admits(scored) {
                walk.frontier.push(scored);
                if keep(scored.node) {
                    walk.offer(scored);
                }
            }
        });
        let next = walk.frontier.pop();
        let Some(next) = next.filter(|next| walk.admits(*next)) else {
            walk.settle();
            return true;
        };
        if walk.work.scored - before > budget {
            return false;
        }
        walk.expand(graph, near, next.node);
    }
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
