//! Towers directories: [`Towers`] as users hold them, and how a directory is replaced without a moment at which
//! a crash would lose it.
//!
//! - `towers` opens, describes and embeds.
//! - `user_context` embeds users with the item vectors that a database would look up.
//! - `replace` writes a directory in the place of another.
//!
//! All file access goes through the [`FileSystem`](twinspire_core::files::FileSystem).

#![warn(clippy::indexing_slicing)]

mod replace;
#[cfg(test)]
mod tests;
mod towers;
mod user_context;

pub use towers::Towers;
pub use user_context::UserContext;
