//! Where a walk over the base layer starts.

use super::graph::Graph;
use super::links::neighbours;
use super::node_scorer::NodeScorer;
use super::scored_node::ScoredNode;

/// The nodes where a beam starts: the end of the greedy walk down the upper layers, and the root, from
/// which every node can be reached.
///
/// The root is needed because the greedy walk may end in a closed cluster, such as many copies of one
/// vector that link only to each other.
pub(super) fn entry_points<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    scorer: &impl NodeScorer,
    nodes: u32,
) -> [u32; 2] {
    let score = |node| Some(ScoredNode::new(node, scorer.score(node)?));
    [descend(graph, nodes, score), graph.root().unwrap_or(0)]
}

/// Walks down the upper layers greedily and returns the last node, which is below `nodes`. The walk
/// terminates because each step leads to a strictly better node.
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
            let near = neighbours(links, layer.stride, at).map(|link| (member(link), link));
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
