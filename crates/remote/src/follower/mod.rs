//! Following a store: a database that flips from epoch to epoch while it serves.
//!
//! ```text
//! newest head ─ fetch what is missing ─ verify ─ open beside the served epoch ─ swap ─ forget old epochs
//!        └ on any failure the served epoch goes on, and `lag` says why ──────┘
//! ```
//! - `handle` starts a follower and is what users hold; `epoch` is one epoch, open.
//! - `shared` finds the newest epoch and flips to it.
//! - `status` holds how far behind the follower is, and its state file.
//! - `background` is the thread that polls.
//!
//! Readers take the current epoch with one atomic load and never wait. Whoever holds an [`Epoch`] goes on with it: its
//! files stay until it is dropped.

mod background;
mod epoch;
mod handle;
mod shared;
mod status;

pub use epoch::Epoch;
pub use handle::{DEFAULT_INTERVAL, Follow, Follower};
pub use status::{FollowState, Lag};
