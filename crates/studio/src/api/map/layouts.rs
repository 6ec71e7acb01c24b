//! Layouts by neighbours: started, watched and cancelled from the page.

use super::bounds::bounds;
use super::neighbours::{Layout, SEARCH_SHARE};
use super::ready::ready;
use crate::api::job::{Job, Progress, Status};
use crate::api::problem::Problem;
use crate::api::state::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use twinspire::Database;

/// A request for the layout of a space.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutRequest {
    pub space: String,
}

/// A layout, or how far it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LayoutView {
    /// None was started, or it was cancelled.
    None,
    Working {
        share: f64,
        stage: Stage,
    },
    Ready {
        /// Least x and y, largest x and y.
        bounds: [f32; 4],
        /// Number of nearest neighbours that are compared.
        compared: usize,
        /// Share of the nearest neighbours in the space that are nearest in the layout.
        neighbour_recall: f64,
        /// The same share in the plane of the principal components.
        component_neighbour_recall: f64,
        /// Time of the search for neighbours and of the layout, in seconds.
        seconds: [f64; 2],
    },
}

/// The stage of a layout that is not ready.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Another layout is computed first.
    Waiting,
    /// The search for the neighbours of each item.
    Neighbours,
    /// The movement of the points.
    Layout,
}

/// The layout of a space's active generation.
pub fn layout_of(state: &State, space: &str) -> Result<LayoutView, Problem> {
    let Some(job) = job(state, space)? else {
        return Ok(LayoutView::None);
    };
    Ok(match job.status()? {
        Status::Working(share) => LayoutView::Working {
            share,
            stage: match share < SEARCH_SHARE {
                _ if !job.has_begun() => Stage::Waiting,
                true => Stage::Neighbours,
                false => Stage::Layout,
            },
        },
        Status::Done(layout) => LayoutView::Ready {
            bounds: bounds(&layout.points),
            compared: layout.compared,
            neighbour_recall: layout.neighbour_recall,
            component_neighbour_recall: layout.component_neighbour_recall,
            seconds: layout.seconds,
        },
    })
}

/// Starts the layout of a space, unless there is one. The map must be ready.
pub fn start_layout(state: &State, space: &str) -> Result<LayoutView, Problem> {
    let map = ready(state, space)?;
    let work = move |database: &Database, space: &str, progress: &Progress| {
        Layout::build(database, space, &map, progress)
    };
    state.job_or_start(&mut *state.layouts()?, space, work)?;
    layout_of(state, space)
}

/// Cancels the layout of a space. A finished layout is kept.
pub fn cancel_layout(state: &State, space: &str) -> Result<LayoutView, Problem> {
    let mut layouts = state.layouts()?;
    if layouts.get(space).is_some_and(|(_, job)| job.is_working())
        && let Some((_, job)) = layouts.remove(space)
    {
        job.cancel();
    }
    drop(layouts);
    layout_of(state, space)
}

/// The layout of a space, once it is ready.
pub fn finished_layout(state: &State, space: &str) -> Result<Arc<Layout>, Problem> {
    let job = job(state, space)?;
    match job.map(|job| job.status()).transpose()? {
        Some(Status::Done(layout)) => Ok(layout),
        _ => Err(Problem::bad_request("the layout is not ready yet")),
    }
}

/// The job of the layout of a space's active generation, if one was started.
fn job(state: &State, space: &str) -> Result<Option<Arc<Job<Layout>>>, Problem> {
    state.job_of(&mut *state.layouts()?, space)
}
