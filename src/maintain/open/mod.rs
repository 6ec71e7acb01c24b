//! Opening a database: locks, recovery, and the first snapshot.
//!
//! [`open_writer`] takes the lock, makes the current manifest durable, reads the journal whole, compares
//! the index with it, opens the segments and embeds what is newer than each generation. [`open_reader`]
//! does the same without the writer's lock and without changes; it starts over if a writer commits
//! meanwhile.
//!
//! A file of a newer format is refused as unsupported, before anything is written.
//!
//! A directory that holds data but no CURRENT is refused: it is not overwritten by a new database.

mod current;
mod lock;
mod missing;
mod newer;
mod reader;
mod writer;

pub(crate) use lock::{hold_files, lock_directory};
pub(crate) use missing::{is_gone, missing};
pub(crate) use newer::refuse_any_newer;
pub(crate) use reader::{Known, open_reader};
pub(crate) use writer::{OpenSettings, Opened, open_writer};
