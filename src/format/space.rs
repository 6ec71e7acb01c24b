//! A space segment: embeddings of items, and an index over them, in node order.
//!
//! Items with equal vectors share a node. An item slot is an index into section 2.
//!
//! | id | section | elements |
//! |---|---|---|
//! | 1 | shape | the packed [`Shape`] |
//! | 2 | node items | u32 per item: the item's number, grouped by node |
//! | 3 | vectors | f32, or u16 in half precision, `dimension` per node |
//! | 4 | slot order | u32 per item: item slots sorted by item number |
//! | 5 | base links | u32, `base_stride` per node: neighbours, then `u32::MAX` |
//! | 6 | upper nodes | u32 per member of an upper layer, lowest layer first: its node |
//! | 7 | upper down | u32 per member: its index in the layer below |
//! | 8 | upper links | u32, `stride` per member: indices within the layer, then `u32::MAX` |
//! | 9 | gone items | u32: numbers of items that older segments hold and that are deleted, increasing |
//! | 10 | item order | u32 per item: item numbers, increasing; the item of the slot at the same index of 4 |
//! | 11 | code book | the packed [`CodeKind`] |
//! | 12 | codes | i8, a padded row per node |
//! | 13 | first slots | u32 per node and one more; empty if every node has one item |
//! | 14 | slot nodes | u32 per item: its node; empty if every node has one item |
//!
//! A graph has its arrays in sections 5 to 8; [`partitions`](super::partitions) have theirs in sections 15 to 25.
//! Those of the other kind are empty.

use super::array::{array, array_range};
use super::container::{Kind, Sections};
use super::dense::{guess_dense, search_dense};
use super::error::FormatError;
use super::node_items::NodeItems;
use super::partitions::{LEAF_SPREADS, PartitionLayout};
use crate::graph::{CodeBook, Codes, Graph, Layer, NodeVectors, Rows, StoredRows, code_stride};
use crate::index::{Index, IndexKind};
use bincode::{Decode, Encode};
use std::ops::Range;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::{MAX_DIMENSION, Metric, Storage, prefetch};

pub(crate) const SHAPE: u32 = 1;
pub(crate) const ITEMS: u32 = 2;
pub(crate) const VECTORS: u32 = 3;
pub(crate) const SLOT_ORDER: u32 = 4;
pub(crate) const BASE_LINKS: u32 = 5;
pub(crate) const UPPER_NODES: u32 = 6;
pub(crate) const UPPER_DOWN: u32 = 7;
pub(crate) const UPPER_LINKS: u32 = 8;
pub(crate) const GONE: u32 = 9;
pub(crate) const ITEM_ORDER: u32 = 10;
pub(crate) const CODE_BOOK: u32 = 11;
pub(crate) const CODES: u32 = 12;
pub(crate) const FIRST_SLOTS: u32 = 13;
pub(crate) const SLOT_NODES: u32 = 14;

const _: () = assert!(LEAF_SPREADS == Kind::Space.last_section());

/// Maximum number of upper layers.
const MAX_LAYERS: usize = 64;

/// The kind of index over the vectors, and its counts. It comes first in the shape: another kind may have
/// another shape.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum IndexShape {
    /// An HNSW graph.
    Graph(GraphShape),
    /// Partitions, whose counts are in their [book](crate::partitions::PartitionBook).
    Partitions,
}

/// Counts of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct GraphShape {
    /// Slots per node on the base layer.
    pub(crate) base_stride: u32,
    /// The entry point: a member of the top layer, or a node if there is no upper layer.
    pub(crate) entry: u32,
    /// The upper layers, lowest first.
    pub(crate) layers: Vec<LayerShape>,
}

/// The kind of codes, and what decodes them: the content of section [`CODE_BOOK`].
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum CodeKind {
    /// There are no codes.
    None,
    /// One byte a component.
    Bytes(CodeBook),
}

/// The counts that give every array of a space segment its length.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Shape {
    /// The index.
    pub(crate) index: IndexShape,
    /// Components of a vector.
    pub(crate) dimension: u32,
    /// How vectors are compared.
    pub(crate) metric: Metric,
    /// How components are stored.
    pub(crate) storage: Storage,
    /// Number of nodes: distinct vectors.
    pub(crate) nodes: u32,
    /// Number of items, at least that of nodes.
    pub(crate) items: u32,
    /// Number of gone items.
    pub(crate) gone: u32,
}

