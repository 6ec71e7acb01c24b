//! The map of a space's active generation, once it is there.

use super::build::Map;
use crate::api::job::{Job, Status};
use crate::api::problem::Problem;
use crate::api::state::State;
use std::sync::Arc;

/// The job of a space's map: the one of the active generation, or a new one.
pub fn job(state: &State, space: &str) -> Result<Arc<Job<Map>>, Problem> {
    let generation = state.database().pin().active_generation(space)?;
    let mut maps = state.maps()?;
    if let Some((of, job)) = maps.get(space)
        && *of == generation
        && !job.has_failed()
    {
        return Ok(Arc::clone(job));
    }
    let (database, name) = (state.shared(), space.to_owned());
    let job = Job::start(move |progress| Map::build(database.current(), &name, progress))?;
    maps.insert(space.to_owned(), (generation, Arc::clone(&job)));
    Ok(job)
}

/// The map of a space.
pub fn ready(state: &State, space: &str) -> Result<Arc<Map>, Problem> {
    match job(state, space)?.status()? {
        Status::Done(map) => Ok(map),
        Status::Working(_) => Err(Problem::bad_request("the map is not ready yet")),
    }
}
