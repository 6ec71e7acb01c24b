//! The map: the items of a space as points of a plane, with fields as colours and queries among them.
//!
//! `build` visits the vectors, `pca` finds the plane, `colour` reads a field of all points. A map is made once for each
//! generation, on a thread of its own; the page asks for it until it is there.

mod build;
mod colour;
mod pca;

pub use build::{Map, visit};
pub use colour::{Colours, colours};

use super::asked::{Query, query};
use super::job::{Job, Status};
use super::problem::Problem;
use super::state::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use twinspire::Hit;

/// Number of neighbours of a point.
const NEIGHBOURS: usize = 10;

/// A map, or how far it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum MapView {
    Working {
        share: f64,
    },
    Ready {
        count: usize,
        /// Items of the database; more than `count` if only a part is shown.
        total: u64,
        dimension: usize,
        generation: u64,
        /// The share of the variance along each axis.
        explained: [f32; 2],
        /// Least x and y, largest x and y.
        bounds: [f32; 4],
    },
}

/// An item of a map.
#[derive(Debug, Serialize)]
pub struct PointView {
    pub id: String,
    pub record: Option<Value>,
    pub neighbours: Vec<PlacedHit>,
}

/// A hit with its place on the map; none if it is not on it.
#[derive(Debug, Serialize)]
pub struct PlacedHit {
    pub at: Option<u32>,
    #[serde(flatten)]
    pub hit: Hit,
}

/// A query to show on a map.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapQuery {
    pub space: String,
    pub query: Query,
    pub k: usize,
}

/// A query on a map.
#[derive(Debug, Serialize)]
pub struct PlacedQuery {
    /// Where the query is.
    pub point: [f32; 2],
    pub hits: Vec<PlacedHit>,
}

/// The map of a space, or how far it is; starts it if the active generation has no map yet.
pub fn get(state: &State, space: &str) -> Result<MapView, Problem> {
    match job(state, space)?.status()? {
        Status::Working(share) => Ok(MapView::Working { share }),
        Status::Done(map) => {
            let mut bounds = [
                f32::INFINITY,
                f32::INFINITY,
                f32::NEG_INFINITY,
                f32::NEG_INFINITY,
            ];
            for point in map.points.chunks_exact(2) {
                if let [x, y] = point {
                    let [least_x, least_y, most_x, most_y] = bounds;
                    bounds = [
                        least_x.min(*x),
                        least_y.min(*y),
                        most_x.max(*x),
                        most_y.max(*y),
                    ];
                }
            }
            Ok(MapView::Ready {
                count: map.ids.len(),
                total: map.total,
                dimension: map.dimension,
                generation: map.generation.0,
                explained: map.plane.explained,
                bounds: bounds.map(|bound| if bound.is_finite() { bound } else { 0.0 }),
            })
        }
    }
}

/// x and y of each point, as 32-bit floats in little-endian order.
pub fn points(state: &State, space: &str) -> Result<Vec<u8>, Problem> {
    let map = ready(state, space)?;
    Ok(map
        .points
        .iter()
        .flat_map(|one| one.to_le_bytes())
        .collect())
}

/// A point with its record and its neighbours.
pub fn point(state: &State, space: &str, at: usize) -> Result<PointView, Problem> {
    let (map, database) = (ready(state, space)?, state.database());
    let id = map.ids.get(at);
    let id = id.ok_or_else(|| Problem::not_found(format!("the map has no point {at}")))?;
    let hits = database
        .recall(space)
        .similar(id)
        .records()
        .top(NEIGHBOURS)?;
    Ok(PointView {
        record: database.items().get(id)?,
        neighbours: placed(&map, hits),
        id: id.clone(),
    })
}

/// The values of a field at all points.
pub fn colour(state: &State, space: &str, field: &str) -> Result<Colours, Problem> {
    let map = ready(state, space)?;
    colours(state.database(), &map, field)
}

/// A query among the points.
pub fn place(state: &State, request: &MapQuery) -> Result<PlacedQuery, Problem> {
    let (space, database) = (request.space.as_str(), state.database());
    let map = ready(state, space)?;
    let vector = match &request.query {
        Query::User(user) => {
            let mut embedded = database.embed_user(space, user)?;
            let found = embedded.remove(space);
            found.map(|embedded| embedded.vector).unwrap_or_default()
        }
        Query::Similar(id) => database.vectors(space, [id])?,
        Query::Vector(vector) => vector.clone(),
    };
    let pinned = database.pin();
    let hits = query(&pinned, space, &request.query).records();
    let hits = hits.top(request.k.clamp(1, 1_000))?;
    Ok(PlacedQuery {
        point: map.plane.project(&vector),
        hits: placed(&map, hits),
    })
}

fn placed(map: &Map, hits: impl IntoIterator<Item = Hit>) -> Vec<PlacedHit> {
    let hits = hits.into_iter().map(|hit| PlacedHit {
        at: map.places.get(&hit.id).copied(),
        hit,
    });
    hits.collect()
}

fn ready(state: &State, space: &str) -> Result<Arc<Map>, Problem> {
    match job(state, space)?.status()? {
        Status::Done(map) => Ok(map),
        Status::Working(_) => Err(Problem::bad_request("the map is not ready yet")),
    }
}

/// The job of a space's map: the one of the active generation, or a new one.
fn job(state: &State, space: &str) -> Result<Arc<Job<Map>>, Problem> {
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

#[cfg(test)]
mod tests {
    use super::super::tests::shop;
    use super::*;
    use serde_json::json;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_map_has_points_colours_neighbours_and_queries() {
        let (_dir, state) = shop();
        let since = Instant::now();
        let view = loop {
            match get(&state, "price").unwrap() {
                MapView::Working { .. } => thread::sleep(Duration::from_millis(1)),
                ready @ MapView::Ready { .. } => break ready,
            }
            assert!(since.elapsed() < Duration::from_secs(20));
        };
        let MapView::Ready {
            count,
            total,
            dimension,
            ..
        } = view
        else {
            panic!("the map is ready");
        };
        assert_eq!((count, total, dimension), (3, 3, 1));
        assert_eq!(points(&state, "price").unwrap().len(), 3 * 8);
        let found = point(&state, "price", 0).unwrap();
        assert_eq!(
            (found.id.as_str(), found.neighbours[0].at),
            ("B01", Some(1))
        );
        assert!(point(&state, "price", 3).is_err());
        let Colours::Number { least, most, .. } = colour(&state, "price", "price").unwrap() else {
            panic!("prices are numbers");
        };
        assert_eq!((least, most), (12.5, 30.0));
        let request = json!({"space": "price", "query": {"user": {"price": 29}}, "k": 2});
        let query = place(&state, &serde_json::from_value(request).unwrap()).unwrap();
        assert_eq!(query.hits[0].hit.id, "B03");
        assert!(get(&state, "absent").is_err());
    }
}
