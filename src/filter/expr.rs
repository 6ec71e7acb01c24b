//! The expression a filter is, and the filter around it.

use super::check::Known;
use super::condition::Condition;
use super::error::{Fault, FilterError};
use super::field::Field;
use super::{MAX_DEPTH, check, parse, valid};
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::str::FromStr;
use twinspire_towers::internals::Term;

/// Which items a recall may answer with: an expression over their fields.
///
/// As text, in the manner of SQL:
///
/// ```
/// use twinspire::Filter;
/// # fn main() -> Result<(), twinspire::FilterError> {
/// let cheap = Filter::parse("price < 30 and city in ('Seattle', 'Portland')")?;
/// let near = Filter::parse("tags has 'new' and not within(location, 47.6, -122.3, 25)")?;
/// # drop((cheap, near));
/// # Ok(())
/// # }
/// ```
///
/// The same by calls, where no value needs quotes:
///
/// ```
/// # use twinspire::Filter;
/// let cheap = Filter::field("price").lt(30).and(Filter::field("city").one_of(["Seattle", "Portland"]));
/// let near = Filter::field("tags").has("new") & !Filter::field("location").within(47.6, -122.3, 25.0);
/// assert_eq!(cheap.to_string(), "price < 30 and city in ('Seattle', 'Portland')");
/// # drop(near);
/// ```
///
/// | text | by calls | matches |
/// |---|---|---|
/// | `price = 3`, `==` | `.eq(3)` | the value, or a list with it in it |
/// | `price != 3`, `<>` | `.ne(3)` | everything else, items without the field among it |
/// | `<` `<=` `>` `>=` | `.lt` `.le` `.gt` `.ge` | values of the literal's kind; texts by their bytes |
/// | `price between 3 and 5` | `.between(3..=5)` | both ends included |
/// | `city in ('A', 'B')` | `.one_of(["A", "B"])` | any of these |
/// | `tags has 'new'`, `has any (…)`, `has all (…)` | `.has` `.has_any` `.has_all` | lists with these in them |
/// | `title starts with 'pre'` | `.starts_with("pre")` | texts that begin so |
/// | `price is null`, `is not null` | `.is_null()` `.is_not_null()` | items without the field, with it |
/// | `within(place, lat, lon, km)` | `.within(lat, lon, km)` | places (objects of `lat` and `lon`) so near |
/// | `and` `or` `not`, parentheses | `.and` `.or` `!`, `&` `\|` | `and` binds before `or` |
/// | `true` `false` | `Filter::all([])` `Filter::any([])` | everything, nothing |
///
/// Texts stand in single or double quotes, which are doubled or escaped by a backslash inside; a field
/// whose name is not made of letters, digits and `_` stands in backquotes; `seller.city` is the `city`
/// of the object `seller`. Numbers compare as 64-bit floats. A list matches if any of its elements
/// does, and null is as if the field were not there. Logic has two values: `not` is the plain
/// complement.
///
/// A recall checks the filter against the fields that the items have: a field that none has, or a
/// literal of a kind that its field never holds, is a [`FilterError`]. So is text that is no filter;
/// [`parse`](Self::parse) says so at once, and where a text stands for a filter, as in
/// [`Recall::filter`](crate::Recall::filter), the recall does.
#[derive(Clone)]
pub struct Filter {
    /// The expression, or what is wrong with it.
    expr: Result<Expr, Box<FilterError>>,
    /// The text it was parsed from; errors point into it.
    text: Option<Box<str>>,
    /// Levels of the expression.
    depth: usize,
}

/// An expression. `all`, `any` and `not` keep it in one form: no `All` in an `All`, no `Any` in an
/// `Any`, no `Not` of a `Not`, and none of one member.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// All of them; of none, everything.
    All(Vec<Expr>),
    /// Any of them; of none, nothing.
    Any(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// What is asked of one field.
    Predicate(Predicate),
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Predicate {
    /// Its path.
    pub(super) field: String,
    /// What is asked.
    pub(super) op: Op,
}

/// What can be asked of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Compare(Comparison, Term),
    Between(Term, Term),
    In(Vec<Term>),
    HasAny(Vec<Term>),
    HasAll(Vec<Term>),
    StartsWith(String),
    IsNull,
    IsNotNull,
    Within { lat: f64, lon: f64, km: f64 },
}

