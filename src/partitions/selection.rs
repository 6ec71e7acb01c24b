//! The codes of the nodes that pass a filter, leaf by leaf.
//!
//! A search under a filter reads the codes of many nodes that do not pass. For a filter that is used again and again, the
//! codes of those that pass are copied side by side once; searches then scan nothing else.

use super::index::{PartitionArrays, Partitions, first_blocks};
use std::mem::size_of_val;
use twinspire_core::kernel::{FAST_SCAN_BLOCK, FAST_SCAN_STEP};

/// Some nodes of partitions, in the same leaves.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The node at each place, increasing.
    nodes: Vec<u32>,
    /// The first place of each leaf, and the number of places.
    first_places: Vec<u32>,
    /// The first block of each leaf, and the number of blocks.
    first_blocks: Vec<u32>,
    /// The blocks of codes, leaf after leaf.
    codes: Vec<u8>,
}

impl Selection {
    /// The most bytes that a selection of `nodes` nodes takes.
    pub(crate) fn most_bytes(partitions: &Partitions<'_>, nodes: usize) -> usize {
        let blocks = nodes.div_ceil(FAST_SCAN_BLOCK) + partitions.leaves().min(nodes);
        let of_leaves = 2 * (partitions.leaves() + 1) * size_of::<u32>();
        blocks * partitions.book.block_bytes() + nodes * size_of::<u32>() + of_leaves
    }

    /// Selects nodes, which increase. Nodes without a code, as a damaged file may have them, are left out.
    pub(crate) fn of(partitions: &Partitions<'_>, nodes: impl Iterator<Item = u32>) -> Self {
        let mut nodes = nodes.peekable();
        let (mut selected, mut first_places, mut places) = (Vec::new(), vec![0], Vec::new());
        for leaf in 0..partitions.leaves() {
            let all = partitions.nodes(leaf);
            while let Some(node) = nodes.next_if(|node| *node < all.end) {
                if let Some(place) = node.checked_sub(all.start) {
                    selected.push(node);
                    places.push(place as usize);
                }
            }
            first_places.push(selected.len() as u32);
        }
        let first_blocks = first_blocks(&first_places);
        let bytes = partitions.book.block_bytes();
        let blocks = first_blocks.last().copied().unwrap_or_default() as usize;
        let mut codes = vec![0; blocks * bytes];
        for leaf in 0..partitions.leaves() {
            let places = &places[first_places[leaf] as usize..first_places[leaf + 1] as usize];
            let blocks = codes[first_blocks[leaf] as usize * bytes..].chunks_exact_mut(bytes);
            for (places, block) in places.chunks(FAST_SCAN_BLOCK).zip(blocks) {
                for (lane, place) in places.iter().enumerate() {
                    let steps = block.as_chunks_mut::<FAST_SCAN_STEP>().0.iter_mut();
                    let codes = partitions.codes_at(leaf, *place);
                    for (step, code) in steps.zip(codes.into_iter().flatten()) {
                        match lane.checked_sub(FAST_SCAN_STEP) {
                            None => step[lane] |= code,
                            Some(lane) => step[lane] |= code << 4,
                        }
                    }
                }
            }
        }
        Self {
            nodes: selected,
            first_places,
            first_blocks,
            codes,
        }
    }

    /// The partitions that it was made of, reduced to the selected nodes.
    pub(crate) fn view<'a>(&'a self, partitions: &Partitions<'a>) -> Partitions<'a> {
        Partitions {
            arrays: PartitionArrays {
                first_nodes: &self.first_places,
                first_blocks: &self.first_blocks,
                codes: &self.codes,
                ..partitions.arrays
            },
            selected: Some(&self.nodes),
            ..*partitions
        }
    }

    /// Size on the heap in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = [&self.nodes, &self.first_places, &self.first_blocks];
        self.codes.len()
            + numbers
                .map(|all| size_of_val(all.as_slice()))
                .iter()
                .sum::<usize>()
    }
}
