//! Whether an expression makes sense for the fields that items have.

use super::display::{field, literal};
use super::expr::{Expr, Op, Predicate};
use super::valid::{self, Part, Problem};
use std::collections::BTreeMap;
use twinspire_towers::internals::{FieldValue, Fields, Term};

/// How many known fields an error lists.
const LISTED: usize = 8;
/// The longest name that is compared with others, in characters.
const COMPARED: usize = 64;

/// The fields that items have, and what they hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    fields: BTreeMap<String, Kinds>,
    /// Whether there may be others, of which nothing is known.
    open: bool,
}

/// What was seen in a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    /// Booleans.
    pub(crate) bools: bool,
    /// Numbers.
    pub(crate) numbers: bool,
    /// Strings.
    pub(crate) texts: bool,
    /// Places.
    pub(crate) places: bool,
    /// Lists, even empty ones.
    pub(crate) lists: bool,
}

impl Known {
    /// Nothing is known: any field may be there and hold anything.
    pub(crate) fn nothing() -> Self {
        Self {
            open: true,
            ..Self::default()
        }
    }

    /// Takes in the fields of an item.
    pub(crate) fn see(&mut self, fields: &Fields) {
        for (path, value) in fields.iter() {
            self.see_field(path, value);
        }
    }

    /// Takes in what an item has in a field.
    pub(crate) fn see_field(&mut self, path: &str, value: &FieldValue) {
        self.add(path, Kinds::of(value));
    }

    /// Takes in what some items have in a field.
    pub(crate) fn add(&mut self, path: &str, kinds: Kinds) {
        match self.fields.get_mut(path) {
            Some(known) => known.join(kinds),
            None => drop(self.fields.insert(path.to_owned(), kinds)),
        }
    }

    /// Whether no item has any field.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether no item has more than one value in the field.
    pub(super) fn is_single(&self, path: &str) -> bool {
        !self.open && self.fields.get(path).is_none_or(|kinds| !kinds.lists)
    }
}

impl Kinds {
    /// Of anything.
    pub(crate) const ANY: Self = Self {
        bools: true,
        numbers: true,
        texts: true,
        places: true,
        lists: true,
    };

    fn of(value: &FieldValue) -> Self {
        let mut kinds = Self::default();
        match value {
            FieldValue::Place(_) => kinds.places = true,
            FieldValue::Terms { terms, list } => {
                kinds.lists = *list;
                for term in terms {
                    *kinds.of_term(term) = true;
                }
            }
        }
        kinds
    }

    fn of_term(&mut self, term: &Term) -> &mut bool {
        match term {
            Term::Bool(_) => &mut self.bools,
            Term::Number(_) => &mut self.numbers,
            Term::Text(_) => &mut self.texts,
        }
    }

    fn join(&mut self, other: Self) {
        self.bools |= other.bools;
        self.numbers |= other.numbers;
        self.texts |= other.texts;
        self.places |= other.places;
        self.lists |= other.lists;
    }

    /// In words, for the end of "`price` holds …".
    fn in_words(self) -> String {
        let all = [
            (self.bools, "booleans"),
            (self.numbers, "numbers"),
            (self.texts, "texts"),
            (self.places, "places"),
        ];
        let held: Vec<_> = all
            .iter()
            .filter(|(held, _)| *held)
            .map(|(_, name)| *name)
            .collect();
        match held.split_last() {
            None => "only empty lists".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
        }
    }

    /// Whether nothing but empty lists was seen.
    fn is_hollow(self) -> bool {
        self == Self {
            lists: true,
            ..Self::default()
        }
    }
}

/// The first thing in the expression that makes no sense.
pub(super) fn check(expr: &Expr, known: &Known) -> Result<(), Problem> {
    if known.open {
        return Ok(());
    }
    valid::each(
        expr,
        &mut |predicate| match known.fields.get(&predicate.field) {
            Some(kinds) => fits(predicate, *kinds),
            None => Err((Part::Field, unknown(&predicate.field, known))),
        },
    )
}

