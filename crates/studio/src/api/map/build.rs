//! A map of a space: its items as points of a plane.

use super::pca::Plane;
use crate::api::job::Progress;
use crate::api::problem::Problem;
use std::collections::HashMap;
use twinspire::{Database, ExportedItem, GenerationNo};

/// Maximum number of items on a map; of more, a part evenly spread over the database.
pub const MAX_POINTS: usize = 100_000;
/// Vectors that the plane is computed from.
const SAMPLE: usize = 8_000;

/// A map of a space.
pub struct Map {
    pub generation: GenerationNo,
    pub ids: Vec<String>,
    /// The place of each id.
    pub places: HashMap<String, u32>,
    /// x and y of each item.
    pub points: Vec<f32>,
    pub plane: Plane,
    /// Items of the database.
    pub total: u64,
    pub dimension: usize,
}

/// Visits items evenly spread over the database, at most about `count`.
pub fn visit(
    database: &Database,
    space: Option<&str>,
    count: usize,
    mut each: impl FnMut(ExportedItem),
) -> Result<(), Problem> {
    let total = database.items().count()? as usize;
    let step = total.div_ceil(count.max(1)).max(1);
    let mut export = database.export().vectors(space).run()?;
    let mut next = export.next();
    while let Some(item) = next {
        each(item?);
        next = export.nth(step - 1);
    }
    Ok(())
}

impl Map {
    /// The map of a space's active generation.
    pub fn build(database: &Database, space: &str, progress: &Progress) -> Result<Self, Problem> {
        let total = database.items().count()?;
        let sampled = (total as usize).min(SAMPLE) as u64;
        progress.begin(sampled + (total as usize).min(MAX_POINTS) as u64);
        let generation = database.pin().active_generation(space)?;
        let (mut sample, mut dimension) = (Vec::new(), 0);
        visit(database, Some(space), SAMPLE, |mut item| {
            progress.add(1);
            if let Some(vector) = item.vectors.remove(space) {
                dimension = vector.len();
                sample.extend(vector);
            }
        })?;
        let plane = Plane::of(&sample, dimension);
        let (mut ids, mut points) = (Vec::new(), Vec::new());
        visit(database, Some(space), MAX_POINTS, |item| {
            progress.add(1);
            if let (Some(vector), Some(id)) = (item.vectors.get(space), item.record["id"].as_str())
            {
                points.extend(plane.project(vector));
                ids.push(id.to_owned());
            }
        })?;
        let places = ids.iter().zip(0u32..).map(|(id, at)| (id.clone(), at));
        Ok(Self {
            generation,
            places: places.collect(),
            ids,
            points,
            plane,
            total,
            dimension,
        })
    }
}
