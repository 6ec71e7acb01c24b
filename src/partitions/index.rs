//! The arrays of partitions.

use super::codebooks::{Entries, WORDS};
use super::rotation::{Rotation, RotationShape};
use bincode::{Decode, Encode};
use std::ops::Range;
use twinspire_core::kernel::{FAST_SCAN_BLOCK, FAST_SCAN_STEP, TILE_ROWS, tile_bytes};

/// The numbers that say how the arrays of partitions are read.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct PartitionBook {
    /// Number of leaves.
    pub(crate) leaves: u32,
    /// Number of blocks of codes, of all leaves together.
    pub(crate) blocks: u32,
    /// The rotation without its matrices.
    pub(crate) rotation: RotationShape,
    /// What the middle code of a centroid stands for, by component.
    pub(crate) tile_mean: Vec<f32>,
    /// One step of the codes of centroids.
    pub(crate) tile_scale: f32,
}

/// Partitions: the book, and its arrays over any storage of numbers (`F`, `U`) and bytes (`B`).
#[derive(Clone, Debug)]
pub(crate) struct PartitionArrays<F, U, B> {
    /// The matrices of the rotation.
    pub(crate) matrix: F,
    /// For each place of a rotated vector, that component of the 16 words of its subspace.
    pub(crate) words: F,
    /// The rotated centroids, row-major.
    pub(crate) centroids: F,
    /// Half the squared length of each centroid.
    pub(crate) halves: F,
    /// Distance of each centroid from the farthest node of its leaf.
    pub(crate) radii: F,
    /// Spread of each leaf: the root of the mean squared distance of its nodes from the centroid. Words are
    /// multiples of it.
    pub(crate) spreads: F,
    /// The first node of each leaf, and the number of nodes.
    pub(crate) first_nodes: U,
    /// The first block of each leaf, and the number of blocks. Each leaf starts a block.
    pub(crate) first_blocks: U,
    /// The codes of the centroids.
    pub(crate) tiles: B,
    /// The blocks of codes, leaf after leaf.
    pub(crate) codes: B,
}

/// Partitions that were just built.
#[derive(Clone, Debug)]
pub(crate) struct OwnedPartitions {
    /// How the arrays are read.
    pub(crate) book: PartitionBook,
    /// The arrays.
    pub(crate) arrays: PartitionArrays<Vec<f32>, Vec<u32>, Vec<u8>>,
}

/// A view of partitions, wherever they are stored. The arrays have the lengths that match the book. Nothing
/// else is guaranteed: numbers in arrays from a file may be out of range, and are checked when they are used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partitions<'a> {
    pub(super) book: &'a PartitionBook,
    pub(super) arrays: PartitionArrays<&'a [f32], &'a [u32], &'a [u8]>,
    /// The node at each place, if leaves and codes are those of [some nodes](super::Selection) only. Otherwise nodes
    /// are places.
    pub(super) selected: Option<&'a [u32]>,
}

impl<F: Copy, U: Copy, B: Copy> Copy for PartitionArrays<F, U, B> {}

impl PartitionBook {
    /// Whether partitions of vectors of this dimension can have this book. Its numbers come from files.
    pub(crate) fn is_sound(&self, dimension: usize) -> bool {
        let is_finite = |x: &f32| x.is_finite();
        self.rotation.is_sound(dimension)
            && self.tile_mean.len() == dimension
            && self.tile_mean.iter().all(is_finite)
            && self.tile_scale.is_normal()
            && self.tile_scale > 0.0
    }

    /// The lengths of the arrays, in elements. The book is [sound](Self::is_sound).
    pub(crate) fn lengths(&self) -> PartitionArrays<u64, u64, u64> {
        let (leaves, dimension) = (u64::from(self.leaves), self.tile_mean.len());
        PartitionArrays {
            matrix: self.rotation.matrix_len(),
            words: (dimension * WORDS) as u64,
            centroids: leaves * dimension as u64,
            halves: leaves,
            radii: leaves,
            spreads: leaves,
            first_nodes: leaves + 1,
            first_blocks: leaves + 1,
            tiles: leaves.div_ceil(TILE_ROWS as u64) * tile_bytes(dimension) as u64,
            codes: u64::from(self.blocks) * self.block_bytes() as u64,
        }
    }

    /// Bytes of a block of codes.
    pub(super) fn block_bytes(&self) -> usize {
        self.rotation.subspaces() * FAST_SCAN_STEP
    }
}

#[cfg(test)]
impl OwnedPartitions {
    /// A view of them.
    pub(crate) fn view(&self) -> Partitions<'_> {
        let arrays = &self.arrays;
        Partitions {
            book: &self.book,
            arrays: PartitionArrays {
                matrix: &arrays.matrix,
                words: &arrays.words,
                centroids: &arrays.centroids,
                halves: &arrays.halves,
                radii: &arrays.radii,
                spreads: &arrays.spreads,
                first_nodes: &arrays.first_nodes,
                first_blocks: &arrays.first_blocks,
                tiles: &arrays.tiles,
                codes: &arrays.codes,
            },
            selected: None,
        }
    }
}

