//! Making every node reachable.
//!
//! Builders lose nodes: two threads rewrite one link list, or a list is full of nearer nodes. The links of
//! a spanning tree of the reachable nodes must stay. Any other link may be replaced.

use super::filtered::{WalkLimits, search_filtered};
use super::graph::Graph;
use super::links::NO_NODE;
use super::node_vectors::NodeVectors;
use super::params::BeamParams;
use super::rows::Rows;
use super::scratch::Scratch;
use twinspire_core::kernel::Metric;

/// Number of nearest reachable nodes that are tried as the source of a new link before all others.
const HOSTS: usize = 32;

impl Graph<Vec<u32>> {
    /// Adds a link on the base layer to every node that cannot be reached from the entry point.
    ///
    /// The link comes from the nearest node with a free slot, or with a link that no path from the entry point
    /// needs. `rows` are the
    /// vectors in node order. The base layer needs at least one slot per node.
    pub(super) fn connect_unreachable(&mut self, rows: Rows<'_>) {
        let Some(root) = self.root() else { return };
        let mut tree = SpanningTree {
            parents: vec![NO_NODE; self.nodes as usize],
        };
        tree.grow(self, root, root);
        let scratch = &mut Scratch::default();
        let vectors = NodeVectors::full_precision(Metric::L2, rows);
        let limits = WalkLimits::for_beam(HOSTS);
        for node in 0..self.nodes {
            if tree.contains(node) {
                continue;
            }
            let params = BeamParams::new(rows.row(node).unwrap_or_default(), HOSTS, HOSTS);
            let mut reached = |near: u32| tree.contains(near);
            let near = search_filtered(self, &vectors, &params, limits, &mut reached, scratch);
            let near = near.unwrap_or_default().iter().map(|scored| scored.node);
            // A leaf of the tree always has a link to spare, so a host is found.
            let others = (0..self.nodes).filter(|node| tree.contains(*node));
            let mut hosts = near.chain(others);
            let spare = hosts.find_map(|host| Some((host, tree.spare_slot(self, host)?)));
            if let Some((host, slot)) = spare
                && let Some(link) = self.base.get_mut(slot)
            {
                *link = node;
                tree.grow(self, host, node);
            }
        }
    }
}

/// A tree of links, from the root to every node that is reached.
struct SpanningTree {
    /// The node that each node is reached from; the root's is the root.
    parents: Vec<u32>,
}

impl SpanningTree {
    fn contains(&self, node: u32) -> bool {
        let parent = self.parents.get(node as usize);
        parent.is_some_and(|parent| *parent != NO_NODE)
    }

    /// Adds `node`, which `parent` links to, and all that can be reached from it.
    fn grow(&mut self, graph: &Graph<Vec<u32>>, parent: u32, node: u32) {
        let mut stack = vec![(parent, node)];
        while let Some((parent, node)) = stack.pop() {
            match self.parents.get_mut(node as usize) {
                Some(unreached) if *unreached == NO_NODE => *unreached = parent,
                _ => continue,
            }
            stack.extend(graph.neighbours(node).map(|next| (node, next)));
        }
    }

    /// The slot where `host` can take a link: its first free slot, or the last that the tree does not need.
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
        fn all_nodes_are_reachable_whatever_the_links(
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
            graph.connect_unreachable(Rows::new(&data, 1));
            prop_assert_eq!(graph.check(), Vec::<String>::new());
        }
    }
}
