//! Layouts of points whose neighbours are known.

use super::find::Neighbours;
use super::graph::edges;
use super::layout::{SEED, lay_out};
use super::measure::neighbour_recall;
use crate::api::map::pca::Plane;
use crate::api::map::random::Random;
use crate::api::problem::Problem;

const DIMENSION: usize = 16;

/// Points around centres, in turn. Deterministic.
fn points(count: usize, centres: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut random = Random(7);
    let points = (0..count).map(|at| {
        let centre = &centres[at % centres.len()];
        centre.iter().map(|one| one + random.signed()).collect()
    });
    points.collect()
}

/// The exact neighbours of each point.
fn neighbours(points: &[Vec<f32>], count: usize) -> Neighbours {
    let mut found = Neighbours::default();
    for (at, point) in points.iter().enumerate() {
        let score = |other: &Vec<f32>| {
            let squares = point
                .iter()
                .zip(other)
                .map(|(one, other)| (one - other).powi(2));
            -squares.sum::<f32>()
        };
        let mut all: Vec<(u32, f32)> = points
            .iter()
            .zip(0u32..)
            .filter(|(_, other)| *other as usize != at)
            .map(|(point, other)| (other, score(point)))
            .collect();
        all.sort_by(|one, other| other.1.total_cmp(&one.1));
        found.push(all.into_iter().take(count));
    }
    found
}

fn components(points: &[Vec<f32>]) -> Vec<f32> {
    let plane = Plane::of(&points.concat(), DIMENSION);
    points
        .iter()
        .flat_map(|point| plane.project(point))
        .collect()
}

#[test]
fn separated_clusters_stay_separated_and_a_seed_gives_one_layout() {
    let centres = [vec![0.0; DIMENSION], vec![30.0; DIMENSION]];
    let points = points(200, &centres);
    let edges = edges(&neighbours(&points, 10));
    let start = components(&points);
    let lay = |seed| lay_out(&start, &edges, seed, |_| Ok(())).unwrap();
    let layout = lay(SEED);
    let place = |at: usize| [layout[2 * at], layout[2 * at + 1]];
    let distance = |one: [f32; 2], other: [f32; 2]| (one[0] - other[0]).hypot(one[1] - other[1]);
    let middle = |first: usize| {
        let sum = (first..200)
            .step_by(2)
            .map(place)
            .fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        sum.map(|sum| sum / 100.0)
    };
    let middles = [middle(0), middle(1)];
    for at in 0..200 {
        let (own, other) = (middles[at % 2], middles[1 - at % 2]);
        assert!(
            distance(place(at), own) * 2.0 < distance(place(at), other),
            "point {at}"
        );
    }
    assert_eq!(layout, lay(SEED));
    assert_ne!(layout, lay(SEED + 1));
}

#[test]
fn a_layout_preserves_more_neighbours_than_principal_components() {
    // Fifteen clusters at the corners of a simplex: no plane separates them.
    let centre = |at: usize| {
        let mut centre = vec![0.0; DIMENSION];
        centre[at] = 6.0;
        centre
    };
    let centres: Vec<Vec<f32>> = (0..15).map(centre).collect();
    let points = points(600, &centres);
    let neighbours = neighbours(&points, 15);
    let start = components(&points);
    let layout = lay_out(&start, &edges(&neighbours), SEED, |_| Ok(())).unwrap();
    let (before, after) = (
        neighbour_recall(&start, &neighbours),
        neighbour_recall(&layout, &neighbours),
    );
    assert!(after > 2.0 * before && after > 0.3, "{before} {after}");
}

#[test]
fn equal_points_a_single_point_and_no_points_have_a_layout() {
    let equal = vec![1.0; 40];
    let mut all = Neighbours::default();
    for at in 0..20u32 {
        all.push(
            (0..20)
                .filter(|other| *other != at)
                .map(|other| (other, 0.0)),
        );
    }
    let layout = lay_out(&equal, &edges(&all), SEED, |_| Ok(())).unwrap();
    assert!(layout.iter().all(|one| one.is_finite()));
    assert!(layout[0..2] != layout[2..4], "equal points part");
    let mut none = Neighbours::default();
    none.push([]);
    assert_eq!(
        lay_out(&[3.0, 4.0], &edges(&none), SEED, |_| Ok(()))
            .unwrap()
            .len(),
        2
    );
    assert_eq!(neighbour_recall(&[3.0, 4.0], &none), 0.0);
    assert!(lay_out(&[], &[], SEED, |_| Ok(())).unwrap().is_empty());
}

#[test]
fn an_error_between_epochs_ends_the_work() {
    let mut epochs = 0;
    let ended = lay_out(&[0.0, 1.0], &[], SEED, |_| {
        epochs += 1;
        match epochs {
            3 => Err(Problem::failed("cancelled")),
            _ => Ok(()),
        }
    });
    assert_eq!(
        (ended.unwrap_err().message.as_str(), epochs),
        ("cancelled", 3)
    );
}
