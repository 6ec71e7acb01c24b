//! Vector kernels: how two vectors are compared, and what makes one fit to be stored.
//!
//! - [`Metric`] and [`Scorer`]: scores. A larger score is better under every metric. Cosine works on rows
//!   that were normalised by `prepare`, so it is an inner product.
//! - [`Level`]: the instruction set, detected once, with one method per kernel. `scalar` holds the reference
//!   of every kernel, written to be read; `avx2`, `avx512` and `neon` hold the vector versions.
//! - Components come in four bytes (`f32`), in two (binary16 in `half` and [`Storage`], bfloat16 in `bf16`)
//!   or as quantised codes of one byte ([`CodeQuery`]).
//! - `code_tiles`: inner products with many rows of codes, 16 side by side.
//! - `fast_scan`: scores of 32 vectors at once, from codes of four bits.
//! - `multiply` and `tile`: matrix products for dense layers, over [`Weights`] of any precision.
//! - [`Aligned`]: a buffer that starts on a cache line.
//!
//! Out of scope: how vectors are quantised to codes, and how rows are laid out.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bf16;
mod code_layout;
mod code_tiles;
mod codes;
mod fast_scan;
mod half;
mod level;
mod metric;
mod multiply;
#[cfg(target_arch = "aarch64")]
mod neon;
mod prefetch;
mod prepare;
mod scalar;
mod score;
mod stored;
#[cfg(test)]
mod tests;
mod tile;
mod weights;

pub use aligned::Aligned;
pub use code_layout::{
    BlockSums, FAST_SCAN_BLOCK, FAST_SCAN_STEP, MAX_SUBSPACES, MAX_TILE_CODE, TILE_ROWS,
    tile_bytes, tile_place,
};
pub use codes::{CodeBatch, CodeQuery, CodeRows, ScoreScale};
pub use level::Level;
pub use metric::Metric;
pub use prefetch::prefetch;
pub use prepare::{MAX_DIMENSION, VectorError, prepare};
pub use score::Scorer;
pub use stored::{Row, Storage, Vector};
pub use weights::Weights;
