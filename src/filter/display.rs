//! Expressions as text that parses back to them.

use super::error::shown;
use super::expr::{Comparison, Expr, Op, Predicate};
use super::lex::{is_bare, is_keyword};
use std::fmt::{self, Display, Formatter, Write};
use twinspire_towers::internals::{Number, Term};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) if parts.is_empty() => f.write_str("true"),
            Self::Any(parts) if parts.is_empty() => f.write_str("false"),
            Self::All(parts) => joined(f, parts, " and ", |part| matches!(part, Self::Any(_))),
            Self::Any(parts) => joined(f, parts, " or ", |_| false),
            Self::Not(inner) => match &**inner {
                Self::Predicate(predicate) if predicate.takes_infix_not() => {
                    predicate.write(f, "not ")
                }
                Self::Predicate(predicate) => write!(f, "not {predicate}"),
                other if other.is_constant() => write!(f, "not {other}"),
                other => write!(f, "not ({other})"),
            },
            Self::Predicate(predicate) => predicate.fmt(f),
        }
    }
}

impl Expr {
    fn is_constant(&self) -> bool {
        matches!(self, Self::All(parts) | Self::Any(parts) if parts.is_empty())
    }
}

fn joined(
    f: &mut Formatter<'_>,
    parts: &[Expr],
    between: &str,
    parenthesised: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        if parenthesised(part) && !part.is_constant() {
            write!(f, "({part})")?;
        } else {
            part.fmt(f)?;
        }
    }
    Ok(())
}

impl Predicate {
    /// Whether `not` comes between the field and the operator.
    fn takes_infix_not(&self) -> bool {
        matches!(
            self.op,
            Op::In(_) | Op::Between(..) | Op::HasAny(_) | Op::HasAll(_) | Op::StartsWith(_)
        )
    }

    fn write(&self, f: &mut Formatter<'_>, not: &str) -> fmt::Result {
        let field = Path(&self.field);
        match &self.op {
            Op::Compare(comparison, term) => write!(f, "{field} {comparison} {}", Shown(term)),
            Op::Between(low, high) => {
                write!(f, "{field} {not}between {} and {}", Shown(low), Shown(high))
            }
            Op::In(terms) => write!(f, "{field} {not}in {}", List(terms)),
            Op::HasAny(terms) => match &**terms {
                [term] => write!(f, "{field} {not}has {}", Shown(term)),
                terms => write!(f, "{field} {not}has any {}", List(terms)),
            },
            Op::HasAll(terms) => write!(f, "{field} {not}has all {}", List(terms)),
            Op::StartsWith(prefix) => write!(f, "{field} {not}starts with {}", Quoted(prefix)),
            Op::IsNull => write!(f, "{field} is null"),
            Op::IsNotNull => write!(f, "{field} is not null"),
            Op::Within { lat, lon, km } => write!(
                f,
                "within({field}, {}, {}, {})",
                Number::from(*lat),
                Number::from(*lon),
                Number::from(*km)
            ),
        }
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

/// A field, in backquotes where it needs them.
struct Path<'a>(&'a str);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.split('.').all(is_bare) && !is_keyword(self.0) {
            return f.write_str(self.0);
        }
        write!(f, "`{}`", self.0.replace('`', "``"))
    }
}

struct Shown<'a>(&'a Term);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Term::Bool(flag) => flag.fmt(f),
            Term::Number(number) => number.fmt(f),
            Term::Text(text) => Quoted(text).fmt(f),
        }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for c in self.0.chars() {
            match c {
                '\'' => f.write_str("''")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('\'')
    }
}

struct List<'a>(&'a [Term]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        for (at, term) in self.0.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{}", Shown(term))?;
        }
        f.write_char(')')
    }
}

/// A literal, as messages repeat it.
pub(super) fn literal(term: &Term) -> String {
    shown(&Shown(term).to_string())
}

/// A field, as messages repeat it.
pub(super) fn field(path: &str) -> String {
    format!("`{}`", shown(path))
}
