//! Items and events as the rest of the house means them.
//!
//! An *item* is a JSON object with a string `id`; [`check_item`] is the one door through which every
//! item passes before it is stored, whether it came from a call, a file or the command line. An
//! [`Event`] is one line of an interaction log. [`describe`] names a JSON value for people, so that
//! every error of the house says "a number (42)" in the same words. [`Fields`] are what filters see of
//! an item, and a [`Test`] what they ask of one field.
//!
//! Out of scope: where items are stored (`store`, `catalog`), how files are read (`import`), what a
//! tower makes of a field (`tower`). Cost: one pass over the record, nothing allocated.

mod describe;
mod event;
mod fields;
mod item;
mod mined;

pub use describe::describe;
pub use event::Event;
pub use fields::{FieldValue, Fields, MAX_PATH_BYTES, Place, Term, Test};
pub use item::{MAX_RECORD_BYTES, RecordError, check_id, check_item};
pub use mined::{MinedNegative, MinedPair, TrainingPair};
