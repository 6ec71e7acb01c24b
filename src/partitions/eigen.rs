//! Eigenvectors of symmetric matrices: Householder tridiagonalisation, then implicit QL
//! (Golub and Van Loan, *Matrix Computations*, 4th edition, sections 8.3.1 and 8.3.3).

/// Iterations per eigenvalue; two or three are usual.
const ITERATIONS: usize = 60;

/// The eigenvalues of a symmetric matrix, largest first, and an orthonormal eigenvector for each, as rows.
///
/// `matrix` is row-major, `size` × `size`. A matrix that is not finite gives the unit vectors.
pub(super) fn eigen(matrix: &[f64], size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors = matrix.to_vec();
    let finite = matrix.len() == size * size && matrix.iter().all(|x| x.is_finite());
    let solved = finite.then(|| {
        let (mut diagonal, mut beside) = tridiagonalise(&mut vectors, size);
        solve(&mut diagonal, &mut beside, &mut vectors, size).then_some(diagonal)
    });
    let Some(values) = solved.flatten() else {
        let unit = |at: usize| f64::from(u8::from(at / size.max(1) == at % size.max(1)));
        return (vec![0.0; size], (0..size * size).map(unit).collect());
    };
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    let sorted = order
        .iter()
        .flat_map(|of| vectors[of * size..][..size].iter().copied());
    (
        order.iter().map(|of| values[*of]).collect(),
        sorted.collect(),
    )
}

/// Reduces a symmetric matrix `a` to tridiagonal form, `Qᵀ a Q`. Returns the diagonal and the elements
/// beside it (the first is unused); `a` becomes `Qᵀ`.
fn tridiagonalise(a: &mut [f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
    // The reflectors: `v` scaled such that the reflection is I - v vᵀ.
    let mut reflectors: Vec<Vec<f64>> = Vec::with_capacity(n);
    for k in 0..n.saturating_sub(1) {
        // Column k below the diagonal becomes a multiple of the first unit vector.
        let column: Vec<f64> = (k + 1..n).map(|row| a[row * n + k]).collect();
        let length = column.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut v = column;
        if length > 0.0 {
            let alpha = if v[0] > 0.0 { -length } else { length };
            beside[k + 1] = alpha;
            v[0] -= alpha;
            let norm = v.iter().map(|x| x * x).sum::<f64>();
            let scale = (2.0 / norm).sqrt();
            v.iter_mut().for_each(|x| *x *= scale);
            // a' = H a H on the trailing block: a - v wᵀ - w vᵀ with w = a v - v (vᵀ a v) / 2.
            let mut w: Vec<f64> = (k + 1..n)
                .map(|row| dot(&a[row * n + k + 1..][..v.len()], &v))
                .collect();
            let half = dot(&v, &w) / 2.0;
            w.iter_mut().zip(&v).for_each(|(w, v)| *w -= half * v);
            for row in 0..v.len() {
                let (x, y) = (v[row], w[row]);
                let cells = &mut a[(row + k + 1) * n + k + 1..][..v.len()];
                for ((cell, v), w) in cells.iter_mut().zip(&v).zip(&w) {
                    *cell -= x * w + y * v;
                }
            }
        } else {
            v.clear();
        }
        reflectors.push(v);
    }
    for k in 0..n {
        diagonal[k] = a[k * n + k];
    }
    // Qᵀ = H_last … H_0: reflectors are applied to the rows of the identity, last first on the right.
    for (at, cell) in a.iter_mut().enumerate() {
        *cell = f64::from(u8::from(at / n == at % n));
    }
    for (k, v) in reflectors.iter().enumerate().rev() {
        // Rows of Qᵀ as columns of Q: Q = H_0 H_1 …, so H_k acts on components k + 1 and up of each row.
        for row in a.chunks_exact_mut(n) {
            let tail = &mut row[k + 1..];
            let along = tail.iter().zip(v).map(|(x, v)| x * v).sum::<f64>();
            tail.iter_mut().zip(v).for_each(|(x, v)| *x -= along * v);
        }
    }
    (diagonal, beside)
}

/// Diagonalises a tridiagonal matrix; rotates the rows of `vectors` along. False if it did not converge.
fn solve(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64], n: usize) -> bool {
    beside.rotate_left(1.min(n));
    for low in 0..n {
        for iteration in 0.. {
            // The first small element beside the diagonal ends the block.
            let high = (low..n - 1)
                .find(|at| {
                    let around = diagonal[*at].abs() + diagonal[at + 1].abs();
                    beside[*at].abs() <= f64::EPSILON * around
                })
                .unwrap_or(n - 1);
            if high == low {
                break;
            }
            if iteration == ITERATIONS {
                return false;
            }
            // The shift: the eigenvalue of the leading 2 × 2 block that is nearer its first element.
            let slope = (diagonal[low + 1] - diagonal[low]) / (2.0 * beside[low]);
            let root = slope.hypot(1.0);
            let shift = beside[low] / (slope + root.copysign(slope));
            let mut g = diagonal[high] - diagonal[low] + shift;
            let (mut sine, mut cosine, mut lost) = (1.0, 1.0, 0.0);
            let mut split = false;
            for at in (low..high).rev() {
                let (f, b) = (sine * beside[at], cosine * beside[at]);
                let r = f.hypot(g);
                beside[at + 1] = r;
                if r == 0.0 {
                    diagonal[at + 1] -= lost;
                    beside[high] = 0.0;
                    split = true;
                    break;
                }
                (sine, cosine) = (f / r, g / r);
                g = diagonal[at + 1] - lost;
                let r = (diagonal[at] - g) * sine + 2.0 * cosine * b;
                lost = sine * r;
                diagonal[at + 1] = g + lost;
                g = cosine * r - b;
                let (before, after) = vectors.split_at_mut((at + 1) * n);
                let rows = before[at * n..].iter_mut().zip(&mut after[..n]);
                for (x, y) in rows {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                }
            }
            if !split {
                diagonal[low] -= lost;
                beside[low] = g;
                beside[high] = 0.0;
            }
        }
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn vectors_are_orthonormal_and_rebuild_the_matrix(
            (size, mut matrix) in (1usize..24).prop_flat_map(|n| (Just(n), vec(-3.0f64..3.0, n * n))),
            zero in 0usize..24,
        ) {
            for row in 0..size {
                for column in 0..row {
                    matrix[column * size + row] = matrix[row * size + column];
                }
            }
            // Zero rows and columns split the problem.
            if zero < size {
                (0..size).for_each(|at| {
                    matrix[zero * size + at] = 0.0;
                    matrix[at * size + zero] = 0.0;
                });
            }
            let (values, vectors) = eigen(&matrix, size);
            prop_assert!(values.is_sorted_by(|a, b| a >= b));
            for row in 0..size {
                for column in 0..size {
                    let (a, b) = (&vectors[row * size..][..size], &vectors[column * size..][..size]);
                    let unit = f64::from(u8::from(row == column));
                    prop_assert!((dot(a, b) - unit).abs() < 1e-9);
                    let rebuilt: f64 = (0..size)
                        .map(|of| values[of] * vectors[of * size + row] * vectors[of * size + column])
                        .sum();
                    prop_assert!((rebuilt - matrix[row * size + column]).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn matrices_without_a_solution_give_unit_vectors() {
        let (_, vectors) = eigen(&[f64::NAN, 0.0, 0.0, 1.0], 2);
        assert_eq!(vectors, [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(eigen(&[], 0), (vec![], vec![]));
        assert_eq!(eigen(&[4.0], 1), (vec![4.0], vec![1.0]));
    }
}