/// Counts of an upper layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct LayerShape {
    /// Number of members.
    pub(crate) members: u32,
    /// Slots per member.
    pub(crate) stride: u32,
}

/// The ranges of the arrays of a space segment.
#[derive(Debug)]
pub(crate) struct SpaceLayout {
    /// The section table.
    pub(crate) sections: Sections,
    /// The counts.
    pub(crate) shape: Shape,
    items: Range<usize>,
    vectors: Range<usize>,
    first_slots: Range<usize>,
    slot_nodes: Range<usize>,
    slot_order: Range<usize>,
    item_order: Range<usize>,
    gone: Range<usize>,
    code_book: Option<CodeBook>,
    codes: Range<usize>,
    index: IndexLayout,
}

/// The ranges of the arrays of an index.
#[derive(Debug)]
enum IndexLayout {
    Graph(GraphLayout),
    Partitions(Box<PartitionLayout>),
}

/// The ranges of the arrays of a graph.
#[derive(Debug)]
struct GraphLayout {
    base_links: Range<usize>,
    base_stride: usize,
    entry: u32,
    layers: Vec<LayerRanges>,
}

#[derive(Debug)]
struct LayerRanges {
    nodes: Range<usize>,
    down: Range<usize>,
    links: Range<usize>,
    stride: usize,
}

/// A map from items to item slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotFinder<'a> {
    items: &'a [u32],
    slots: &'a [u32],
}

impl SlotFinder<'_> {
    /// Hints to the processor that an item will soon be looked for.
    #[inline]
    pub(crate) fn prefetch(&self, item: ItemNo) {
        if let Some(at) = guess_dense(self.items, item.0) {
            prefetch(self.items.get(at..=at).unwrap_or_default());
            prefetch(self.slots.get(at..=at).unwrap_or_default());
        }
    }

    /// The slot of an item.
    #[inline]
    pub(crate) fn find(&self, item: ItemNo) -> Option<u32> {
        let at = search_dense(self.items, item.0)?;
        let slot = *self.slots.get(at)?;
        ((slot as usize) < self.items.len()).then_some(slot)
    }
}

