//! A lower confidence bound of a mean, for values from 0 to 1 of any distribution.
//!
//! The bound is that of betting (Waudby-Smith and Ramdas, 2024, <https://arxiv.org/abs/2010.09686>). Who
//! believes that the mean is at most `m` accepts fair bets against values above `m`; whoever wins twenty
//! times the stake has refuted it with a confidence of 95 %. The bound holds for samples of any size, and
//! is nearly as narrow as that of the normal distribution where this holds. `n` values of 1 give about
//! 1 − 3.3 / n.

/// Bets are at most this share of what can be lost.
const LARGEST_BET: f64 = 0.9;
/// The variance that the first bets assume.
const FIRST_VARIANCE: f64 = 0.05;
/// Halvings of the interval that the bound is searched in.
const STEPS: usize = 24;

/// A lower bound of the mean of the population that `values` are drawn from, with this confidence. The
/// order of the values must not depend on their size.
pub(super) fn lower_bound(values: &[f32], confidence: f32) -> f32 {
    let (mut refuted, mut plausible) = (0.0f64, 1.0f64);
    let needed = -f64::from(1.0 - confidence).ln();
    for _ in 0..STEPS {
        let mean = f64::midpoint(refuted, plausible);
        if gain(values, mean, needed) >= needed {
            refuted = mean;
        } else {
            plausible = mean;
        }
    }
    refuted as f32
}

/// The logarithm of the most that was ever won by betting against a mean of at most `mean`.
fn gain(values: &[f32], mean: f64, needed: f64) -> f64 {
    let (mut log, mut most) = (0.0f64, 0.0f64);
    // Each bet is made by what was seen before it.
    let (mut seen, mut sum, mut squares) = (1.0f64, 0.5f64, FIRST_VARIANCE);
    for value in values {
        let value = f64::from(*value);
        let variance = (squares / seen).max(1e-6);
        let bet = (2.0 * needed / (values.len() as f64 * variance)).sqrt();
        log += (bet.min(LARGEST_BET / mean) * (value - mean)).ln_1p();
        most = most.max(log);
        seen += 1.0;
        sum += value;
        let off = value - sum / seen;
        squares += off * off;
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::wire::checksum;

    /// A draw from 0 to 1.
    fn draw(seed: u64, at: u64) -> f32 {
        let bits = checksum([seed, at].map(u64::to_le_bytes).as_flattened());
        (bits >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Recalls as they are: mostly full, sometimes a part, seldom nothing.
    fn recall(kind: u64, draw: f32) -> f32 {
        match kind {
            0 => f32::from(u8::from(draw < 0.95)),
            1 if draw < 0.01 => 0.0,
            1 if draw < 0.1 => 0.7,
            2 => 0.9 + draw / 10.0,
            3 if draw < 0.004 => 0.0,
            _ => 1.0,
        }
    }

    #[test]
    fn bounds_hold_as_often_as_they_say_and_are_narrow() {
        for (kind, mean, narrow) in [
            (0, 0.95, 0.05),
            (1, 0.963, 0.05),
            (2, 0.95, 0.02),
            (3, 0.996, 0.02),
        ] {
            let (mut wrong, mut widths, runs) = (0, 0.0, 200);
            for run in 0..runs {
                let values: Vec<f32> = (0..300)
                    .map(|at| recall(kind, draw(kind * 1_000 + run, at)))
                    .collect();
                let bound = lower_bound(&values, 0.95);
                wrong += i32::from(bound > mean);
                widths += (mean - bound) / runs as f32;
            }
            // Of 200 runs, 5 % is 10; more than 18 has a probability of 0.5 %.
            assert!(
                wrong <= 18,
                "kind {kind}: {wrong} of {runs} bounds are wrong"
            );
            assert!(widths < narrow, "kind {kind}: {widths} below the mean");
        }
    }

    #[test]
    fn full_recall_of_few_queries_proves_little() {
        let ones = |count: usize| lower_bound(&vec![1.0; count], 0.95);
        assert!((ones(300) - 0.989).abs() < 0.002, "{}", ones(300));
        assert!((0.99..0.9985).contains(&ones(1_000)), "{}", ones(1_000));
        assert!(ones(5) < 0.7);
        assert_eq!(lower_bound(&[], 0.95), 0.0);
        assert!(lower_bound(&[0.0; 50], 0.95) < 1e-3);
    }
}