/// Whether what is asked of a field could ever be so.
fn fits(predicate: &Predicate, mut kinds: Kinds) -> Result<(), (Part, String)> {
    let name = field(&predicate.field);
    let terms = match &predicate.op {
        Op::IsNull | Op::IsNotNull => return Ok(()),
        Op::Within { .. } if kinds.places => return Ok(()),
        Op::Within { .. } => {
            let message = format!(
                "{name} holds {}, and no places; a place is an object of `lat` and `lon`",
                kinds.in_words()
            );
            return Err((Part::Field, message));
        }
        Op::HasAny(_) | Op::HasAll(_) if !kinds.lists => {
            let message = format!("{name} is never a list; compare it by `=` or `in`");
            return Err((Part::Op, message));
        }
        Op::StartsWith(prefix) => &[Term::Text(prefix.clone())][..],
        Op::Compare(_, term) => std::slice::from_ref(term),
        Op::Between(low, _) => std::slice::from_ref(low),
        Op::In(terms) | Op::HasAny(terms) | Op::HasAll(terms) => terms,
    };
    if kinds.is_hollow() {
        return Ok(());
    }
    let stranger = terms.iter().position(|term| !*kinds.of_term(term));
    let Some((at, term)) = stranger.and_then(|at| Some((at, terms.get(at)?))) else {
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
            message.push_str(", and a number without the quotes");
        }
        Term::Number(_) if kinds.texts => message.push_str(", and a text in quotes"),
        _ if kinds.places => {
            message.push_str(", and of places one asks within(field, lat, lon, km)");
        }
        _ => {}
    }
    Err((Part::FilterLiteral(at), message))
}

/// What to say of a field that no item has.
fn unknown(path: &str, known: &Known) -> String {
    let no = format!("there is no field {}", field(path));
    let below = format!("{path}.");
    let members = known.fields.range(below.clone()..);
    let members: Vec<&str> = members
        .map(|(member, _)| member.as_str())
        .take_while(|member| member.starts_with(&below))
        .collect();
    if !members.is_empty() {
        return format!(
            "{} is an object; compare {}",
            field(path),
            list(&members, "or")
        );
    }
    let names: Vec<&str> = known.fields.keys().map(String::as_str).collect();
    match nearest(path, &names) {
        Some(near) => format!("{no}; did you mean {}?", field(near)),
        None => format!("{no}; there is {}", list(&names, "and")),
    }
}

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

/// The name that was likely meant: one that differs in few letters, the fewest first.
fn nearest<'a>(path: &str, names: &[&'a str]) -> Option<&'a str> {
    let letters = |name: &str| -> Vec<char> {
        name.chars()
            .flat_map(char::to_lowercase)
            .take(COMPARED + 1)
            .collect()
    };
    let wanted = letters(path);
    if wanted.len() > COMPARED {
        return None;
    }
    let near = names.iter().filter_map(|name| {
        let other = letters(name);
        let allowed = wanted.len().max(other.len()) / 3;
        let apart = wanted.len().abs_diff(other.len());
        if other.len() > COMPARED || apart > allowed {
            return None;
        }
        let distance = distance(&wanted, &other);
        // A member may have been named without the objects around it.
        let member = name.rsplit('.').next() == Some(path);
        (distance <= allowed || member).then_some((distance, *name))
    });
    let member = |name: &&&str| {
        name.strip_suffix(path)
            .is_some_and(|rest| rest.ends_with('.'))
    };
    let near = near.min().map(|(_, name)| name);
    near.or_else(|| names.iter().find(member).copied())
}

/// How many letters to change, add, leave out or swap with the next (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut above = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(i + 1);
        let mut left = None;
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, j) + usize::from(x != y);
            let mut best = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            if j > 0 && above == Some(y) && left == Some(x) {
                best = best.min(at(&before, j - 1).saturating_add(1));
            }
            row.push(best);
            left = Some(y);
        }
        before = std::mem::replace(&mut last, row);
        above = Some(x);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes_and_swaps() {
        let apart = |a: &str, b: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            distance(&letters(a), &letters(b))
        };
        assert_eq!(apart("", ""), 0);
        assert_eq!(apart("", "abc"), 3);
        assert_eq!(apart("price", "price"), 0);
        assert_eq!(apart("price", "prize"), 1);
        assert_eq!(apart("pirce", "price"), 1);
        assert_eq!(apart("prices", "rice"), 2);
        assert_eq!(apart("kitten", "sitting"), 3);
    }

    #[test]
    fn the_nearest_name_is_found_and_none_that_is_far() {
        let names = ["city", "in_stock", "price", "seller.city_code", "title"];
        for (typed, meant) in [
            ("prize", Some("price")),
            ("PRICE", Some("price")),
            ("instock", Some("in_stock")),
            ("city_code", Some("seller.city_code")),
            ("titel", Some("title")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, &names), meant, "{typed}");
        }
    }
}
