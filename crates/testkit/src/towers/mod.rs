//! Small towers whose vectors are easy to compute by hand.
//!
//! Each function gives the files of a towers directory, which any copy of the database crate can read:
//! write them with [`write_files`](crate::write_files), open them with [`open`].
//!
//! - [`scaled`]: one component, the price times a scale.
//! - [`fields`]: the components are fields of the record.
//! - [`identity`]: a dense layer that changes nothing.
//! - [`deep`]: two layers of made-up weights.

mod deep;
mod fields;
mod files;
mod identity;
mod scaled;

pub use deep::deep;
pub use fields::{field_towers, fields};
pub use files::{Tensor, TowerFiles, open, save, tower_files};
pub use identity::{identity, identity_record};
pub use scaled::{scaled, scaled_towers};
