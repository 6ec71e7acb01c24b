//! How codes lie in memory where many vectors are scored at once.
//!
//! A *block* holds codes of four bits of [`FAST_SCAN_BLOCK`] vectors: 16 bytes per subspace, subspace after
//! subspace. Byte `i` holds the code of vector `i` in its lower half and that of vector `16 + i` in its upper half.
//!
//! A *tile* holds codes of seven bits of [`TILE_ROWS`] rows side by side: 64 bytes for each group of four
//! components, with the four codes of row `r` at byte `4 r`. So 16 sums run in the lanes of a register and are never
//! added up across it.

/// Vectors in a block of codes.
pub const FAST_SCAN_BLOCK: usize = 32;
/// Bytes per subspace, in a block and in a table.
pub const FAST_SCAN_STEP: usize = 16;
/// The largest number of subspaces whose sums fit into 16 bits.
pub const MAX_SUBSPACES: usize = 256;

/// The sums of a block.
pub type BlockSums = [u16; FAST_SCAN_BLOCK];

/// Rows in a tile.
pub const TILE_ROWS: usize = 16;
/// The largest code of a row in a tile.
pub const MAX_TILE_CODE: u8 = 127;
/// Components in a group.
pub(super) const GROUP: usize = 4;
/// Bytes of a group of components in a tile.
pub(super) const GROUP_BYTES: usize = TILE_ROWS * GROUP;

/// Bytes of a tile of rows with this many components.
pub fn tile_bytes(components: usize) -> usize {
    components.div_ceil(GROUP) * GROUP_BYTES
}

/// The place of a component of a row in its tile.
#[inline]
pub fn tile_place(row: usize, component: usize) -> usize {
    component / GROUP * GROUP_BYTES + row % TILE_ROWS * GROUP + component % GROUP
}
