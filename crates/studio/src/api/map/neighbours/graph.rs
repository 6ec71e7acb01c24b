//! From the neighbours of each point to edges with weights.

use super::find::Neighbours;

/// Bisections of the interval that contains the scale of a point's scores.
const BISECTIONS: usize = 40;

/// Two points that attract each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    pub points: [u32; 2],
    /// From 0 to 1.
    pub weight: f32,
}

/// Membership of a point in the neighbourhood of each of its neighbours: 1 for the nearest, towards 0 for others. Each
/// point has a bandwidth of its own, so neighbourhoods of dense and sparse regions weigh the same.
pub fn memberships(scores: &[f32]) -> Vec<f32> {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Scores of L2 are squared distances, those of the other metrics products: differences are distances in both.
    let distances: Vec<f32> = scores.iter().map(|score| best - score).collect();
    let furthest = distances.iter().copied().fold(0.0, f32::max);
    if !(furthest > 0.0 && furthest.is_finite()) {
        return vec![1.0; scores.len()];
    }
    let wanted = (scores.len() as f32).log2().max(1.0);
    let sum = |scale: f32| -> f32 {
        let each = distances.iter().map(|distance| (-distance / scale).exp());
        each.sum()
    };
    let (mut low, mut high) = (furthest * 1e-3, furthest * 1e3);
    for _ in 0..BISECTIONS {
        let middle = (low * high).sqrt();
        match sum(middle) < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    let each = distances.iter().map(|distance| (-distance / high).exp());
    each.collect()
}

/// The edges of a neighbour graph, each once. The weight of a mutual pair is the fuzzy union of both memberships:
/// a + b - a b.
pub fn edges(neighbours: &Neighbours) -> Vec<Edge> {
    let mut directed = Vec::new();
    for at in 0..neighbours.len() {
        let (points, scores) = neighbours.of(at);
        for (other, weight) in points.iter().zip(memberships(scores)) {
            let at = at as u32;
            if *other != at {
                directed.push(Edge {
                    points: [at.min(*other), at.max(*other)],
                    weight,
                });
            }
        }
    }
    directed.sort_by_key(|edge| edge.points);
    let mut edges: Vec<Edge> = Vec::with_capacity(directed.len());
    for edge in directed {
        match edges.last_mut() {
            Some(last) if last.points == edge.points => {
                last.weight = last.weight + edge.weight - last.weight * edge.weight;
            }
            _ => edges.push(edge),
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_neighbour_counts_whole_and_the_sum_is_the_same_at_every_scale() {
        for scale in [1e-4, 1.0, 1e4] {
            let scores: Vec<f32> = (0..16).map(|at| -scale * at as f32).collect();
            let found = memberships(&scores);
            assert_eq!(found[0], 1.0);
            assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "{found:?}");
            let sum: f32 = found.iter().sum();
            assert!((sum - 4.0).abs() < 0.01, "{scale}: {sum}");
        }
        assert_eq!(memberships(&[0.5, 0.5]), [1.0, 1.0]);
        assert_eq!(memberships(&[]), Vec::<f32>::new());
    }

    #[test]
    fn an_edge_that_both_ends_found_is_one_and_stronger() {
        let mut neighbours = Neighbours::default();
        neighbours.push([(1, 0.9), (2, 0.1)]);
        neighbours.push([(0, 0.9), (2, 0.8)]);
        neighbours.push([(1, 0.8)]);
        let found = edges(&neighbours);
        let pairs: Vec<[u32; 2]> = found.iter().map(|edge| edge.points).collect();
        assert_eq!(pairs, [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(found[0].weight, 1.0);
        assert!(found[1].weight < found[2].weight);
    }
}
