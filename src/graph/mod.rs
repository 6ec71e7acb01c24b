//! The HNSW graph (Malkov and Yashunin, 2016, <https://arxiv.org/abs/1603.09320>) as plain arrays.
//!
//! [`Graph`] is generic over where its arrays lie: a `Graph<Vec<u32>>` has just been built, a
//! `Graph<&[u32]>` is a view of a mapped file. Nodes are numbers; what item a node stands for, and
//! where arrays are stored, is not known here.
//!
//! # Layout
//! Each list of links has a fixed number of slots, its *stride*: neighbours first, then
//! [`NO_NODE`]. The base layer has one list a node, in node order. An upper layer has a list a
//! *member*, and its links are indices of members in the same layer, so that walking a layer needs
//! no look-up. `nodes[i]` is the node of member `i`; `down[i]` is its index in the layer below
//! (for the lowest upper layer that is the node itself). Search begins at `entry`, a member of the
//! top layer, or a node where there is no upper layer. Nodes can be renumbered at will.

mod build;
mod codes;
mod error;
mod near;
mod reference;
mod renumber;
mod repair;
mod rows;
mod scan;
mod scored;
mod scratch;
mod search;
#[cfg(test)]
mod tests;

pub use build::GraphBuilder;
pub(crate) use build::build;
pub(crate) use codes::{CodeBook, Codes, OwnedCodes, code_stride};
pub use error::GraphError;
pub(crate) use near::NodeVectors;
pub(crate) use rows::{Rows, StoredRows};
pub(crate) use scan::search_exact;
pub(crate) use scored::ScoredNode;
pub(crate) use scratch::{Scratch, SearchCounters};
pub use search::DEFAULT_EF;
pub(crate) use search::{
    BeamParams, NodeFilter, WalkLimits, rerank, search, search_filtered, search_radius,
};

use twinspire_core::kernel::prefetch;

/// Fills the unused slots of a list of links.
pub(crate) const NO_NODE: u32 = u32::MAX;

/// A layer above the base.
#[derive(Clone, Debug)]
pub(crate) struct Layer<S> {
    /// The node of each member.
    pub(crate) nodes: S,
    /// Each member's index in the layer below.
    pub(crate) down: S,
    /// `stride` slots a member.
    pub(crate) links: S,
    /// Slots for neighbours.
    pub(crate) stride: usize,
}

/// A graph: its arrays have the lengths its counts ask for, which is all that is promised. Ids
/// inside may be anything when the arrays come from a file, and are checked when they are used.
#[derive(Clone, Debug)]
pub(crate) struct Graph<S> {
    nodes: u32,
    base: S,
    base_stride: usize,
    layers: Vec<Layer<S>>,
    entry: u32,
}

impl<S: AsRef<[u32]>> Graph<S> {
    /// Puts a graph together; looks at lengths and the entry, not at the links.
    pub(crate) fn from_parts(
        nodes: u32,
        base: S,
        base_stride: usize,
        layers: Vec<Layer<S>>,
        entry: u32,
    ) -> Result<Self, GraphError> {
        if Some(base.as_ref().len()) != (nodes as usize).checked_mul(base_stride) {
            let stride = base_stride;
            return Err(GraphError::BaseLayer { nodes, stride });
        }
        for (above, layer) in layers.iter().enumerate() {
            let members = layer.nodes.as_ref().len();
            let slots = members.checked_mul(layer.stride);
            let fits =
                layer.down.as_ref().len() == members && Some(layer.links.as_ref().len()) == slots;
            if !fits || members == 0 {
                return Err(GraphError::UpperLayer { layer: above + 1 });
            }
        }
        let entries = layers
            .last()
            .map_or(nodes as usize, |top| top.nodes.as_ref().len());
        if nodes > 0 && entry as usize >= entries {
            return Err(GraphError::Entry { entry, entries });
        }
        Ok(Self {
            nodes,
            base,
            base_stride,
            layers,
            entry,
        })
    }

    /// The base layer's slots.
    pub(crate) fn base(&self) -> &[u32] {
        self.base.as_ref()
    }

