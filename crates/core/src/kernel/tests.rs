//! One runner takes every level of this processor through every dimension, alignment and kind of number.
//! It compares with plain sums: in `f64` for components, exactly for codes.
//!
//! `TWINSPIRE_TEST_KERNELS=avx2,avx512` names levels that must be tested: an absent or unknown one fails
//! the run. Every run prints the levels it tested.

use super::half::fits_f16;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The levels to test; panics if one that `TWINSPIRE_TEST_KERNELS` names is missing.
fn levels() -> Vec<Level> {
    let levels: Vec<Level> = Level::all().collect();
    let keys: Vec<_> = levels.iter().map(|level| level.key()).collect();
    println!("levels: {}", keys.join(", "));
    let wanted = std::env::var("TWINSPIRE_TEST_KERNELS").unwrap_or_default();
    for key in wanted.split(',').filter(|key| !key.is_empty()) {
        assert!(
            keys.contains(&key),
            "level {key} is required, but this processor lacks it"
        );
    }
    levels
}

/// The operands of one comparison: two lists of each kind; the shorter length counts.
struct Case<'a> {
    floats: [&'a [f32]; 2],
    codes: [&'a [i8]; 2],
    /// Compared with the first list of floats.
    halves: &'a [u16],
}

impl Case<'_> {
    /// Compares every kernel of a level.
    fn check(&self, level: Level) -> Result<(), String> {
        self.check_components(level)
            .and_then(|()| self.check_codes(level))
            .map_err(|what| {
                let [a, b] = self.floats.map(<[_]>::len);
                format!("{}, {a} and {b} components: {what}", level.key())
            })
    }

    fn check_components(&self, level: Level) -> Result<(), String> {
        let [a, b] = self.floats;
        let halves = self.halves;
        let decoded: Vec<f32> = halves.iter().map(|half| half::decode(*half)).collect();
        near("dot", level.dot(a, b), a, b, |x, y| x * y)?;
        let squared = |x, y| (x - y) * (x - y);
        near("l2_squared", level.l2_squared(a, b), a, b, squared)?;
        near("dot_f16", level.dot_f16(a, halves), a, &decoded, |x, y| {
            x * y
        })?;
        let l2 = level.l2_squared_f16(a, halves);
        near("l2_squared_f16", l2, a, &decoded, squared)?;

        let mut vector = vec![9.0f32; halves.len()];
        level.decode_f16(halves, &mut vector);
        let bits = |vector: &[f32]| -> Vec<u32> { vector.iter().map(|x| x.to_bits()).collect() };
        same("decode_f16", bits(&vector), bits(&decoded))?;
        let mut row = vec![9; a.len()];
        level.encode_f16(a, &mut row);
        let encoded: Vec<u16> = a.iter().map(|x| half::encode(*x)).collect();
        same("encode_f16", row, encoded)
    }

    fn check_codes(&self, level: Level) -> Result<(), String> {
        let [a, b] = self.codes;
        let query = CodeQuery::new(a.iter().copied());
        let dot = exact(a, b, |x, y| x * y);
        same("dot_i8", level.dot_i8(a, b), dot)?;
        same("dot_codes", level.dot_codes(&query, b), dot)?;
        let l2 = exact(a, b, |x, y| (x - y) * (x - y));
        same("l2_squared_i8", level.l2_squared_i8(a, b), l2)?;
        same("l2_squared_codes", level.l2_squared_codes(&query, b), l2)?;
        // Different rows, so that swapped scores are noticed; the last one is out of range.
        let back: Vec<i8> = b.iter().rev().copied().collect();
        let stride = b.len().max(1);
        let padded = |row: &[i8]| -> Vec<i8> {
            let row = row.iter().copied().chain(std::iter::repeat(0));
            row.take(stride).collect()
        };
        let rows = [b, &back, &[], a, &back].map(padded);
        let data = rows.concat();
        let codes = CodeRows::new(&data, stride);
        let wanted = [3, 0, 1, 2, 4, 5, 1];
        let row = |row: &u32| rows.get(*row as usize).map_or(&[][..], Vec::as_slice);
        let scale = ScoreScale {
            factor: 0.5,
            term: -3.0,
        };
        for query in [a, &a[..a.len() / 2]] {
            let query = CodeQuery::new(query.iter().copied());
            let batch = CodeBatch {
                query: &query,
                codes,
                rows: &wanted,
                scale,
            };
            let mut scores = vec![7.0];
            let expected = |term: fn(i64, i64) -> i64| -> Vec<f32> {
                let sum = |at| exact(query.codes(), row(at), term);
                wanted.iter().map(|at| scale.score(sum(at))).collect()
            };
            level.dot_scores(batch, &mut scores);
            same("dot_scores", &scores, &expected(|x, y| x * y))?;
            level.l2_squared_scores(batch, &mut scores);
            let squares = expected(|x, y| (x - y) * (x - y));
            same("l2_squared_scores", &scores, &squares)?;
        }
        Ok(())
    }
}

