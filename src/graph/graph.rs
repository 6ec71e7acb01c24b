//! The arrays of a graph.

use super::error::GraphError;
use super::links::{NO_NODE, neighbours, slots};
use smallvec::SmallVec;
use twinspire_core::kernel::prefetch;

/// Upper layers that are held without an allocation. Our builder makes no more of 2^32 nodes.
const INLINE_LAYERS: usize = 8;

/// A layer above the base.
#[derive(Clone, Debug)]
pub(crate) struct Layer<S> {
    /// The node of each member.
    pub(crate) nodes: S,
    /// Each member's index in the layer below.
    pub(crate) down: S,
    /// `stride` slots per member.
    pub(crate) links: S,
    /// Slots per link list.
    pub(crate) stride: usize,
}

/// A graph whose arrays have the lengths that match its counts. Nothing else is guaranteed: node numbers
/// in arrays from a file may be out of range, and are checked when they are used.
#[derive(Clone, Debug)]
pub(crate) struct Graph<S> {
    pub(super) nodes: u32,
    pub(super) base: S,
    pub(super) base_stride: usize,
    /// So few that opening a graph in place allocates nothing.
    pub(super) layers: SmallVec<[Layer<S>; INLINE_LAYERS]>,
    pub(super) entry: u32,
}

impl<S: AsRef<[u32]>> Graph<S> {
    /// Builds a graph from its arrays. Checks the lengths and the entry point, not the links.
    pub(crate) fn from_parts(
        nodes: u32,
        base: S,
        base_stride: usize,
        layers: impl IntoIterator<Item = Layer<S>>,
        entry: u32,
    ) -> Result<Self, GraphError> {
        if Some(base.as_ref().len()) != (nodes as usize).checked_mul(base_stride) {
            let stride = base_stride;
            return Err(GraphError::BaseLayer { nodes, stride });
        }
        let layers = SmallVec::<[Layer<S>; INLINE_LAYERS]>::from_iter(layers);
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

    /// The slots of the base layer.
    pub(crate) fn base(&self) -> &[u32] {
        self.base.as_ref()
    }

    /// Slots per node on the base layer.
    pub(crate) fn base_stride(&self) -> usize {
        self.base_stride
    }

    /// The upper layers, lowest first.
    pub(crate) fn layers(&self) -> &[Layer<S>] {
        &self.layers
    }

    /// The entry point: where a search starts.
    pub(crate) fn entry(&self) -> u32 {
        self.entry
    }

    /// The neighbours of a node on the base layer; empty for a node out of range.
    pub(crate) fn neighbours(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        neighbours(self.base.as_ref(), self.base_stride, node)
    }

    /// The neighbours of a node on the base layer, as a slice.
    #[inline]
    pub(super) fn neighbour_slice(&self, node: u32) -> &[u32] {
        let slots = slots(self.base.as_ref(), self.base_stride, node);
        let filled = slots.iter().position(|link| *link == NO_NODE);
        slots
            .get(..filled.unwrap_or(slots.len()))
            .unwrap_or_default()
    }

    /// Prefetches the link list of a node that will be expanded soon.
    #[inline]
    pub(super) fn prefetch(&self, node: u32) {
        prefetch(slots(self.base.as_ref(), self.base_stride, node));
    }

    /// The node of the entry point; `None` if there are no nodes.
    pub(super) fn root(&self) -> Option<u32> {
        match self.layers.last() {
            Some(top) => top.nodes.as_ref().get(self.entry as usize).copied(),
            None => Some(self.entry).filter(|entry| *entry < self.nodes),
        }
    }
}
