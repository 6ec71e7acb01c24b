//! The test that is as strict as two tests together.

use std::ops::Bound::{self, Excluded, Included, Unbounded};
use twinspire_towers::internals::{FieldValue, Term, Test};

/// The test that a single term passes if it passes both tests; `None` if no term can pass.
pub(super) fn intersection(one: &Test, other: &Test) -> Option<Test> {
    let test = match (one, other) {
        (Test::OneOf(terms), test) | (test, Test::OneOf(terms)) => {
            let passes = |term: &&Term| {
                let terms = vec![(*term).clone()];
                test.matches(Some(&FieldValue::Terms { terms, list: false }))
            };
            let terms: Vec<Term> = terms.iter().filter(passes).cloned().collect();
            (!terms.is_empty()).then_some(Test::OneOf(terms))?
        }
        (Test::Between { low, high }, Test::Between { low: l, high: h }) => {
            let low = tighter(low, l, |a, b| a > b);
            let high = tighter(high, h, |a, b| a < b);
            if is_empty(low, high) || !have_one_type(&[one, other]) {
                return None;
            }
            Test::Between {
                low: low.clone(),
                high: high.clone(),
            }
        }
        _ => return None,
    };
    Some(test)
}

/// The tighter of two bounds.
fn tighter<'a>(
    one: &'a Bound<Term>,
    other: &'a Bound<Term>,
    inside: impl Fn(&Term, &Term) -> bool,
) -> &'a Bound<Term> {
    match (one, other) {
        (Unbounded, _) => other,
        (_, Unbounded) => one,
        (Included(a) | Excluded(a), Included(b) | Excluded(b)) => {
            if inside(a, b) || (a == b && matches!(one, Excluded(_))) {
                one
            } else {
                other
            }
        }
    }
}

fn is_empty(low: &Bound<Term>, high: &Bound<Term>) -> bool {
    match (low, high) {
        (Included(low), Included(high)) => low > high,
        (Included(low) | Excluded(low), Included(high) | Excluded(high)) => low >= high,
        _ => false,
    }
}

/// Whether all ends of the ranges have one type.
fn have_one_type(ranges: &[&Test]) -> bool {
    let mut kinds = ranges
        .iter()
        .flat_map(|range| match range {
            Test::Between { low, high } => vec![low, high],
            _ => Vec::new(),
        })
        .filter_map(|bound| match bound {
            Included(term) | Excluded(term) => Some(std::mem::discriminant(term)),
            Unbounded => None,
        });
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}
