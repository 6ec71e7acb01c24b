//! The commands, one file each, all of one shape: parse the arguments, call the database, print the result.
//!
//! A command is an `Args` struct, whose help teaches by examples, and a function `run`. The list of commands
//! and their dispatch are in `crate::command`.

pub mod audit;
pub mod check;
pub mod delete;
pub mod diff;
pub mod embed;
pub mod ensembles;
pub mod eval;
pub mod export;
#[cfg(feature = "remote")]
pub mod follow;
pub mod gc;
pub mod generations;
pub mod import;
pub mod lexical;
pub mod merge;
pub mod mine;
pub mod publish;
#[cfg(feature = "remote")]
pub mod push;
pub mod recall;
pub mod repair;
pub mod restore;
pub mod retain;
pub mod rollback;
pub mod seal;
pub mod similar;
pub mod snapshot;
pub mod stats;
#[cfg(feature = "studio")]
pub mod studio;
pub mod towers;
pub mod train;
pub mod train_loop;
