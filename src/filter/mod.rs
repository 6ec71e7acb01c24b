//! Filters: which items a recall may answer with.
//!
//! A [`Filter`] is written as text or put together by calls, and is the same thing either way: an
//! expression over the fields of items (`expr`), of which `display` makes text that `parse` reads
//! back to an equal filter. What an expression may say at all is settled where it is made (`valid`);
//! whether it makes sense for the fields that items have is settled by a recall (`check`), which also
//! turns it into a [`Condition`]: a tree over the tests of single fields, with nothing said twice.
//! Every error is a [`FilterError`] that points at the place in the text.
//!
//! Logic has two values. `not` is the plain complement, and `!=` is `not =`: an item without the field
//! matches `!=`, as it matches `is null`. A list matches a comparison if any of its elements does.
//!
//! The grammar, keywords in any case:
//!
//! ```text
//! filter     = and-group { "or" and-group }
//! and-group  = factor { "and" factor }
//! factor     = "not" factor | "(" filter ")" | "true" | "false" | place | field test
//! place      = "within" "(" field "," number "," number "," number ")"
//! test       = ( "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) literal
//!            | [ "not" ] ( "in" list | "between" literal "and" literal
//!                        | "has" ( literal | "any" list | "all" list ) | "starts" "with" literal )
//!            | "is" [ "not" ] "null"
//! list       = "(" literal { "," literal } ")"
//! literal    = number | text in ' or " | "true" | "false"
//! field      = name { "." name }
//! name       = letters, digits and _, no digit first | anything in backquotes
//! ```
//!
//! Out of scope: what fields a record has and what a test of one of them means (`record::fields`),
//! how many items match and how they are found (`recall`). Cost: one pass over the text; checking is
//! a look-up per comparison. Depth, length and lists are bounded, so that no text ends the stack.

mod check;
mod condition;
mod display;
mod error;
mod expr;
mod field;
mod lex;
mod parse;
#[cfg(test)]
mod tests;
mod valid;

pub(crate) use check::{Kinds, Known};
pub(crate) use condition::Condition;
pub use error::FilterError;
pub use expr::Filter;
pub use field::{Field, FilterLiteral};

/// The longest text of a filter, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// How deep a filter may nest.
const MAX_DEPTH: usize = 100;
/// The longest list of literals.
const MAX_LIST: usize = 10_000;
