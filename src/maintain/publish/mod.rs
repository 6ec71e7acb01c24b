//! Publishing: towers, an embedding of every item and an index become one generation.
//!
//! A [`Publish`] says what to do, a [`Source`] where the vectors come from. [`publish`] seals, computes
//! the vectors and builds the index while puts go on ([`choose`] decides which kind), writes segment and towers,
//! audits the index, and makes the generation active in one commit. A failure before the commit leaves files that collection
//! removes, and nothing else.

mod choose;
mod doubt;
mod job;
mod run;
mod source;
mod vectors;
mod version;

pub(crate) use job::Publish;
pub(crate) use run::publish;
pub(crate) use source::{Given, Source};
#[cfg(test)]
pub(crate) use vectors::Vectors;
