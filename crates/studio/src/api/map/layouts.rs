//! Layouts by neighbours: started, watched and cancelled from the page.

use super::bounds::bounds;
use super::neighbours::{FOUND, Layout};
use super::ready::ready;
use crate::api::job::{Job, Status};
use crate::api::problem::Problem;
use crate::api::state::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The space whose layout is meant.
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
        /// Number of nearest neighbours that the shares are of.
        compared: usize,
        /// The share of the nearest neighbours in the space that are nearest in the plane too.
        kept: f64,
        /// The same share of the principal components.
        kept_by_components: f64,
        /// Time of the search for neighbours and of the layout, in seconds.
        seconds: [f64; 2],
    },
}

/// What is being done.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Neighbours,
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
            stage: match share < FOUND {
                true => Stage::Neighbours,
                false => Stage::Layout,
            },
        },
        Status::Done(layout) => LayoutView::Ready {
            bounds: bounds(&layout.points),
            compared: layout.compared,
            kept: layout.kept[1],
            kept_by_components: layout.kept[0],
            seconds: layout.seconds,
        },
    })
}

/// Starts the layout of a space, unless there is one. The map must be ready.
pub fn start_layout(state: &State, space: &str) -> Result<LayoutView, Problem> {
    let map = ready(state, space)?;
    // Drops the job of an older generation.
    let is_there = job(state, space)?.is_some_and(|job| !job.has_failed());
    if !is_there {
        let (database, name) = (state.shared(), space.to_owned());
        let generation = map.generation;
        let job =
            Job::start(move |progress| Layout::build(database.current(), &name, &map, progress))?;
        let mut layouts = state.layouts()?;
        if let Some((_, before)) = layouts.insert(space.to_owned(), (generation, job)) {
            before.cancel();
        }
    }
    layout_of(state, space)
}

/// Ends the work on a layout. One that is ready stays.
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

/// The points of a space's layout.
pub fn laid_out(state: &State, space: &str) -> Result<Arc<Layout>, Problem> {
    let job = job(state, space)?;
    match job.map(|job| job.status()).transpose()? {
        Some(Status::Done(layout)) => Ok(layout),
        _ => Err(Problem::bad_request("the layout is not ready yet")),
    }
}

/// The job of a space's layout, if it is of the active generation; another is cancelled.
fn job(state: &State, space: &str) -> Result<Option<Arc<Job<Layout>>>, Problem> {
    let generation = state.database().pin().active_generation(space)?;
    let mut layouts = state.layouts()?;
    if layouts.get(space).is_some_and(|(of, _)| *of != generation)
        && let Some((_, job)) = layouts.remove(space)
    {
        job.cancel();
    }
    Ok(layouts.get(space).map(|(_, job)| Arc::clone(job)))
}
