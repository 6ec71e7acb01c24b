//! The rectangle that points lie in.

/// Least x and y, largest x and y; zeros without points.
pub fn bounds(points: &[f32]) -> [f32; 4] {
    let (pairs, _) = points.as_chunks::<2>();
    let infinite = [
        f32::INFINITY,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NEG_INFINITY,
    ];
    let bounds = pairs
        .iter()
        .fold(infinite, |[least_x, least_y, most_x, most_y], [x, y]| {
            [
                least_x.min(*x),
                least_y.min(*y),
                most_x.max(*x),
                most_y.max(*y),
            ]
        });
    bounds.map(|bound| if bound.is_finite() { bound } else { 0.0 })
}
