//! Schemas derived from the columns of the data.
//!
//! - `columns` derives what kind of values each field has.
//! - [`Overrides`] are the user's changes to that.
//! - `draft` combines both into features and tables; a recipe adds its own features and layers.
//! - `log` drafts the towers of the recipes that learn from users, items and events.
//! - `extend` grows the vocabularies of an earlier schema for a warm start.

mod columns;
mod draft;
mod extend;
mod log;
mod lookup;
mod overrides;
mod unread;

pub(crate) use columns::{Profile, category_fields, columns, field_names, text_fields};
pub(crate) use draft::{Draft, Widths};
#[cfg(test)]
pub(crate) use log::to_unit_vector;
pub(crate) use log::{ITEMS, Ids, USER_ID, extend_schema, hidden};
pub(crate) use lookup::{hashed, optional, vocabulary};
pub use overrides::{Overrides, TowerOverrides};
pub use unread::Unread;

#[cfg(test)]
mod tests;
