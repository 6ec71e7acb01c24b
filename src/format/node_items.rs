//! Which items a node stands for: items with equal vectors share one node.

use std::ops::Range;
use twinspire_core::kernel::prefetch;

/// The items of each node. An *item slot* is an index into the item numbers, which are grouped by node
/// and increase within a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeItems<'a> {
    pub(super) nodes: u32,
    /// The item number of each slot.
    pub(super) items: &'a [u32],
    /// The first slot of each node, then the number of slots. Empty if every node has one item: then
    /// slots are nodes.
    pub(super) firsts: &'a [u32],
    /// The node of each slot; empty if every node has one item.
    pub(super) slot_nodes: &'a [u32],
}

impl<'a> NodeItems<'a> {
    /// Number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes as usize
    }

    /// Number of items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether some node stands for several items. Otherwise slots are nodes.
    #[inline]
    pub(crate) fn is_folded(&self) -> bool {
        !self.firsts.is_empty()
    }

    /// The slots of a node; none for a node out of range.
    #[inline]
    pub(crate) fn slots(&self, node: u32) -> Range<u32> {
        let end = self.items.len() as u32;
        if !self.is_folded() {
            return node.min(end)..node.saturating_add(1).min(end);
        }
        let at = node as usize;
        match (self.firsts.get(at), self.firsts.get(at + 1)) {
            (Some(from), Some(to)) => *from..(*to).min(end),
            _ => 0..0,
        }
    }

    /// The slots of a range of nodes.
    pub(crate) fn slots_of(&self, nodes: Range<u32>) -> Range<u32> {
        match nodes.end.checked_sub(1) {
            Some(last) if nodes.start <= last => {
                self.slots(nodes.start).start..self.slots(last).end
            }
            _ => 0..0,
        }
    }

    /// The node of a slot; `None` out of range.
    #[inline]
    pub(crate) fn node(&self, slot: u32) -> Option<u32> {
        let node = match self.is_folded() {
            true => *self.slot_nodes.get(slot as usize)?,
            false => slot,
        };
        (node < self.nodes).then_some(node)
    }

    /// Hints to the processor that the [node](Self::node) of a slot will soon be read.
    #[inline]
    pub(crate) fn prefetch_node(&self, slot: u32) {
        let at = slot as usize;
        prefetch(self.slot_nodes.get(at..=at).unwrap_or_default());
    }

    /// The item number of a slot; `None` out of range.
    #[inline]
    pub(crate) fn item(&self, slot: u32) -> Option<u32> {
        self.items.get(slot as usize).copied()
    }

    /// All item numbers, by slot.
    pub(crate) fn items(&self) -> &'a [u32] {
        self.items
    }

    /// A contradiction between the tables, if there is one.
    pub(super) fn first_problem(&self) -> Option<&'static str> {
        if !self.is_folded() {
            return None;
        }
        let ends = (self.firsts.first(), self.firsts.last());
        if ends != (Some(&0), Some(&(self.items.len() as u32))) {
            return Some("do not begin with 0 or do not end with the number of items");
        }
        if !self.firsts.is_sorted_by(|a, b| a < b) {
            return Some("leave a node without items");
        }
        for node in 0..self.nodes {
            let slots = self.slots(node);
            let range = slots.start as usize..slots.end as usize;
            let items = self.items.get(range.clone()).unwrap_or_default();
            if !items.is_sorted_by(|a, b| a < b) {
                return Some("name the items of a node out of order");
            }
            let nodes = self.slot_nodes.get(range).unwrap_or_default();
            if nodes.iter().any(|other| *other != node) {
                return Some("contradict the nodes of the items");
            }
        }
        None
    }
}
