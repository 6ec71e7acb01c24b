//! The check of an expression against the fields of the items.

use super::display::{field, literal};
use super::error::FilterErrorKind;
use super::expr::{Expr, Op, Predicate};
use super::field_kinds::FieldKinds;
use super::known_fields::KnownFields;
use super::limits::MAX_LIST_NUMBERS;
use super::problem::{Flaw, Part, Problem};
use super::suggest::nearest;
use super::times;
use twinspire_towers::internals::Term;

/// Maximum number of known fields that an error lists.
const LISTED: usize = 8;

/// The first predicate that can never match, or whose field does not exist.
pub(super) fn check(expr: &Expr, known: &KnownFields) -> Result<(), Problem> {
    expr.try_for_each_predicate(&mut |number, predicate| {
        let checked = match known.kinds(&predicate.field) {
            _ if known.is_unfiltered(&predicate.field) => Err(unfiltered(&predicate.field)),
            Some(kinds) => check_types(predicate, kinds),
            None if known.is_open() => Ok(()),
            None => Err(unknown_field(predicate, known)),
        };
        checked.map_err(Problem::of(number))
    })
}

/// Checks that a predicate could match some value of these types.
fn check_types(predicate: &Predicate, kinds: FieldKinds) -> Result<(), Flaw> {
    let flaw = |part, message| Flaw {
        part,
        kind: FilterErrorKind::Type {
            field: predicate.field.clone(),
        },
        message,
    };
    let name = field(&predicate.field);
    let terms = match &predicate.op {
        Op::IsNull | Op::IsNotNull => return Ok(()),
        Op::Within { .. } if kinds.places => return Ok(()),
        Op::Within { .. } => {
            let message = format!(
                "{name} holds {}, no places; a place is an object with `lat` and `lon`",
                kinds.in_words()
            );
            return Err(flaw(Part::Field, message));
        }
        Op::HasAny(_) | Op::HasAll(_) if !kinds.lists => {
            let message = format!("{name} never holds a list; compare it with `=` or `in`");
            return Err(flaw(Part::Op, message));
        }
        Op::StartsWith(prefix) => &[Term::Text(prefix.clone())][..],
        Op::Compare(_, term) => std::slice::from_ref(term),
        Op::Between(low, _) => std::slice::from_ref(low),
        Op::In(terms) | Op::HasAny(terms) | Op::HasAll(terms) => terms,
    };
    if kinds.untyped {
        return Ok(());
    }
    if kinds.only_number_lists() {
        let message = format!(
            "{name} holds lists of more than {MAX_LIST_NUMBERS} numbers, which are stored but not indexed; \
             a filter can only test whether it `is null`"
        );
        return Err(flaw(Part::Field, message));
    }
    let mut terms = terms.iter().enumerate();
    let has_times = kinds.numbers && !matches!(predicate.op, Op::StartsWith(_));
    let fits = |term| kinds.holds_type_of(term) || has_times && times::moment(term).is_some();
    let Some((at, term)) = terms.find(|(_, term)| !fits(term)) else {
        return Ok(());
    };
    let kind = match term {
        Term::Bool(_) => "a boolean",
        Term::Number(_) => "a number",
        Term::Text(_) => "a text",
    };
    let mut message = format!(
        "{name} holds {}; {} is {kind}",
        kinds.in_words(),
        literal(term)
    );
    match term {
        Term::Text(text) if kinds.numbers && text.parse::<f64>().is_ok() => {
            message.push_str("; without the quotes it is a number");
        }
        Term::Number(_) if kinds.texts => message.push_str("; in quotes it is a text"),
        _ if kinds.places => {
            message.push_str("; test places with within(field, lat, lon, km)");
        }
        _ => {}
    }
    Err(flaw(Part::Literal(at), message))
}

/// What is wrong with a field that an import kept out of filters.
fn unfiltered(path: &str) -> Flaw {
    let name = field(path);
    Flaw {
        part: Part::Field,
        kind: FilterErrorKind::Unfiltered {
            field: path.to_owned(),
        },
        message: format!("{name} is kept out of filters, by the option no-filter of an import"),
    }
}

/// What is wrong with a field that no item has.
fn unknown_field(predicate: &Predicate, known: &KnownFields) -> Flaw {
    let path = &*predicate.field;
    let names: Vec<&str> = known.paths().collect();
    let nearest = nearest(path, &names);
    Flaw {
        part: Part::Field,
        message: unknown_message(predicate, known, &names, nearest),
        kind: FilterErrorKind::UnknownField {
            field: path.to_owned(),
            nearest: nearest.map(str::to_owned),
        },
    }
}

fn unknown_message(
    predicate: &Predicate,
    known: &KnownFields,
    names: &[&str],
    nearest: Option<&str>,
) -> String {
    let path = &*predicate.field;
    let no = format!("there is no field {}", field(path));
    let members: Vec<&str> = known.members(path).collect();
    if !members.is_empty() && matches!(predicate.op, Op::Within { .. }) {
        let members = list(&members, "and");
        return format!(
            "{} is an object with {members}, no place; a place has exactly the numbers `lat`, -90 to \
             90, and `lon`, -180 to 180",
            field(path)
        );
    }
    if !members.is_empty() {
        return format!(
            "{} is an object; compare {}",
            field(path),
            list(&members, "or")
        );
    }
    match nearest {
        Some(near) => format!("{no}; did you mean {}?", field(near)),
        None => format!("{no}; there is {}", list(names, "and")),
    }
}

/// The first few names, joined into a phrase.
fn list(names: &[&str], joiner: &str) -> String {
    let shown = names.get(..LISTED).unwrap_or(names);
    let mut text = shown.iter().map(|name| field(name)).collect::<Vec<_>>();
    let more = names.len() - shown.len();
    if more > 0 {
        text.push(format!("{more} more"));
    }
    match text.split_last() {
        Some((last, others)) if !others.is_empty() => {
            let joiner = if more > 0 { "and" } else { joiner };
            format!("{} {joiner} {last}", others.join(", "))
        }
        _ => text.concat(),
    }
}
