//! The command `twinspire`: the database from a shell.
//!
//! One file a command under `cmd`, all of one shape: parse, call, print. `args` is what a user types,
//! `output` what comes back: results on standard output (tables, or one JSON document with `--json`),
//! errors and progress on standard error, and an exit code that means something. `next` is how commands
//! write files.

mod args;
mod cmd;
mod next;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::output::{Exit, Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.quiet);
    match cmd::run(cli.command, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            Exit::of(&failure).into()
        }
    }
}
