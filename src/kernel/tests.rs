use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What a kernel says of two vectors, and by how much it may be wrong, in double precision.
fn compare(name: &str, of: f32, terms: impl Iterator<Item = f64> + Clone) -> Result<(), String> {
    let exact: f64 = terms.clone().sum();
    let allowed = 1e-6 * terms.map(f64::abs).sum::<f64>();
    let off = (f64::from(of) - exact).abs();
    if off <= allowed {
        return Ok(());
    }
    Err(format!("{name}: {of} is {off} from {exact}"))
}

/// Compares the kernels of every level this processor has with sums in double precision.
fn agree(a: &[f32], b: &[f32]) -> Result<(), String> {
    let pairs = a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
    for level in Level::all() {
        let name = format!("{level:?}, {} and {} components", a.len(), b.len());
        compare(&name, level.dot(a, b), pairs.clone().map(|(x, y)| x * y))?;
        let l2 = pairs.clone().map(|(x, y)| (x - y) * (x - y));
        compare(&name, level.l2_squared(a, b), l2)?;
    }
    Ok(())
}

/// Compares the kernels for codes of every level with plain sums, exactly.
fn agree_in_codes(a: &[i8], b: &[i8]) -> Result<(), String> {
    let pairs = a.iter().zip(b).map(|(x, y)| (i64::from(*x), i64::from(*y)));
    let dot: i64 = pairs.clone().map(|(x, y)| x * y).sum();
    let l2: i64 = pairs.map(|(x, y)| (x - y) * (x - y)).sum();
    let query = CodeQuery::new(a.iter().copied());
    // Three other rows, so that no row's sum can stand for another's.
    let rows = [&b[..0], b, &b[..b.len() / 2], a];
    for level in Level::all() {
        let name = format!("{level:?}, {} and {} codes", a.len(), b.len());
        let same = |kernel: &str, of: i32, exact: i64| {
            let right = i64::from(of) == exact;
            right
                .then_some(())
                .ok_or(format!("{kernel} of {name}: {of}, not {exact}"))
        };
        same("dot_i8", level.dot_i8(a, b), dot)?;
        same("dot_codes", level.dot_codes(&query, b), dot)?;
        same("l2_squared_i8", level.l2_squared_i8(a, b), l2)?;
        same("l2_squared_codes", level.l2_squared_codes(&query, b), l2)?;
        for rows in [rows, [b, a, b, a], [b, b, b, &b[..b.len() / 2]]] {
            let dots = level.dot_codes_4(&query, rows);
            let l2s = level.l2_squared_codes_4(&query, rows);
            for (row, (dot, l2)) in rows.iter().zip(dots.into_iter().zip(l2s)) {
                same("dot_codes_4", dot, scalar::dot_i8(a, row).into())?;
                same(
                    "l2_squared_codes_4",
                    l2,
                    scalar::l2_squared_i8(a, row).into(),
                )?;
            }
        }
    }
    Ok(())
}

#[test]
fn all_kernels_for_codes_are_exact_at_every_dimension_and_alignment() {
    // Every code there is, and in the rows what is none, -128.
    let codes = |step: usize| (0..4200).map(move |i| (i * step % 256) as u8 as i8);
    let a: Vec<i8> = codes(37).map(|code| code.max(-127)).collect();
    let b: Vec<i8> = codes(93).collect();
    for length in (0..=130).chain([192, 256, 300, 1000, 4095, 4096]) {
        for from in 0..9 {
            agree_in_codes(&a[from..][..length], &b[8 - from..][..length]).unwrap();
        }
        agree_in_codes(&a[..length], &b[..length / 2]).unwrap();
        agree_in_codes(&a[..length / 2], &b[..length]).unwrap();
    }
}

#[test]
fn a_query_has_no_minus_128() {
    let mut query = CodeQuery::new([-128, 5, 127]);
    assert_eq!(query.codes(), [-127, 5, 127]);
    query.set([1, -128]);
    assert_eq!((query.codes(), query.sum()), (&[1, -127][..], -126));
}

#[test]
fn no_sum_of_codes_overflows() {
    for (a, b) in [
        (127, 127),
        (127, -127),
        (-127, -127),
        (-127, -128),
        (127, -128),
    ] {
        agree_in_codes(&[a; MAX_DIMENSION as usize], &[b; MAX_DIMENSION as usize]).unwrap();
    }
}

proptest! {
    #[test]
    fn all_kernels_agree_with_double_precision(
        a in vec(-100.0f32..100.0, 310),
        b in vec(-100.0f32..100.0, 310),
        (from_a, from_b) in (0usize..9, 0usize..9),
        length in 0usize..=300,
    ) {
        let (a, b) = (&a[from_a..][..length], &b[from_b..][..length]);
        agree(a, b).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn all_kernels_agree_at_every_dimension_and_alignment() {
    println!("levels: {:?}", Level::all().collect::<Vec<_>>());
    let a: Vec<f32> = (0..4200)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0)
        .collect();
    let b: Vec<f32> = (0..4200)
        .map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0)
        .collect();
    for length in (0..=300).chain([1000, 4095, 4096]) {
        for from in 0..9 {
            agree(&a[from..][..length], &b[8 - from..][..length]).unwrap();
        }
        // Of two lengths the shorter counts.
        agree(&a[..length], &b[..length / 2]).unwrap();
    }
}

#[test]
fn all_kernels_pass_on_what_is_not_finite() {
    for length in 1..=70 {
        for at in [0, length / 2, length - 1] {
            let mut a = vec![1.0; length];
            a[at] = f32::NAN;
            let mut b = vec![1.0; length];
            b[at] = f32::INFINITY;
            let ones = vec![1.0; length];
            for level in Level::all() {
                assert!(level.dot(&a, &ones).is_nan() && level.l2_squared(&ones, &a).is_nan());
                assert_eq!(level.dot(&ones, &b), f32::INFINITY, "{level:?}");
                assert_eq!(level.l2_squared(&b, &ones), f32::INFINITY, "{level:?}");
            }
        }
    }
}

#[test]
fn cosine_vectors_come_out_with_length_one_whatever_their_scale() {
    for scale in [1e-30f32, 1.0, 1e30] {
        let mut vector = [3.0 * scale, 4.0 * scale];
        prepare(Metric::Cosine, &mut vector).unwrap();
        assert!(
            (vector[0] - 0.6).abs() < 1e-6 && (vector[1] - 0.8).abs() < 1e-6,
            "{vector:?}"
        );
    }
}

#[test]
fn nan_infinity_and_the_zero_vector_are_refused() {
    assert_eq!(
        prepare(Metric::L2, &mut [1.0, f32::NAN]),
        Err(VectorError::NotFinite { at: 1 })
    );
    assert_eq!(
        prepare(Metric::Cosine, &mut [f32::INFINITY]),
        Err(VectorError::NotFinite { at: 0 })
    );
    assert_eq!(
        prepare(Metric::Cosine, &mut [0.0, 0.0]),
        Err(VectorError::Zero)
    );
    assert_eq!(prepare(Metric::InnerProduct, &mut [0.0, 0.0]), Ok(()));
}

#[test]
fn a_larger_score_is_a_nearer_vector_under_every_metric() {
    let (query, near, far) = ([1.0, 0.0], [0.8, 0.6], [0.0, 1.0]);
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        assert!(
            metric.score(&query, &near) > metric.score(&query, &far),
            "{metric:?}"
        );
    }
}