/// A comparison with one literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Pointing at the place where the text stops to be a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let filter = Self::from(text);
        match filter.expr {
            Ok(_) => Ok(filter),
            Err(error) => Err(*error),
        }
    }

    /// A field of the items, by its name or its path, of which to ask something.
    pub fn field(path: impl Into<String>) -> Field {
        Field::new(path.into())
    }

    /// Matches what all of these match; of none, everything.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::join(filters, Expr::all, |expr| matches!(expr, Expr::All(_)))
    }

    /// Matches what any of these matches; of none, nothing.
    #[must_use]
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::join(filters, Expr::any, |expr| matches!(expr, Expr::Any(_)))
    }

    /// Matches what both match.
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self::all([self, other.into()])
    }

    /// Matches what either matches.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self::any([self, other.into()])
    }

    /// Matches what this does not; `!` does the same.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "the trait is there too; chains read better"
    )]
    pub fn not(self) -> Self {
        let Self { expr, depth, .. } = self;
        match expr {
            Ok(expr) => {
                let undone = matches!(expr, Expr::Not(_));
                let depth = if undone { depth - 1 } else { depth + 1 };
                Self::new(Expr::not(expr), depth)
            }
            Err(error) => Self::wrong(error),
        }
    }

    /// Whether it makes sense for these fields.
    pub(crate) fn check(&self, known: &Known) -> Result<(), FilterError> {
        let expr = self.expr.as_ref().map_err(|error| (**error).clone())?;
        check::check(expr, known).map_err(|problem| self.place(expr, problem))
    }

    /// The condition on items of which no more than this is known; nothing passes what is no filter.
    pub(crate) fn condition(&self, known: &Known) -> Condition {
        match &self.expr {
            Ok(expr) => Condition::of(expr, known),
            Err(_) => Condition::Any(Vec::new()),
        }
    }

    /// Calls `look` with the path of every field that it asks something of.
    pub(crate) fn each_field(&self, mut look: impl FnMut(&str)) {
        if let Ok(expr) = &self.expr {
            // `look` finds nothing wrong.
            let _ = valid::each(expr, &mut |predicate| {
                look(&predicate.field);
                Ok(())
            });
        }
    }

    /// A problem as an error that points at its place.
    fn place(&self, expr: &Expr, problem: valid::Problem) -> FilterError {
        let text = match &self.text {
            Some(text) => text.to_string(),
            None => expr.to_string(),
        };
        let fault = match parse::parse(&text) {
            Ok(parsed) => problem.in_text(&parsed.places),
            Err(fault) => fault,
        };
        fault.of(text)
    }

    pub(super) fn predicate(field: String, op: Op) -> Self {
        let expr = Expr::Predicate(Predicate { field, op });
        match valid::valid(&expr) {
            Ok(()) => Self::new(expr, 1),
            Err(problem) => {
                let mut filter = Self::new(expr.clone(), 1);
                filter.expr = Err(Box::new(filter.place(&expr, problem)));
                filter
            }
        }
    }

    fn new(expr: Expr, depth: usize) -> Self {
        if depth > MAX_DEPTH {
            let fault = Fault::new(0..0, TOO_DEEP);
            return Self::wrong(Box::new(fault.of("")));
        }
        Self {
            expr: Ok(expr),
            text: None,
            depth,
        }
    }

    fn wrong(error: Box<FilterError>) -> Self {
        Self {
            expr: Err(error),
            text: None,
            depth: 1,
        }
    }

    fn join(
        filters: impl IntoIterator<Item = Self>,
        join: impl Fn(Vec<Expr>) -> Expr,
        is_joined: impl Fn(&Expr) -> bool,
    ) -> Self {
        let mut filters = filters.into_iter().peekable();
        let Some(first) = filters.next() else {
            return Self::new(join(Vec::new()), 1);
        };
        if filters.peek().is_none() {
            return first;
        }
        let (mut parts, mut depth) = (Vec::new(), 1);
        for filter in std::iter::once(first).chain(filters) {
            match filter.expr {
                Ok(expr) => {
                    let joined = is_joined(&expr);
                    depth = depth.max(filter.depth + usize::from(!joined));
                    parts.push(expr);
                }
                Err(error) => return Self::wrong(error),
            }
        }
        Self::new(join(parts), depth)
    }
}

/// Said wherever a filter nests too deep.
pub(super) const TOO_DEEP: &str = "the filter nests deeper than 100 levels; write it flatter";

impl Expr {
    /// All of them.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        join(parts, Self::All, |part| match part {
            Self::All(parts) => Ok(parts),
            other => Err(other),
        })
    }

    /// Any of them.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        join(parts, Self::Any, |part| match part {
            Self::Any(parts) => Ok(parts),
            other => Err(other),
        })
    }

    /// What it does not match.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// How many levels it has.
    fn depth(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(inner) => 1 + inner.depth(),
            Self::Predicate(_) => 1,
        }
    }
}

/// Puts what is joined the same way side by side.
fn join(
    parts: Vec<Expr>,
    whole: impl Fn(Vec<Expr>) -> Expr,
    split: impl Fn(Expr) -> Result<Vec<Expr>, Expr>,
) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match split(part) {
            Ok(mut inner) if flat.is_empty() => std::mem::swap(&mut flat, &mut inner),
            Ok(inner) => flat.extend(inner),
            Err(part) => flat.push(part),
        }
    }
    match flat.len() {
        1 => flat.swap_remove(0),
        _ => whole(flat),
    }
}

impl BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        Self::not(self)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

/// A text that is no filter becomes one that every recall refuses, with the place in the text.
impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        match parse::parse(text) {
            Ok(parsed) => Self {
                depth: parsed.expr.depth(),
                expr: Ok(parsed.expr),
                text: Some(text.into()),
            },
            Err(fault) => Self::wrong(Box::new(fault.of(text))),
        }
    }
}

impl From<String> for Filter {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Filter {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

/// Filters are equal if they ask the same in the same order; how they were written does not matter.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

/// As text that [`parse`](Filter::parse) reads back to an equal filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Ok(expr) => expr.fmt(f),
            Err(error) => f.write_str(&error.text),
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.to_string()).finish()
    }
}
