//! Filters: which items a recall may return.
//!
//! A [`Filter`] is parsed from text or built by calls; the result is the same. It passes these stages:
//!
//! 1. `lex` and `parse` turn text into an expression (`expr`); `field` builds one by calls. `display`
//!    turns it back into text that parses to an equal filter.
//! 2. `valid` checks what does not depend on the fields of the items: ranges, lists and numbers.
//! 3. A recall checks the expression against the fields that items have or had (`check`, by
//!    `known_fields`). The set of fields only grows, so a valid filter stays valid.
//! 4. It compiles the expression into a [`Condition`]: a tree of tests of single fields, merged and
//!    without double negation.
//!
//! Every error is a [`FilterError`] that points at its place in the text.
//!
//! Logic has two values. `not` is the plain complement, and `!=` is `not =`: an item without the field
//! matches `!=`, as it matches `is null`. A list matches a comparison if any of its elements does.
//!
//! The grammar; keywords may have any case:
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
//! Out of scope: which fields a record has and what a test of a field means (`record::fields` of the
//! crate `twinspire-towers`); how many items match and how they are found (`recall`).
//!
//! Cost: one pass over the text; a check is one look-up per comparison. Depth, length and lists are
//! [bounded](limits), so no text overflows the stack.

mod check;
mod condition;
mod display;
mod error;
mod expr;
mod field;
mod field_kinds;
mod filter;
mod intersection;
mod known_fields;
mod lex;
mod limits;
mod parse;
mod problem;
mod suggest;
#[cfg(test)]
mod tests;
mod times;
mod valid;

pub(crate) use condition::Condition;
pub use error::{FilterError, FilterErrorKind};
pub use field::{FilterField, FilterLiteral};
pub(crate) use field_kinds::FieldKinds;
pub use filter::Filter;
pub(crate) use known_fields::{KnownFields, is_within};
pub(crate) use limits::MAX_LIST_NUMBERS;
