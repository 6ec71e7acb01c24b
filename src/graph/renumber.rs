//! Renumbering the nodes of a graph.

use super::graph::Graph;
use super::links::NO_NODE;

impl Graph<Vec<u32>> {
    /// The same graph with its nodes in another order: `order[new]` is the old number.
    ///
    /// `order` must name each node once; a link to a node that it leaves out is lost.
    pub(super) fn renumbered(mut self, order: &[u32]) -> Self {
        let mut place = vec![NO_NODE; self.nodes as usize];
        for (new, old) in (0u32..).zip(order) {
            if let Some(place) = place.get_mut(*old as usize) {
                *place = new;
            }
        }
        let new = |old: u32| place.get(old as usize).copied().unwrap_or(NO_NODE);

        let mut base = Vec::with_capacity(self.base.len());
        for (at, old) in order.iter().enumerate() {
            base.extend(self.neighbours(*old).map(new).filter(|new| *new != NO_NODE));
            base.resize((at + 1) * self.base_stride, NO_NODE);
        }
        self.base = base;
        if let Some(lowest) = self.layers.first_mut() {
            lowest.down.iter_mut().for_each(|node| *node = new(*node));
        } else {
            self.entry = new(self.entry);
        }
        for layer in &mut self.layers {
            layer.nodes.iter_mut().for_each(|node| *node = new(*node));
        }
        self
    }

    /// An order that puts neighbours side by side in memory: that of a depth-first walk from the root.
    pub(super) fn local_order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.nodes as usize);
        let mut seen = vec![false; self.nodes as usize];
        let mut stack: Vec<u32> = self.root().into_iter().collect();
        while let Some(node) = stack.pop() {
            match seen.get_mut(node as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            order.push(node);
            let from = stack.len();
            let unseen = |near: &u32| seen.get(*near as usize) == Some(&false);
            stack.extend(self.neighbours(node).filter(unseen));
            // The nearest comes first in a list and should be next.
            if let Some(unseen) = stack.get_mut(from..) {
                unseen.reverse();
            }
        }
        let unreached = (0u32..).zip(&seen).filter(|(_, seen)| !**seen);
        order.extend(unreached.map(|(node, _)| node));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::Layer;
    use super::*;

    #[test]
    fn a_renumbered_graph_links_the_same_nodes() {
        let layer = Layer {
            nodes: vec![2, 0],
            down: vec![2, 0],
            links: vec![1, 0],
            stride: 1,
        };
        let base = vec![1, NO_NODE, 2, 0, NO_NODE, NO_NODE];
        let graph = Graph::from_parts(3, base, 2, vec![layer], 1).unwrap();
        assert_eq!(graph.local_order(), [0, 1, 2]);
        let graph = graph.renumbered(&[2, 0, 1]);
        assert_eq!(graph.check(), Vec::<String>::new());
        assert_eq!(graph.base(), [NO_NODE, NO_NODE, 2, NO_NODE, 0, 1]);
        assert_eq!(graph.layers()[0].nodes, [0, 1]);
        assert_eq!(graph.root(), Some(1));
    }
}
