//! Making every node reachable.
//!
//! Builders lose nodes: two threads rewrite one list of links, or a list is full of nearer nodes.
//! A tree that spans what can be reached tells which links must stay; any other may be given up.

use super::{BeamParams, Graph, NO_NODE, NodeVectors, Rows, Scratch, WalkLimits, search_filtered};
use twinspire_core::kernel::Metric;

/// How many of the nearest nodes are asked for a link before any other node is.
const HOSTS: usize = 32;

/// Links every node that a walk over the base layer does not reach from the entry point.
///
/// Each is linked from the nearest node that has a free slot or one it can give up. `rows` are the
/// vectors in node order; the base layer needs at least one slot a node.
pub(super) fn repair(graph: &mut Graph<Vec<u32>>, rows: Rows<'_>) {
    let Some(root) = graph.root() else { return };
    let mut tree = Tree {
        parents: vec![NO_NODE; graph.nodes as usize],
    };
    tree.grow(graph, root, root);
    let scratch = &mut Scratch::default();
    let points = NodeVectors::plain(Metric::L2, rows);
    for node in 0..graph.nodes {
        if tree.holds(node) {
            continue;
        }
        let row = rows.row(node).unwrap_or_default();
        let mut held = |near: u32| tree.holds(near);
        let params = BeamParams::new(row, HOSTS, HOSTS);
        let near = search_filtered(
            graph,
            &points,
            &params,
            WalkLimits::for_beam(HOSTS),
            &mut held,
            scratch,
        )
        .unwrap_or_default();
        // A leaf of the tree can always give up a link, so that a host is found.
        let others = (0..graph.nodes).filter(|node| tree.holds(*node));
        let mut hosts = near.iter().map(|scored| scored.node).chain(others);
        let spare = hosts.find_map(|host| Some((host, tree.spare_slot(graph, host)?)));
        if let Some((host, slot)) = spare {
            graph.base[slot] = node;
            tree.grow(graph, host, node);
        }
    }
}

/// A tree of links, from the root to every node that has been reached.
struct Tree {
    /// The node that a node was reached from; the root's is the root.
    parents: Vec<u32>,
}

impl Tree {
    fn holds(&self, node: u32) -> bool {
        let parent = self.parents.get(node as usize);
        parent.is_some_and(|parent| *parent != NO_NODE)
    }

    /// Takes in `node`, which `parent` links to, and all that can be reached from it.
    fn grow(&mut self, graph: &Graph<Vec<u32>>, parent: u32, node: u32) {
        let mut left = vec![(parent, node)];
        while let Some((parent, node)) = left.pop() {
            match self.parents.get_mut(node as usize) {
                Some(unreached) if *unreached == NO_NODE => *unreached = parent,
                _ => continue,
            }
            left.extend(graph.neighbours(node).map(|next| (node, next)));
        }
    }

    /// Where `host` can be given a link: its first free slot, or the last the tree does not need.
    fn spare_slot(&self, graph: &Graph<Vec<u32>>, host: u32) -> Option<usize> {
        let from = host as usize * graph.base_stride;
        let slots = graph.base.get(from..from + graph.base_stride)?;
        let needed = |link: u32| self.parents.get(link as usize) == Some(&host);
        let free = slots.iter().position(|link| *link == NO_NODE);
        let at = free.or_else(|| slots.iter().rposition(|link| !needed(*link)))?;
        Some(from + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_the_links_all_nodes_are_reached_and_none_is_lost(
            links in vec(vec(0u32..40, 3), 1..40),
            entry in any::<prop::sample::Index>(),
        ) {
            let count = links.len() as u32;
            let mut base = Vec::new();
            for (node, mut list) in (0u32..).zip(links) {
                list.sort_unstable();
                list.dedup();
                list.retain(|link| *link < count && *link != node);
                list.resize(3, NO_NODE);
                base.extend(list);
            }
            let entry = entry.index(count as usize) as u32;
            let mut graph = Graph::from_parts(count, base, 3, Vec::new(), entry).unwrap();
            let data: Vec<f32> = (0..count).map(|node| (node % 7) as f32).collect();
            repair(&mut graph, Rows::new(&data, 1));
            prop_assert_eq!(graph.check(), Vec::<String>::new());
        }
    }
}
