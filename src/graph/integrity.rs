//! The check of a stored graph.

use super::graph::Graph;
use super::links::neighbours;

/// Examples that a report gives of broken links and layers.
const EXAMPLES: usize = 4;

impl<S: AsRef<[u32]>> Graph<S> {
    /// A few examples of structural damage: links out of range, to the node itself or
    /// given twice; layers that contradict each other; nodes that no search can reach.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut report = |problem: String| {
            if problems.len() < EXAMPLES {
                problems.push(problem);
            }
        };
        check_links(
            self.base.as_ref(),
            self.base_stride,
            self.nodes,
            "base layer",
            &mut report,
        );
        let mut below: Option<&[u32]> = None;
        for (above, layer) in self.layers.iter().enumerate() {
            let name = format!("layer {}", above + 1);
            let members = layer.nodes.as_ref();
            check_links(
                layer.links.as_ref(),
                layer.stride,
                members.len() as u32,
                &name,
                &mut report,
            );
            for (member, (node, down)) in members.iter().zip(layer.down.as_ref()).enumerate() {
                let found = below.map_or(Some(*down), |below| below.get(*down as usize).copied());
                if found != Some(*node) || *node >= self.nodes {
                    report(format!(
                        "{name}: member {member} is node {node}, another node than in the layer below"
                    ));
                }
            }
            below = Some(members);
        }
        let unreachable = self.count_unreachable();
        if unreachable > 0 {
            problems.push(format!(
                "{unreachable} nodes cannot be reached from the entry point"
            ));
        }
        problems
    }

    /// Nodes that no path on the base layer connects with the entry point.
    fn count_unreachable(&self) -> usize {
        let mut seen = vec![false; self.nodes as usize];
        let mut stack: Vec<u32> = self.root().into_iter().collect();
        let mut reached = 0;
        while let Some(node) = stack.pop() {
            match seen.get_mut(node as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            reached += 1;
            stack.extend(self.neighbours(node));
        }
        seen.len() - reached
    }
}

fn check_links(
    links: &[u32],
    stride: usize,
    count: u32,
    name: &str,
    report: &mut impl FnMut(String),
) {
    for at in 0..count {
        let mut linked: Vec<u32> = neighbours(links, stride, at).collect();
        if let Some(link) = linked.iter().find(|link| **link >= count) {
            report(format!("{name}: {at} links to {link}, which is not there"));
        }
        if linked.contains(&at) {
            report(format!("{name}: {at} links to itself"));
        }
        linked.sort_unstable();
        if linked
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            report(format!("{name}: {at} links to the same neighbour twice"));
        }
    }
}
