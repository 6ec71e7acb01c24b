//! The map: the items of a space as points of a plane, with fields as colours and queries among them.
//!
//! `build` visits the vectors, `pca` finds the plane, `colour` reads a field of all points. A map is made once for each
//! generation, on a thread of its own; the page asks for it until it is there (`ready`). `neighbours` lays its points out
//! by their neighbours, once the page asks for it (`layouts`).

mod bounds;
mod build;
mod colour;
mod layouts;
mod neighbours;
mod pca;
mod random;
mod ready;
#[cfg(test)]
mod tests;

pub use build::{Map, visit};
pub use colour::{Colours, colours};
pub use layouts::{LayoutRequest, cancel_layout, layout_of, start_layout};
pub use neighbours::Layout;

use super::asked::{Query, query};
use super::job::Status;
use super::problem::Problem;
use super::state::State;
use bounds::bounds;
use layouts::finished_layout;
use neighbours::memberships;
use ready::{job, ready};
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
    /// `neighbours`, or empty for the principal components.
    #[serde(default)]
    pub layout: String,
}

/// A query on a map.
#[derive(Debug, Serialize)]
pub struct PlacedQuery {
    /// Place of the query. `None` in a layout by neighbours if no hit is on the map.
    pub point: Option<[f32; 2]>,
    pub hits: Vec<PlacedHit>,
}

/// The map of a space, or how far it is; starts it if the active generation has no map yet.
pub fn get(state: &State, space: &str) -> Result<MapView, Problem> {
    match job(state, space)?.status()? {
        Status::Working(share) => Ok(MapView::Working { share }),
        Status::Done(map) => Ok(MapView::Ready {
            count: map.ids.len(),
            total: map.total,
            dimension: map.dimension,
            generation: map.generation.0,
            explained: map.plane.explained,
            bounds: bounds(&map.points),
        }),
    }
}

/// x and y of each point in a layout, as 32-bit floats in little-endian order.
pub fn points(state: &State, space: &str, layout: &str) -> Result<Vec<u8>, Problem> {
    let bytes = |points: &[f32]| points.iter().flat_map(|one| one.to_le_bytes()).collect();
    Ok(match layout_by_name(state, space, layout)? {
        None => bytes(&ready(state, space)?.points),
        Some(layout) => bytes(&layout.points),
    })
}

/// The finished layout of a name. `None` for the plane of the principal components, which has no name.
fn layout_by_name(state: &State, space: &str, name: &str) -> Result<Option<Arc<Layout>>, Problem> {
    match name {
        "" => Ok(None),
        "neighbours" => finished_layout(state, space).map(Some),
        other => Err(Problem::bad_request(format!(
            "the map has no layout {other:?}; give `neighbours`, or none for the principal components"
        ))),
    }
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
    let layout = layout_by_name(state, space, &request.layout)?;
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
    let hits = placed(&map, hits);
    Ok(PlacedQuery {
        point: match layout {
            None => Some(map.plane.project(&vector)),
            Some(layout) => weighted_centroid(&layout.points, &hits),
        },
        hits,
    })
}

/// The place of a query among its hits: their centroid, weighted by the membership of each. `None` if no hit is on the
/// map.
fn weighted_centroid(points: &[f32], hits: &[PlacedHit]) -> Option<[f32; 2]> {
    let (places, _) = points.as_chunks::<2>();
    let (mut sums, mut all) = ([0.0; 2], 0.0);
    let scores: Vec<f32> = hits.iter().map(|hit| hit.hit.score).collect();
    for (hit, weight) in hits.iter().zip(memberships(&scores)) {
        let Some([x, y]) = hit.at.and_then(|at| places.get(at as usize)) else {
            continue;
        };
        sums = [sums[0] + weight * x, sums[1] + weight * y];
        all += weight;
    }
    (all > 0.0).then(|| sums.map(|sum| sum / all))
}

fn placed(map: &Map, hits: impl IntoIterator<Item = Hit>) -> Vec<PlacedHit> {
    let hits = hits.into_iter().map(|hit| PlacedHit {
        at: map.places.get(&hit.id).copied(),
        hit,
    });
    hits.collect()
}