    /// Slots of a node on the base layer.
    pub(crate) fn base_stride(&self) -> usize {
        self.base_stride
    }

    /// The upper layers, lowest first.
    pub(crate) fn layers(&self) -> &[Layer<S>] {
        &self.layers
    }

    /// Where a search begins.
    pub(crate) fn entry(&self) -> u32 {
        self.entry
    }

    /// The neighbours of a node on the base layer; none for a node that is not there.
    pub(crate) fn neighbours(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        list(self.base.as_ref(), self.base_stride, node)
    }

    /// The neighbours of a node on the base layer in one piece.
    fn links(&self, node: u32) -> &[u32] {
        let slots = slots(self.base.as_ref(), self.base_stride, node);
        let filled = slots.iter().position(|link| *link == NO_NODE);
        slots
            .get(..filled.unwrap_or(slots.len()))
            .unwrap_or_default()
    }

    /// Asks for the links of a node, which will soon be followed.
    fn prefetch(&self, node: u32) {
        prefetch(slots(self.base.as_ref(), self.base_stride, node));
    }

    /// Everything wrong with the structure: links out of range, to oneself or twice, layers that
    /// contradict each other, nodes that no search can reach. A few examples of each.
    pub(crate) fn check(&self) -> Vec<String> {
        const EXAMPLES: usize = 4;
        let mut problems = Vec::new();
        let mut say = |what: String| {
            if problems.len() < EXAMPLES {
                problems.push(what);
            }
        };
        check_links(
            self.base.as_ref(),
            self.base_stride,
            self.nodes,
            "base layer",
            &mut say,
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
                &mut say,
            );
            for (member, (node, down)) in members.iter().zip(layer.down.as_ref()).enumerate() {
                let found = below.map_or(Some(*down), |below| below.get(*down as usize).copied());
                if found != Some(*node) || *node >= self.nodes {
                    say(format!(
                        "{name}: member {member} is another node than its place below"
                    ));
                }
            }
            below = Some(members);
        }
        let lost = self.unreachable();
        if lost > 0 {
            problems.push(format!(
                "{lost} nodes cannot be reached from the entry point"
            ));
        }
        problems
    }

    /// The node below the entry point; none if there are no nodes.
    fn root(&self) -> Option<u32> {
        match self.layers.last() {
            Some(top) => top.nodes.as_ref().get(self.entry as usize).copied(),
            None => Some(self.entry).filter(|entry| *entry < self.nodes),
        }
    }

    /// How many nodes no walk over the base layer reaches from below the entry point.
    fn unreachable(&self) -> usize {
        let mut seen = vec![false; self.nodes as usize];
        let mut left: Vec<u32> = self.root().into_iter().collect();
        let mut reached = 0;
        while let Some(node) = left.pop() {
            match seen.get_mut(node as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            reached += 1;
            left.extend(self.neighbours(node));
        }
        seen.len() - reached
    }
}

/// The slots of list `at`.
fn slots(links: &[u32], stride: usize, at: u32) -> &[u32] {
    let from = (at as usize).saturating_mul(stride);
    let slots = links.get(from..from.saturating_add(stride));
    slots.unwrap_or_default()
}

/// The filled slots of list `at`.
fn list(links: &[u32], stride: usize, at: u32) -> impl Iterator<Item = u32> + '_ {
    let slots = slots(links, stride, at).iter().copied();
    slots.take_while(|link| *link != NO_NODE)
}

fn check_links(links: &[u32], stride: usize, count: u32, name: &str, say: &mut impl FnMut(String)) {
    for at in 0..count {
        let mut linked: Vec<u32> = list(links, stride, at).collect();
        if linked.iter().any(|link| *link >= count) {
            say(format!("{name}: {at} links to a place that is not there"));
        }
        if linked.contains(&at) {
            say(format!("{name}: {at} links to itself"));
        }
        linked.sort_unstable();
        if linked.windows(2).any(|pair| pair[0] == pair[1]) {
            say(format!("{name}: {at} links to the same place twice"));
        }
    }
}
