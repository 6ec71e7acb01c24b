//! Partitions: an inverted file whose leaves are scanned on codes of four bits.
//!
//! Rows are clustered into *leaves* around *centroids* and kept in leaf order, so a node number is also a
//! place in a leaf. A search scores all centroids, scans the nearest leaves by product-quantised
//! residuals, 32 nodes at a time, and re-ranks the best candidates on one-byte codes and exact vectors,
//! as a search of the graph does. Nothing is walked: memory is read in order, and equal or crowded vectors
//! cost no more than others.
//!
//! - Coarse quantiser: k-means (`kmeans`).
//! - Residuals are rotated to their principal components, which are dealt to *subspaces* of about equal
//!   information (`rotation`; optimised product quantisation, Ge et al., 2013, section 3.2,
//!   <https://ieeexplore.ieee.org/document/6678503>). `eigen` decomposes the covariances.
//! - A subspace has 16 codewords (`codebooks`). Under inner products codes minimise the anisotropic loss,
//!   which weighs the error along the vector more than the error across it (`encoder`; Guo et al., 2020,
//!   <https://arxiv.org/abs/1908.10396>).
//! - `router` scores all centroids for a query.
//! - `index` is the built structure and a view of a stored one; `builder` builds it, `extend`
//!   builds it from another one; `integrity` checks it.
//! - `search` finds the best k, `radius` everything above a score, without missing any. `selection` gathers the codes
//!   of the nodes that pass a filter.
//!
//! [`twinspire_core::kernel::Level::scan_blocks`] documents the layout of the codes.

mod builder;
mod codebooks;
mod eigen;
mod encoder;
mod extend;
mod index;
mod integrity;
mod kmeans;
mod radius;
mod rotation;
mod router;
mod search;
mod selection;
#[cfg(test)]
mod tests;

pub(crate) use builder::{PartitionParams, build};
pub(crate) use extend::{NO_LEAF, extend};
pub(crate) use index::{OwnedPartitions, PartitionArrays, PartitionBook, Partitions};
pub(crate) use radius::search_radius;
pub(crate) use search::{LEAVES_PER_WIDTH, LeafScratch, search};
pub(crate) use selection::Selection;