impl<'a> Partitions<'a> {
    /// Partitions of a [sound](PartitionBook::is_sound) book. `None` if the arrays do not have its
    /// [lengths](PartitionBook::lengths).
    pub(crate) fn from_parts(
        book: &'a PartitionBook,
        arrays: PartitionArrays<&'a [f32], &'a [u32], &'a [u8]>,
    ) -> Option<Self> {
        let lengths = book.lengths();
        let fits = [
            (arrays.matrix.len(), lengths.matrix),
            (arrays.words.len(), lengths.words),
            (arrays.centroids.len(), lengths.centroids),
            (arrays.halves.len(), lengths.halves),
            (arrays.radii.len(), lengths.radii),
            (arrays.spreads.len(), lengths.spreads),
            (arrays.first_nodes.len(), lengths.first_nodes),
            (arrays.first_blocks.len(), lengths.first_blocks),
            (arrays.tiles.len(), lengths.tiles),
            (arrays.codes.len(), lengths.codes),
        ];
        let fits = fits.iter().all(|(len, length)| *len as u64 == *length);
        fits.then_some(Self {
            book,
            arrays,
            selected: None,
        })
    }

    /// Number of leaves.
    pub(crate) fn leaves(&self) -> usize {
        self.book.leaves as usize
    }

    /// Components of a vector.
    pub(crate) fn dimension(&self) -> usize {
        self.book.tile_mean.len()
    }

    pub(super) fn rotation(&self) -> Rotation<'a> {
        Rotation {
            shape: &self.book.rotation,
            matrix: self.arrays.matrix,
        }
    }

    /// The words of the subspaces, by place.
    pub(super) fn words(&self) -> &'a [Entries] {
        self.arrays.words.as_chunks().0
    }

    /// The centroid of a leaf that is in range.
    pub(super) fn centroid(&self, leaf: usize) -> &'a [f32] {
        let dimension = self.dimension();
        &self.arrays.centroids[leaf * dimension..][..dimension]
    }

    /// The nodes of a leaf, or the places of its selected nodes; none for a leaf out of range. A leaf of a damaged file has no more nodes than codes.
    #[inline]
    pub(super) fn nodes(&self, leaf: usize) -> Range<u32> {
        match self.arrays.first_nodes.get(leaf..leaf + 2) {
            Some([from, to]) => {
                let blocks = self.leaf_codes(leaf).len() / self.book.block_bytes().max(1);
                let most = (blocks * FAST_SCAN_BLOCK) as u32;
                *from..(*to).min(from.saturating_add(most))
            }
            _ => 0..0,
        }
    }

    /// The node at a place of [`nodes`](Self::nodes); `None` out of range.
    #[inline]
    pub(super) fn node_at(&self, place: u32) -> Option<u32> {
        match self.selected {
            None => Some(place),
            Some(nodes) => nodes.get(place as usize).copied(),
        }
    }

    /// The leaf of a node; `None` out of range.
    pub(crate) fn leaf_of(&self, node: u32) -> Option<u32> {
        let after = self
            .arrays
            .first_nodes
            .partition_point(|first| *first <= node);
        let leaf = after.checked_sub(1)?;
        (leaf < self.leaves()).then_some(leaf as u32)
    }

    /// The blocks of codes of a leaf; none for a leaf out of range.
    #[inline]
    pub(super) fn leaf_codes(&self, leaf: usize) -> &'a [u8] {
        match self.arrays.first_blocks.get(leaf..leaf + 2) {
            Some([from, to]) => {
                let bytes = self.book.block_bytes();
                let range = *from as usize * bytes..*to as usize * bytes;
                self.arrays.codes.get(range).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// The code of each subspace of the node at a place of a leaf; `None` out of range.
    pub(super) fn codes_at(&self, leaf: usize, place: usize) -> Option<impl Iterator<Item = u8>> {
        let (block, lane) = (place / FAST_SCAN_BLOCK, place % FAST_SCAN_BLOCK);
        let bytes = self.book.block_bytes();
        let block = self
            .leaf_codes(leaf)
            .get(block * bytes..(block + 1) * bytes)?;
        let steps = block.as_chunks::<FAST_SCAN_STEP>().0.iter();
        Some(
            steps.map(move |step| match lane.checked_sub(FAST_SCAN_STEP) {
                None => step[lane] & 15,
                Some(lane) => step[lane] >> 4,
            }),
        )
    }
}

/// The first block of each leaf that starts at these nodes, and the number of blocks.
pub(super) fn first_blocks(first_nodes: &[u32]) -> Vec<u32> {
    let mut first = vec![0];
    for pair in first_nodes.windows(2) {
        let before = first.last().copied().unwrap_or_default();
        first.push(before + blocks(pair[1].saturating_sub(pair[0])) as u32);
    }
    first
}

/// Blocks that a leaf of this many nodes takes.
pub(super) fn blocks(nodes: u32) -> usize {
    (nodes as usize).div_ceil(FAST_SCAN_BLOCK)
}
