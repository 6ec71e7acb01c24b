//! Neighbour recall of a layout: the share of the nearest neighbours in the space that are nearest in the plane.

use super::find::Neighbours;

/// Number of neighbours that are compared.
pub const COMPARED: usize = 10;
/// Number of points that are measured.
const SAMPLE: usize = 400;

/// Mean share of the [`COMPARED`] nearest neighbours in the space that are as near in the layout, over evenly chosen
/// points. 0 without neighbours.
pub fn neighbour_recall(points: &[f32], neighbours: &Neighbours) -> f64 {
    let (places, _) = points.as_chunks::<2>();
    let (mut found, mut all) = (0, 0);
    for at in (0..neighbours.len()).step_by(neighbours.len().div_ceil(SAMPLE).max(1)) {
        let Some([x, y]) = places.get(at) else {
            break;
        };
        let (wanted, _) = neighbours.of(at);
        let wanted = wanted.get(..COMPARED).unwrap_or(wanted);
        let mut near: Vec<(f32, u32)> = places
            .iter()
            .zip(0u32..)
            .filter(|(_, other)| *other as usize != at)
            .map(|([other_x, other_y], other)| {
                ((x - other_x).powi(2) + (y - other_y).powi(2), other)
            })
            .collect();
        if wanted.is_empty() || near.is_empty() {
            continue;
        }
        let last = wanted.len().min(near.len()) - 1;
        near.select_nth_unstable_by(last, |one, other| {
            one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
        });
        all += wanted.len();
        let near = near.iter().take(last + 1);
        found += near.filter(|(_, other)| wanted.contains(other)).count();
    }
    f64::from(found as u32) / f64::from((all as u32).max(1))
}