impl SpaceLayout {
    /// Reads table and shape and checks the length of every array. The arrays are not read.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let sections = Sections::decode(bytes, Kind::Space)?;
        let shape: Shape = sections.unpack(bytes, SHAPE, "shape")?;
        if shape.dimension == 0 || shape.dimension > MAX_DIMENSION {
            return Err(FormatError::bad("shape", "dimension is out of range"));
        }
        if shape.items < shape.nodes || (shape.nodes == 0 && shape.items > 0) {
            return Err(FormatError::bad("shape", "has fewer items than nodes"));
        }
        let (nodes, items) = (u64::from(shape.nodes), u64::from(shape.items));
        let (nodes_folded, items_folded) = match items > nodes {
            true => (nodes + 1, items),
            false => (0, 0),
        };
        let code_book = code_book(bytes, &sections, shape.dimension as usize)?;
        let stride = match code_book {
            Some(_) => code_stride(shape.dimension as usize) as u64,
            None => 0,
        };
        let components = nodes * u64::from(shape.dimension);
        let vectors = match shape.storage {
            Storage::Full => array_range::<f32>(&sections, VECTORS, "vectors", components)?,
            Storage::Half => array_range::<u16>(&sections, VECTORS, "vectors", components)?,
        };
        let no_graph = GraphShape {
            base_stride: 0,
            entry: 0,
            layers: Vec::new(),
        };
        let index = match &shape.index {
            IndexShape::Graph(graph) => {
                PartitionLayout::check_absent(&sections)?;
                IndexLayout::Graph(GraphLayout::new(&sections, graph, nodes)?)
            }
            IndexShape::Partitions => {
                GraphLayout::new(&sections, &no_graph, nodes)?;
                let dimension = shape.dimension as usize;
                let layout = PartitionLayout::decode(bytes, &sections, dimension)?;
                IndexLayout::Partitions(Box::new(layout))
            }
        };
        Ok(Self {
            index,
            items: array_range::<u32>(&sections, ITEMS, "node items", items)?,
            vectors,
            first_slots: array_range::<u32>(&sections, FIRST_SLOTS, "first slots", nodes_folded)?,
            slot_nodes: array_range::<u32>(&sections, SLOT_NODES, "slot nodes", items_folded)?,
            slot_order: array_range::<u32>(&sections, SLOT_ORDER, "slot order", items)?,
            item_order: array_range::<u32>(&sections, ITEM_ORDER, "item order", items)?,
            gone: array_range::<u32>(&sections, GONE, "gone items", u64::from(shape.gone))?,
            codes: array_range::<i8>(&sections, CODES, "codes", nodes * stride)?,
            code_book,
            shape,
            sections,
        })
    }

    /// The items of each node.
    pub(crate) fn node_items<'a>(&self, bytes: &'a [u8]) -> NodeItems<'a> {
        NodeItems {
            nodes: self.shape.nodes,
            items: array(bytes, &self.items),
            firsts: array(bytes, &self.first_slots),
            slot_nodes: array(bytes, &self.slot_nodes),
        }
    }

    /// The gone items: deleted items that older segments hold.
    pub(crate) fn gone<'a>(&self, bytes: &'a [u8]) -> &'a [u32] {
        array(bytes, &self.gone)
    }

    /// The vectors, a row per node.
    pub(crate) fn rows<'a>(&self, bytes: &'a [u8]) -> StoredRows<'a> {
        let dimension = self.shape.dimension as usize;
        match self.shape.storage {
            Storage::Full => StoredRows::Full(Rows::new(array(bytes, &self.vectors), dimension)),
            Storage::Half => StoredRows::Half(Rows::new(array(bytes, &self.vectors), dimension)),
        }
    }

    /// The codes of the vectors; `None` if there is no code book.
    pub(crate) fn codes<'a>(&'a self, bytes: &'a [u8]) -> Option<Codes<'a>> {
        let book = self.code_book.as_ref()?;
        Some(Codes::new(book, array(bytes, &self.codes)))
    }

    /// The vectors and codes that a search reads.
    pub(crate) fn node_vectors<'a>(&'a self, bytes: &'a [u8]) -> NodeVectors<'a> {
        NodeVectors {
            metric: self.shape.metric,
            rows: self.rows(bytes),
            codes: self.codes(bytes),
            paged: None,
        }
    }

    /// Where the vectors lie in the file.
    pub(crate) fn vectors(&self) -> Range<usize> {
        self.vectors.clone()
    }

    /// The map from items to item slots.
    pub(crate) fn finder<'a>(&self, bytes: &'a [u8]) -> SlotFinder<'a> {
        SlotFinder {
            items: array(bytes, &self.item_order),
            slots: array(bytes, &self.slot_order),
        }
    }

    /// The slot of an item.
    pub(crate) fn find_item(&self, bytes: &[u8], item: ItemNo) -> Option<u32> {
        self.finder(bytes).find(item)
    }

    /// Whether an item has a node.
    fn holds(&self, bytes: &[u8], item: u32) -> bool {
        self.find_item(bytes, ItemNo(item)).is_some()
    }

    /// The kind of index.
    pub(crate) fn index_kind(&self) -> IndexKind {
        match self.index {
            IndexLayout::Graph(_) => IndexKind::Graph,
            IndexLayout::Partitions(_) => IndexKind::Partitions,
        }
    }

    /// The index, read in place.
    pub(crate) fn index<'a>(&'a self, bytes: &'a [u8]) -> Result<Index<'a>, FormatError> {
        match &self.index {
            IndexLayout::Graph(graph) => Ok(Index::Graph(graph.view(bytes, self.shape.nodes)?)),
            IndexLayout::Partitions(partitions) => Ok(Index::Partitions(partitions.view(bytes)?)),
        }
    }

    /// Problems with the index, as a section and what is wrong with it.
    fn check_index(&self, bytes: &[u8]) -> Vec<FormatError> {
        let (section, problems) = match self.index(bytes) {
            Ok(Index::Graph(graph)) => ("base links", graph.check()),
            Ok(Index::Partitions(partitions)) => {
                ("leaves", partitions.check(&self.node_vectors(bytes)))
            }
            Err(problem) => return vec![problem],
        };
        let problems = problems.into_iter();
        problems
            .map(|what| FormatError::bad(section, what))
            .collect()
    }

    /// Problems with the index, the vectors, the codes and the tables of items.
    pub(crate) fn check(&self, bytes: &[u8]) -> Vec<FormatError> {
        let mut problems = self.check_index(bytes);
        if !self.rows(bytes).is_finite() {
            problems.push(FormatError::bad(
                "vectors",
                "a component is not a finite number",
            ));
        }
        if let Some(codes) = self.codes(bytes)
            && let Some(node) = codes.first_mismatch(self.rows(bytes))
        {
            let what = format!("the codes of node {node} differ from its vector");
            problems.push(FormatError::bad("codes", what));
        }
        let items = self.node_items(bytes);
        if let Some(problem) = items.first_problem() {
            problems.push(FormatError::bad("first slots", problem));
        }
        if let Some((a, b)) = self.rows(bytes).first_equal() {
            let what = format!("nodes {a} and {b} have equal vectors");
            problems.push(FormatError::bad("vectors", what));
        }
        let order = array::<u32>(bytes, &self.slot_order).iter();
        let sorted = array::<u32>(bytes, &self.item_order);
        let ordered = order.map(|slot| items.item(*slot));
        if !ordered.eq(sorted.iter().copied().map(Some)) || !sorted.is_sorted_by(|a, b| a < b) {
            problems.push(FormatError::bad(
                "slot order",
                "is not sorted by unique items, or differs from item order",
            ));
        }
        let gone = self.gone(bytes);
        if !gone.is_sorted_by(|a, b| a < b) || gone.iter().any(|item| self.holds(bytes, *item)) {
            problems.push(FormatError::bad(
                "gone items",
                "are not unique and sorted, or have vectors here",
            ));
        }
        problems
    }
}

