//! A layout of the map in which items lie near their nearest neighbours in the space.
//!
//! `find` asks the space's own index for the neighbours of each item. `graph` turns their scores into weighted edges,
//! as UMAP does. `layout` moves the points: along edges they attract each other, and points drawn at random repel, as in
//! LargeVis. It begins with the principal components and is deterministic. `measure` computes how many neighbours a
//! layout preserves, and `build` runs all of it as a job.
//!
//! # References
//! - J. Tang, J. Liu, M. Zhang, Q. Mei: "Visualizing Large-scale and High-dimensional Data", WWW 2016 (LargeVis): edges
//!   sampled by weight, negative sampling, the kernel 1 / (1 + d²).
//! - L. McInnes, J. Healy, J. Melville: "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
//!   arXiv:1802.03426, 2018: weights relative to the nearest neighbour, their fuzzy union, the schedule of samples.

mod build;
mod find;
mod graph;
mod layout;
mod measure;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub use build::LAYOUT_LOCK;
pub use build::{Layout, SEARCH_SHARE};
pub use graph::memberships;
