//! One link list in an array of lists.

/// Fills the unused slots of a link list.
pub(super) const NO_NODE: u32 = u32::MAX;

/// The slots of list `at`; empty for a list out of range.
#[inline]
pub(super) fn slots(links: &[u32], stride: usize, at: u32) -> &[u32] {
    let from = (at as usize).saturating_mul(stride);
    let slots = links.get(from..from.saturating_add(stride));
    slots.unwrap_or_default()
}

/// The neighbours in list `at`.
#[inline]
pub(super) fn neighbours(links: &[u32], stride: usize, at: u32) -> impl Iterator<Item = u32> + '_ {
    let slots = slots(links, stride, at).iter().copied();
    slots.take_while(|link| *link != NO_NODE)
}
