//! Times in filters: a text that is a time, compared with numbers that are times.
//!
//! A number is a time in the unit that its [size](TimeUnit::of) tells, so one time is a number in each unit,
//! and a range of times is a range in each.

use super::intersection::intersection;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use twinspire_towers::internals::{Number, Term, Test};
use twinspire_towers::{Moment, TimeUnit};

/// The time that a term writes as text.
pub(super) fn moment(term: &Term) -> Option<Moment> {
    match term {
        Term::Text(text) => Moment::parse(text),
        _ => None,
    }
}

/// The numbers that are this time.
pub(super) fn numbers(moment: Moment) -> impl Iterator<Item = Term> {
    let numbers = TimeUnit::ALL.map(|unit| (unit, number(moment, unit)));
    let own = |(unit, number): &(TimeUnit, Number)| TimeUnit::of(number.nearest()) == *unit;
    numbers
        .into_iter()
        .filter(own)
        .map(|(_, number)| Term::Number(number))
}

/// The tests of which a number passes one if its time lies in this range.
pub(super) fn ranges(low: Bound<Moment>, high: Bound<Moment>) -> Vec<Test> {
    let parts = TimeUnit::ALL.into_iter().flat_map(|unit| {
        let term = |moment| Term::Number(number(moment, unit));
        let (low, high) = (low.map(term), high.map(term));
        let range = Test::Between { low, high };
        numbers_in(unit).filter_map(move |band| intersection(&band, &range))
    });
    parts.collect()
}

/// A time as a number in this unit.
fn number(moment: Moment, unit: TimeUnit) -> Number {
    let per_second = unit.per_second();
    let nanoseconds = 1_000_000_000 / per_second;
    let rest = i64::from(moment.nanoseconds);
    let whole = moment.seconds.checked_mul(per_second);
    let whole = whole.and_then(|whole| whole.checked_add(rest / nanoseconds));
    match whole {
        Some(whole) if rest % nanoseconds == 0 => whole.into(),
        _ => (moment.seconds as f64 * per_second as f64 + rest as f64 / nanoseconds as f64).into(),
    }
}

/// The tests of which a number passes one if, as a time, it is in this unit.
fn numbers_in(unit: TimeUnit) -> impl Iterator<Item = Test> {
    let (least, end) = unit.sizes();
    let term = |number: f64| Term::Number(number.into());
    let positive = (
        Included(term(least)),
        end.map_or(Unbounded, |end| Excluded(term(end))),
    );
    let negative = (
        end.map_or(Unbounded, |end| Excluded(term(-end))),
        Included(term(-least)),
    );
    let both = match unit {
        TimeUnit::Seconds => vec![(negative.0, positive.1)],
        _ => vec![negative, positive],
    };
    both.into_iter()
        .map(|(low, high)| Test::Between { low, high })
}
