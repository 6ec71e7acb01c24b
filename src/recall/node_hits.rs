//! From nodes to items: a graph finds nodes, and each stands for the items that have its vector.

use super::top_k::TopK;
use crate::format::NodeItems;
use crate::graph::ScoredNode;
use twinspire_core::ids::ItemNo;

/// Whether a node stands for an item that may be returned. `accepts` decides by item slot.
#[inline]
pub(super) fn accepts_any(
    items: &NodeItems<'_>,
    node: u32,
    mut accepts: impl FnMut(u32) -> bool,
) -> bool {
    items.slots(node).any(&mut accepts)
}

/// Adds the items of a node that may be returned.
///
/// The node was found because it has such an item, so a node of one item is not tested again.
#[inline]
pub(super) fn push_node(
    items: &NodeItems<'_>,
    scored: ScoredNode,
    mut accepts: impl FnMut(u32) -> bool,
    best: &mut TopK<'_>,
) {
    if scored.score < best.threshold() {
        return;
    }
    let slots = items.slots(scored.node);
    let single = slots.len() == 1;
    // All of them: `best` decides between equal scores.
    for slot in slots {
        if let Some(item) = items.item(slot)
            && (single || accepts(slot))
        {
            best.push(scored.score, ItemNo(item));
        }
    }
}
