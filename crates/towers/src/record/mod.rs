//! Items, events and training examples, and the fields that filters see.
//!
//! - An *item* is a JSON object with a string `id`. [`check_item`] checks every item before it is stored, whether it comes
//!   from a call, a file or the command line.
//! - [`Event`] is one line of an interaction log, [`TrainingPair`] and [`MinedPair`] are training examples.
//! - [`Fields`] are the fields of an item that filters see; a [`Test`] is a condition on one field.
//! - [`Moment`] is a point in time, read from numbers of any unit and from text.
//! - [`describe`] names a JSON value in error messages: "a number (42)".
//!
//! Out of scope: where items are stored (`store`, `catalog`), how files are read (`import`), how a tower reads a field
//! (`tower`). Cost: one pass over the record.

mod describe;
mod event;
mod field_test;
mod fields;
mod item;
mod mined;
mod moment;
mod number;
mod place;
mod term;
#[cfg(test)]
mod tests;

pub use describe::describe;
pub use event::Event;
pub use field_test::Test;
pub use fields::{FieldValue, Fields, MAX_PATH_BYTES};
pub use item::{MAX_RECORD_BYTES, RecordError, check_id, check_item};
pub use mined::{KnownIds, MinedNegative, MinedPair, TrainingPair};
pub use moment::{Moment, TimeUnit};
pub use number::{Number, check_integers};
pub use place::{Place, misread_places};
pub use term::Term;