impl GraphLayout {
    /// Checks the length of every array of a graph.
    fn new(sections: &Sections, shape: &GraphShape, nodes: u64) -> Result<Self, FormatError> {
        if shape.layers.len() > MAX_LAYERS {
            return Err(FormatError::bad(
                "shape",
                "number of layers is out of range",
            ));
        }
        let members: u64 = shape.layers.iter().map(|l| u64::from(l.members)).sum();
        let slots: u64 = shape
            .layers
            .iter()
            .map(|l| u64::from(l.members) * u64::from(l.stride))
            .fold(0, u64::saturating_add);
        let links = nodes * u64::from(shape.base_stride);
        let base_links = array_range::<u32>(sections, BASE_LINKS, "base links", links)?;
        let upper_nodes = array_range::<u32>(sections, UPPER_NODES, "upper nodes", members)?;
        let upper_down = array_range::<u32>(sections, UPPER_DOWN, "upper down", members)?;
        let upper_links = array_range::<u32>(sections, UPPER_LINKS, "upper links", slots)?;
        let (mut member, mut slot) = (0, 0);
        let layers = shape.layers.iter().map(|layer| {
            let (count, width) = (
                layer.members as usize,
                layer.members as usize * layer.stride as usize,
            );
            let part = |range: &Range<usize>, at: usize, count: usize| {
                range.start + 4 * at..range.start + 4 * (at + count)
            };
            let ranges = LayerRanges {
                nodes: part(&upper_nodes, member, count),
                down: part(&upper_down, member, count),
                links: part(&upper_links, slot, width),
                stride: layer.stride as usize,
            };
            member += count;
            slot += width;
            ranges
        });
        Ok(Self {
            layers: layers.collect(),
            base_links,
            base_stride: shape.base_stride as usize,
            entry: shape.entry,
        })
    }

    /// The graph, read in place.
    fn view<'a>(&self, bytes: &'a [u8], nodes: u32) -> Result<Graph<&'a [u32]>, FormatError> {
        let layers = self.layers.iter().map(|layer| Layer {
            nodes: array(bytes, &layer.nodes),
            down: array(bytes, &layer.down),
            links: array(bytes, &layer.links),
            stride: layer.stride,
        });
        let base = array(bytes, &self.base_links);
        Graph::from_parts(nodes, base, self.base_stride, layers, self.entry)
            .map_err(|error| FormatError::bad("shape", error))
    }
}

/// Reads and checks the code book.
fn code_book(
    bytes: &[u8],
    sections: &Sections,
    dimension: usize,
) -> Result<Option<CodeBook>, FormatError> {
    match sections.unpack(bytes, CODE_BOOK, "code book")? {
        CodeKind::Bytes(book) if book.centre.len() != dimension || !book.is_sound() => {
            let what = "has another dimension, or numbers that are not finite";
            Err(FormatError::bad("code book", what))
        }
        CodeKind::Bytes(book) => Ok(Some(book)),
        CodeKind::None => Ok(None),
    }
}
