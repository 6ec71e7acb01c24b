//! Building a graph: a builder links the rows, then every node is made reachable, and nodes are
//! renumbered so that neighbours lie side by side.

use super::error::GraphError;
use super::graph::Graph;
use super::rows::Rows;
use super::{batches, reference};
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire_core::kernel::Metric;

/// The algorithm that builds a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphBuilder {
    /// Twinspire's own builder: parallel, and deterministic for the same rows.
    #[default]
    Batches,
    /// The crate `instant-distance`, for comparison.
    InstantDistance,
}

/// Builds a graph over `rows`, every node of which a search can reach. Also returns the order of its
/// nodes: `order[node]` is the row it stands for. The caller brings its rows into that order.
///
/// `progress` receives the number of rows inserted and of all rows. Once `cancelled` is set, the build
/// fails.
pub(crate) fn build(
    rows: Rows<'_>,
    metric: Metric,
    builder: GraphBuilder,
    seed: u64,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<(Graph<Vec<u32>>, Vec<u32>), GraphError> {
    let count = rows.count();
    if count == u32::MAX {
        return Err(GraphError::TooManyRows);
    }
    progress(0, u64::from(count));
    let mut graph = match builder {
        GraphBuilder::Batches => batches::build(rows, metric, seed, progress, cancelled)?,
        GraphBuilder::InstantDistance => reference::build(rows, metric, seed, progress, cancelled)?,
    };
    if cancelled.load(Ordering::Relaxed) {
        return Err(GraphError::Cancelled);
    }
    graph.connect_unreachable(rows);
    let order = graph.local_order();
    let graph = graph.renumbered(&order);
    progress(u64::from(count), u64::from(count));
    Ok((graph, order))
}
