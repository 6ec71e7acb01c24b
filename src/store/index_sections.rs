//! The sections of the index in a space segment. Those of the other kind are written empty.

use super::error::StoreError;
use super::segment::SegmentWriter;
use crate::format::FormatError;
use crate::format::partitions::{
    CENTROID_HALVES, CENTROID_TILES, CENTROIDS, CODEWORDS, FIRST_BLOCKS, FIRST_NODES, LEAF_CODES,
    LEAF_RADII, LEAF_SPREADS, PARTITION_BOOK, ROTATION,
};
use crate::format::space::{
    BASE_LINKS, GraphShape, IndexShape, LayerShape, UPPER_DOWN, UPPER_LINKS, UPPER_NODES,
};
use crate::graph::Graph;
use crate::index::OwnedIndex;
use bytemuck::cast_slice;
use twinspire_core::wire::pack;

/// What the shape of a segment says of its index.
pub(super) fn index_shape(index: &OwnedIndex) -> IndexShape {
    let graph = match index {
        OwnedIndex::Graph(graph) => graph,
        OwnedIndex::Partitions(_) => return IndexShape::Partitions,
    };
    let layers = graph.layers().iter().map(|layer| LayerShape {
        members: layer.nodes.len() as u32,
        stride: layer.stride as u32,
    });
    IndexShape::Graph(GraphShape {
        base_stride: graph.base_stride() as u32,
        entry: graph.entry(),
        layers: layers.collect(),
    })
}

/// Writes the sections of a graph.
pub(super) fn write_graph(
    segment: &mut SegmentWriter,
    index: &OwnedIndex,
) -> Result<(), StoreError> {
    let graph = match index {
        OwnedIndex::Graph(graph) => Some(graph),
        OwnedIndex::Partitions(_) => None,
    };
    let layers = || graph.into_iter().flat_map(Graph::layers);
    let base = graph.map(Graph::base).unwrap_or_default();
    segment.section(BASE_LINKS, cast_slice(base))?;
    segment.start_section(UPPER_NODES)?;
    for layer in layers() {
        segment.append(cast_slice(&layer.nodes))?;
    }
    segment.start_section(UPPER_DOWN)?;
    for layer in layers() {
        segment.append(cast_slice(&layer.down))?;
    }
    segment.start_section(UPPER_LINKS)?;
    for layer in layers() {
        segment.append(cast_slice(&layer.links))?;
    }
    Ok(())
}

/// Writes the sections of partitions.
pub(super) fn write_partitions(
    segment: &mut SegmentWriter,
    index: &OwnedIndex,
) -> Result<(), StoreError> {
    let OwnedIndex::Partitions(partitions) = index else {
        for section in PARTITION_BOOK..=LEAF_SPREADS {
            segment.section(section, &[])?;
        }
        return Ok(());
    };
    let book = pack(&partitions.book).map_err(|error| {
        let wrong = StoreError::format(segment.path());
        wrong(FormatError::bad("partition book", error))
    })?;
    segment.section(PARTITION_BOOK, &book)?;
    let arrays = &partitions.arrays;
    segment.section(ROTATION, cast_slice(&arrays.matrix))?;
    segment.section(CODEWORDS, cast_slice(&arrays.words))?;
    segment.section(CENTROIDS, cast_slice(&arrays.centroids))?;
    segment.section(CENTROID_HALVES, cast_slice(&arrays.halves))?;
    segment.section(LEAF_RADII, cast_slice(&arrays.radii))?;
    segment.section(FIRST_NODES, cast_slice(&arrays.first_nodes))?;
    segment.section(FIRST_BLOCKS, cast_slice(&arrays.first_blocks))?;
    segment.section(CENTROID_TILES, &arrays.tiles)?;
    segment.section(LEAF_CODES, &arrays.codes)?;
    segment.section(LEAF_SPREADS, cast_slice(&arrays.spreads))
}
