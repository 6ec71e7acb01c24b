//! Moves the points of a plane until neighbours lie near each other.

use super::graph::Edge;
use crate::api::map::random::Random;
use crate::api::problem::Problem;

/// A constant seed makes layouts deterministic.
pub const SEED: u64 = 0x7417_5917_e000_0001;
/// Epochs of a small and of a large graph.
const EPOCHS: [usize; 2] = [500, 200];
/// A graph of more points is large.
const LARGE: usize = 10_000;
/// Negative samples: points drawn at random that repel each end of a sampled edge.
const NEGATIVE_SAMPLES: usize = 4;
/// Root mean square of the coordinates at the start.
const START_SCALE: f32 = 4.0;
/// Largest absolute coordinate at the start.
const START_BOUND: f32 = 12.0;
/// Largest step of a coordinate.
const MAX_STEP: f32 = 4.0;

/// The number of epochs for a number of points.
pub fn epochs(points: usize) -> usize {
    let [small, large] = EPOCHS;
    if points > LARGE { large } else { small }
}

/// Moves points, given as x and y of each, along edges. `each` is called before every epoch with its number; an error
/// from it ends the work.
pub fn lay_out(
    points: &[f32],
    edges: &[Edge],
    seed: u64,
    mut each: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Vec<f32>, Problem> {
    let mut random = Random(seed);
    let mut places = start(points, &mut random);
    let epochs = epochs(places.len());
    let strongest = edges.iter().map(|edge| edge.weight).fold(0.0, f32::max);
    // An edge of half the weight is sampled half as often. Edges whose period exceeds the epochs are left out.
    let mut due: Vec<(Edge, f32, f32)> = edges
        .iter()
        .map(|edge| (*edge, strongest / edge.weight.max(f32::MIN_POSITIVE), 0.0))
        .filter(|(_, period, _)| *period <= epochs as f32)
        .map(|(edge, period, _)| (edge, period, period))
        .collect();
    for epoch in 0..epochs {
        each(epoch)?;
        let rate = 1.0 - epoch as f32 / epochs as f32;
        for (edge, period, next) in &mut due {
            if *next > (epoch + 1) as f32 {
                continue;
            }
            *next += *period;
            let [one, other] = edge.points.map(|point| point as usize);
            let pull = step(difference(&places, one, other), |square| {
                -2.0 / (1.0 + square)
            });
            shift(&mut places, one, pull, rate);
            shift(&mut places, other, pull, -rate);
            for end in [one, other] {
                for _ in 0..NEGATIVE_SAMPLES {
                    let third = random.below(places.len());
                    if third == end {
                        continue;
                    }
                    let push = step(difference(&places, end, third), |square| {
                        2.0 / ((1e-3 + square) * (1.0 + square))
                    });
                    shift(&mut places, end, push, rate);
                }
            }
        }
    }
    Ok(places.into_iter().flatten().collect())
}

/// The points centred and scaled to the kernel. A small random offset separates equal points.
fn start(points: &[f32], random: &mut Random) -> Vec<[f32; 2]> {
    let (pairs, _) = points.as_chunks::<2>();
    let count = pairs.len().max(1) as f64;
    let mean = [0, 1].map(|axis| {
        let along = pairs.iter().map(|pair: &[f32; 2]| f64::from(pair[axis]));
        (along.sum::<f64>() / count) as f32
    });
    let squares = pairs.iter().flatten().zip(mean.iter().cycle());
    let squares = squares.map(|(one, mean)| f64::from(one - mean).powi(2));
    let spread = (squares.sum::<f64>() / count).sqrt() as f32;
    let scale = if spread > 0.0 {
        START_SCALE / spread
    } else {
        0.0
    };
    let places = pairs.iter().map(|pair| {
        let mut place = [0.0; 2];
        for ((place, one), mean) in place.iter_mut().zip(pair).zip(mean) {
            let scaled = (one - mean) * scale;
            *place = scaled.clamp(-START_BOUND, START_BOUND) + 0.05 * random.signed();
        }
        place
    });
    places.collect()
}

fn difference(places: &[[f32; 2]], one: usize, other: usize) -> [f32; 2] {
    match (places.get(one), places.get(other)) {
        (Some([x, y]), Some([other_x, other_y])) => [x - other_x, y - other_y],
        _ => [0.0; 2],
    }
}

/// A difference times a strength that depends on its squared length, within bounds.
fn step([x, y]: [f32; 2], strength: impl Fn(f32) -> f32) -> [f32; 2] {
    let factor = strength(x * x + y * y);
    [x, y].map(|one| (factor * one).clamp(-MAX_STEP, MAX_STEP))
}

fn shift(places: &mut [[f32; 2]], at: usize, [x, y]: [f32; 2], rate: f32) {
    if let Some([place_x, place_y]) = places.get_mut(at) {
        *place_x += rate * x;
        *place_y += rate * y;
    }
}
