//! A filter: an expression, and the text that its errors point into.

use super::check::check;
use super::condition::Condition;
use super::error::{Fault, FilterError};
use super::expr::{Expr, Op, Predicate};
use super::known_fields::KnownFields;
use super::limits::{MAX_DEPTH, TOO_DEEP};
use super::parse::parse;
use super::problem::Problem;
use super::valid::valid;
use std::convert::Infallible;
use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::str::FromStr;

/// Which items a recall may answer with: an expression over their fields.
///
/// As text, similar to SQL:
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
/// The same by calls; values need no quotes:
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
/// | `price = 3`, `==` | `.eq(3)` | the value, or a list that contains it |
/// | `price != 3`, `<>` | `.ne(3)` | everything else, also items without the field |
/// | `<` `<=` `>` `>=` | `.lt` `.le` `.gt` `.ge` | values of the type of the literal; texts compare by their bytes |
/// | `price between 3 and 5` | `.between(3..=5)` | both ends included |
/// | `city in ('A', 'B')` | `.one_of(["A", "B"])` | any of these |
/// | `tags has 'new'`, `has any (…)`, `has all (…)` | `.has` `.has_any` `.has_all` | lists that contain these |
/// | `title starts with 'pre'` | `.starts_with("pre")` | texts that start with it |
/// | `price is null`, `is not null` | `.is_null()` `.is_not_null()` | items without the field; items with it |
/// | `within(place, lat, lon, km)` | `.within(lat, lon, km)` | places (objects with `lat` and `lon`, in degrees) at most `km` kilometres away |
/// | `and` `or` `not`, parentheses | `.and` `.or` `!`, `&` `\|` | `and` binds before `or` |
/// | `true` `false` | `Filter::all([])` `Filter::any([])` | everything, nothing |
///
/// Write texts in single or double quotes; double a quote inside, or escape it by a backslash. Write field
/// names of other characters than letters, digits and `_` in backquotes. `seller.city` is the `city` of
/// the object `seller`.
///
/// Numbers compare exactly: digits alone are an integer of at most 64 bits, with a point or an exponent
/// they are a 64-bit float. A text that is a [time](crate::Moment::parse), such as `created >= '2024-08-04'`,
/// also matches numbers that are times, in the [unit](crate::TimeUnit::of) that their size tells. A list matches if any of its elements does. A null counts as a
/// missing field. Logic has two values: `not` is the plain complement.
///
/// A recall checks the filter against the fields of all items that were ever stored. A field that none
/// of them had, or a literal of a type that its field never held, is a [`FilterError`]. A filter that
/// was valid once stays valid: when no item has the field any more, nothing matches. So is a text that cannot be parsed:
/// [`parse`](Self::parse) reports it at once. Where a text stands for a filter, as in
/// [`Recall::filter`](crate::Recall::filter), the recall reports it.
#[derive(Clone)]
pub struct Filter {
    /// The expression, or the error of parsing it.
    expr: Result<Expr, Box<FilterError>>,
    /// The text that it was parsed from; errors point into it.
    text: Option<Box<str>>,
    /// Levels of the expression.
    depth: usize,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// Points at the place where parsing fails.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let filter = Self::from(text);
        match filter.expr {
            Ok(_) => Ok(filter),
            Err(error) => Err(*error),
        }
    }

    /// Matches the items that all of these match; every item if the list is empty.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::join(filters, Expr::all, |expr| matches!(expr, Expr::All(_)))
    }

    /// Matches the items that any of these matches; no item if the list is empty.
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
        reason = "the trait is implemented too; chains of calls read better"
    )]
    pub fn not(self) -> Self {
        let Self { expr, depth, .. } = self;
        match expr {
            Ok(expr) => {
                let undone = matches!(expr, Expr::Not(_));
                let depth = if undone { depth - 1 } else { depth + 1 };
                Self::new(Expr::not(expr), depth)
            }
            Err(error) => Self::invalid(error),
        }
    }

    /// Checks the filter against the fields of the items.
    pub(crate) fn check(&self, known: &KnownFields) -> Result<(), FilterError> {
        let expr = self.expr.as_ref().map_err(|error| (**error).clone())?;
        check(expr, known).map_err(|problem| self.locate(expr, problem))
    }

    /// Compiles the filter into a condition on items with these fields. Nothing matches a filter that
    /// could not be parsed.
    pub(crate) fn condition(&self, known: &KnownFields) -> Condition {
        match &self.expr {
            Ok(expr) => Condition::compile(expr, known),
            Err(_) => Condition::Any(Vec::new()),
        }
    }

    /// Compiles the filter into a condition on items with any fields.
    pub(crate) fn any_condition(&self) -> Condition {
        self.condition(&KnownFields::unknown())
    }

    /// Calls `visit` with the path of the field of each predicate.
    pub(crate) fn for_each_field(&self, mut visit: impl FnMut(&str)) {
        if let Ok(expr) = &self.expr {
            let visited = expr.try_for_each_predicate(&mut |_, predicate| {
                visit(&predicate.field);
                Ok::<(), Infallible>(())
            });
            let Ok(()) = visited;
        }
    }

    /// Turns a problem into an error that points at its place in the text.
    fn locate(&self, expr: &Expr, problem: Problem) -> FilterError {
        let text = match &self.text {
            Some(text) => text.to_string(),
            None => expr.to_string(),
        };
        let fault = match parse(&text) {
            Ok(parsed) => problem.located(&parsed.spans),
            Err(fault) => fault,
        };
        fault.in_text(text)
    }

    /// The filter of one predicate.
    pub(super) fn predicate(field: String, op: Op) -> Self {
        let expr = Expr::Predicate(Predicate { field, op });
        match valid(&expr) {
            Ok(()) => Self::new(expr, 1),
            Err(problem) => {
                let mut filter = Self::new(expr.clone(), 1);
                filter.expr = Err(Box::new(filter.locate(&expr, problem)));
                filter
            }
        }
    }

    fn new(expr: Expr, depth: usize) -> Self {
        if depth > MAX_DEPTH {
            let fault = Fault::limit(0..0, TOO_DEEP);
            return Self::invalid(Box::new(fault.in_text("")));
        }
        Self {
            expr: Ok(expr),
            text: None,
            depth,
        }
    }

    fn invalid(error: Box<FilterError>) -> Self {
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
                Err(error) => return Self::invalid(error),
            }
        }
        Self::new(join(parts), depth)
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

/// A text that cannot be parsed becomes a filter that every recall refuses, with the parse error.
impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        match parse(text) {
            Ok(parsed) => Self {
                depth: parsed.expr.depth(),
                expr: Ok(parsed.expr),
                text: Some(text.into()),
            },
            Err(fault) => Self::invalid(Box::new(fault.in_text(text))),
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

/// Filters are equal if their expressions are, whether they were parsed or built by calls.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

/// Text that [`parse`](Filter::parse) reads back to an equal filter.
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