/// Whether a sum is right up to rounding; infinity and NaN must match exactly.
///
/// A kernel keeps four running sums or more. Each addition and each step of a term rounds, by half an epsilon of what
/// the terms sum to without their signs at most.
fn near(
    kernel: &str,
    of: f32,
    a: &[f32],
    b: &[f32],
    term: impl Fn(f64, f64) -> f64,
) -> Result<(), String> {
    let pairs = a.iter().zip(b).map(|(x, y)| (f64::from(*x), f64::from(*y)));
    let terms = pairs.map(|(x, y)| term(x, y));
    let exact: f64 = terms.clone().sum();
    let right = if exact.is_finite() {
        let roundings = (a.len().min(b.len()) / 4 + 16) as f64;
        let most = roundings * f64::from(f32::EPSILON) / 2.0 * terms.map(f64::abs).sum::<f64>();
        (f64::from(of) - exact).abs() <= most
    } else {
        f64::from(of) == exact || of.is_nan() && exact.is_nan()
    };
    right
        .then_some(())
        .ok_or(format!("{kernel} is {of}, not {exact}"))
}

fn same<T: PartialEq + std::fmt::Debug>(kernel: &str, of: T, is: T) -> Result<(), String> {
    let right = of == is;
    right
        .then_some(())
        .ok_or(format!("{kernel} is {of:?}, not {is:?}"))
}

/// The sum over pairs of codes; panics if it exceeds an `i32`.
fn exact(a: &[i8], b: &[i8], term: impl Fn(i64, i64) -> i64) -> i32 {
    let pairs = a.iter().zip(b).map(|(x, y)| (i64::from(*x), i64::from(*y)));
    pairs
        .map(|(x, y)| term(x, y))
        .sum::<i64>()
        .try_into()
        .unwrap()
}

/// Every dimension up to 130 and some up to the largest.
fn dimensions() -> impl Iterator<Item = usize> {
    let some = [192, 255, 256, 300, 383, 768, 1000, 1536, 2049, 4095, 4096];
    (0..=130).chain(some)
}

#[test]
fn all_kernels_agree_with_plain_sums_at_every_dimension_and_alignment() {
    const LONGEST: usize = MAX_DIMENSION as usize + 16;
    let wave = |step: usize, period: usize| {
        let middle = period as f32 / 2.0;
        (0..LONGEST).map(move |i| ((i * step % period) as f32 - middle) / middle)
    };
    let floats: [Vec<f32>; 2] = [wave(37, 101).collect(), wave(53, 97).collect()];
    let halves: Vec<u16> = wave(59, 89).map(half::encode).collect();
    // Every code, and in the rows also -128, which is not a code.
    let codes = |step: usize| (0..LONGEST).map(move |i| (i * step % 256) as u8 as i8);
    let codes: [Vec<i8>; 2] = [
        codes(37).map(|code| code.max(-127)).collect(),
        codes(93).collect(),
    ];
    let levels = levels();
    for length in dimensions() {
        // The start and length of each list.
        let even = (0..=8).map(|from| ([from, 8 - from], [length, length]));
        let uneven = [[length, length / 2], [length / 2, length]].map(|long| ([0, 1], long));
        for ([a, b], [long_a, long_b]) in even.chain(uneven) {
            let case = Case {
                floats: [&floats[0][a..][..long_a], &floats[1][b..][..long_b]],
                codes: [&codes[0][a..][..long_a], &codes[1][b..][..long_b]],
                halves: &halves[b..][..long_b],
            };
            levels.iter().for_each(|level| case.check(*level).unwrap());
        }
    }
}

