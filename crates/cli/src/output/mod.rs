//! What a command gives back: results on standard output, messages and progress on standard error, and an
//! exit code.
//!
//! A command builds one JSON document and hands it to [`Output::result`] with a function that lays it out
//! for people: as a [`Table`], or as an [`outline`] of the whole document. Records that are written while
//! they are read go through [`write_stream`]. A command that cannot do its work returns a [`Failure`], which
//! carries the exit code, the message, its causes and a hint.

mod exit;
mod failure;
mod outline;
mod printer;
mod progress;
mod stages;
mod stream;
mod table;
mod text;

pub use exit::Exit;
pub use failure::Failure;
pub use outline::outline;
pub use printer::Output;
pub use progress::Unit;
pub use stages::Stages;
pub use stream::{StreamError, StreamWriter, write_stream};
pub use table::Table;
pub use text::{counted, escape_controls, moment, short, thousands};
