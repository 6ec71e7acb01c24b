//! The command `twinspire`: the database from a shell.
//!
//! From bottom to top: `atomic_file` writes a file whole; `output` prints results and failures; `args` holds
//! the arguments that several commands share; `view` prints results that several commands share; `cmd` has a
//! file for each command; `command` lists and dispatches them. The command uses the public API of the
//! database alone.

mod args;
mod atomic_file;
mod cmd;
mod command;
mod output;
mod view;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Cli;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.quiet);
    match cli.command.run(&output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit().into()
        }
    }
}
