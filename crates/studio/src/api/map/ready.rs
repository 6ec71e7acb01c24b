//! The map of a space's active generation, once it is there.

use super::build::Map;
use crate::api::job::{Job, Status};
use crate::api::problem::Problem;
use crate::api::state::State;
use std::sync::Arc;

/// The job of a space's map. Starts it if there is none.
pub fn job(state: &State, space: &str) -> Result<Arc<Job<Map>>, Problem> {
    state.job_or_start(&mut *state.maps()?, space, Map::build)
}

/// The map of a space.
pub fn ready(state: &State, space: &str) -> Result<Arc<Map>, Problem> {
    match job(state, space)?.status()? {
        Status::Done(map) => Ok(map),
        Status::Working(_) => Err(Problem::bad_request("the map is not ready yet")),
    }
}