#[test]
fn all_kernels_propagate_nan_and_infinity() {
    let levels = levels();
    for length in dimensions().filter(|length| *length > 0) {
        for at in [0, length / 2, length - 1] {
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let ones = vec![1.0; length];
                let mut floats = ones.clone();
                floats[at] = odd;
                let halves: Vec<u16> = floats.iter().map(|x| half::encode(*x)).collect();
                for floats in [[&floats[..], &ones], [&ones, &floats]] {
                    let case = Case {
                        floats,
                        codes: [&[]; 2],
                        halves: &halves,
                    };
                    levels.iter().for_each(|level| case.check(*level).unwrap());
                }
            }
        }
    }
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
        let case = Case {
            floats: [&[]; 2],
            codes: [&[a; MAX_DIMENSION as usize], &[b; MAX_DIMENSION as usize]],
            halves: &[],
        };
        levels()
            .into_iter()
            .for_each(|level| case.check(level).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn all_kernels_agree_on_random_input(
        (a, b) in (1usize..=MAX_DIMENSION as usize)
            .prop_flat_map(|length| (vec(-100.0f32..100.0, length), vec(any::<u32>(), length))),
    ) {
        let codes = |random: &u32| [(random >> 8) as i8, *random as i8];
        let random: Vec<[i8; 2]> = b.iter().map(codes).collect();
        let case = Case {
            floats: [&a, &b.iter().map(|x| (x >> 12) as f32 / 1e3 - 500.0).collect::<Vec<_>>()],
            codes: [
                &random.iter().map(|[code, _]| (*code).max(-127)).collect::<Vec<_>>(),
                &random.iter().map(|[_, code]| *code).collect::<Vec<_>>(),
            ],
            // Any finite half: its exponent bits are not all set.
            halves: &b.iter().map(|x| (x >> 16) as u16 & !0x0400).collect::<Vec<_>>(),
        };
        for level in Level::all() {
            case.check(level).map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn a_query_replaces_minus_128() {
    let mut query = CodeQuery::new([-128, 5, 127]);
    assert_eq!(query.codes(), [-127, 5, 127]);
    query.set([1, -128]);
    assert_eq!((query.codes(), query.sum()), (&[1, -127][..], -126));
}

#[test]
fn every_half_decodes_as_the_standard_says() {
    let levels = levels();
    let halves: Vec<u16> = (0..=u16::MAX).collect();
    let mut vector = vec![0.0; halves.len()];
    for level in levels {
        level.decode_f16(&halves, &mut vector);
        for (half, x) in halves.iter().zip(&vector) {
            assert_eq!(x.to_bits(), half::decode(*half).to_bits(), "{half:#x}");
            let fraction = f64::from(half & 0x3ff) / 1024.0;
            let amount = match half >> 10 & 0x1f {
                0 => fraction * 2f64.powi(-14),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
            };
            let right = f64::from(x.abs()) == amount || x.is_nan() && amount.is_nan();
            assert!(
                right && x.is_sign_negative() == (half & 0x8000 != 0),
                "{half:#x}: {x}"
            );
        }
        // The round trip is exact, except that a NaN becomes quiet.
        let mut back = vec![0; halves.len()];
        level.encode_f16(&vector, &mut back);
        for (half, back) in halves.iter().zip(back) {
            let quiet = if half::decode(*half).is_nan() {
                0x0200
            } else {
                0
            };
            assert_eq!(back, half | quiet);
        }
    }
}

/// Whether a half is nearest to `x`, by comparing with its neighbours. Infinity counts as 65,536, the next
/// power of two.
fn is_nearest(half: u16, x: f32) -> bool {
    if x.is_nan() {
        return half & 0x7fff > 0x7c00;
    }
    let amount = f64::from(x.abs()).min(65_536.0);
    let off = |half: u16| {
        let value = f64::from(half::decode(half));
        (value.min(65_536.0) - amount).abs()
    };
    let half_of_amount = half & 0x7fff;
    let neighbours = [half_of_amount.wrapping_sub(1), half_of_amount + 1];
    let nearer = |other: u16| {
        off(half_of_amount) < off(other)
            || off(half_of_amount) == off(other) && half.is_multiple_of(2)
    };
    let known = |half: &u16| *half <= 0x7c00;
    known(&half_of_amount)
        && neighbours.into_iter().filter(known).all(nearer)
        && x.is_sign_negative() == (half & 0x8000 != 0)
}

#[test]
fn every_float_rounds_to_the_nearest_half() {
    // A sweep over all floats, and the surroundings of every middle between two halves.
    let sweep = (0..=u32::MAX).step_by(9973).map(f32::from_bits);
    let middles = (0..0x7c00u16).flat_map(|half| {
        let [low, high] = [half, half + 1].map(|half| half::decode(half).min(65_536.0));
        let middle = low + (high - low) / 2.0;
        [middle.next_down(), middle, middle.next_up(), -middle]
    });
    let floats: Vec<f32> = sweep.chain(middles).collect();
    let mut halves = vec![0; floats.len()];
    for level in levels() {
        level.encode_f16(&floats, &mut halves);
        for (x, half) in floats.iter().zip(&halves) {
            assert_eq!(*half, half::encode(*x), "{}: {x}", level.key());
            assert!(is_nearest(*half, *x), "{x} became {half:#x}");
        }
    }
}

#[test]
fn numbers_without_a_finite_half_do_not_fit() {
    assert!(fits_f16(&[0.0, -0.0, 1e-30, -65_504.0, 65_519.99]));
    for x in [65_520.0, -65_520.0, 1e30, f32::INFINITY, f32::NAN] {
        assert!(!fits_f16(&[1.0, x]), "{x}");
        assert!(!half::decode(half::encode(x)).is_finite(), "{x}");
    }
    assert!(half::decode(half::encode(65_519.99)).is_finite());
}

#[test]
fn the_level_is_the_requested_one_or_the_best() {
    let key = |asked: Option<&str>| Level::requested(asked.map(std::convert::AsRef::as_ref)).key();
    let keys: Vec<_> = levels().iter().map(|level| level.key()).collect();
    for level in &keys {
        assert_eq!(key(Some(level)), *level);
    }
    let best = *keys.last().unwrap();
    for none in [None, Some(""), Some("AVX9000")] {
        assert_eq!(key(none), best);
    }
}

#[test]
fn cosine_vectors_of_any_scale_are_normalised_to_length_1() {
    for scale in [1e-30f32, 1.0, 1e30] {
        let mut vector = [3.0 * scale, 4.0 * scale];
        prepare(Metric::Cosine, &mut vector).unwrap();
        assert!(
            (vector[0] - 0.6).abs() < 1e-6 && (vector[1] - 0.8).abs() < 1e-6,
            "{vector:?}"
        );
    }
}

proptest! {
    #[test]
    fn vectors_that_pass_have_finite_scores_and_only_long_ones_are_refused(
        pairs in vec(((-1.0f32..1.0, -1.0f32..1.0), (-126i32..127, -126i32..127)), 1..40),
        shift in -126i32..127, metric in 0usize..3,
    ) {
        let metric = [Metric::Cosine, Metric::InnerProduct, Metric::L2][metric];
        let component = |x: f32, power: i32| x * 2f32.powi(power.min(shift));
        let mut a: Vec<f32> = pairs.iter().map(|((a, _), (p, _))| component(*a, *p)).collect();
        let mut b: Vec<f32> = pairs.iter().map(|((_, b), (_, p))| component(*b, *p)).collect();
        let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        for v in [&mut a, &mut b] {
            let before = length(v);
            match prepare(metric, v) {
                Ok(()) => prop_assert!(metric != Metric::Cosine || (length(v) - 1.0).abs() < 1e-5),
                Err(VectorError::TooLong) => {
                    prop_assert!(metric != Metric::Cosine && before > 2f64.powi(62));
                    return Ok(());
                }
                Err(error) => {
                    prop_assert!(error == VectorError::Zero && before == 0.0);
                    return Ok(());
                }
            }
        }
        prop_assert!(metric.score(&a, &b[..]).is_finite());
    }
}

#[test]
fn nan_infinity_and_the_zero_vector_of_cosine_are_refused() {
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
fn nearer_vectors_have_larger_scores_under_every_metric() {
    let (query, near, far) = ([1.0, 0.0], [0.8, 0.6], [0.0, 1.0]);
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        assert!(
            metric.score(&query, &near[..]) > metric.score(&query, &far[..]),
            "{metric:?}"
        );
    }
}
