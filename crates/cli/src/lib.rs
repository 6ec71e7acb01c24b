//! The command `twinspire` as a function: the database from a shell.
//!
//! From bottom to top: `atomic_file` writes a file whole; `output` prints results and failures; `reading` reads files
//! of records; `args` holds the arguments that several commands share; `view` prints results that several commands
//! share; `cmd` has a file for each command; `command` lists and dispatches them. The command uses the public API of
//! the database alone.
//!
//! The binary and the Python package both call [`run`].

mod args;
mod atomic_file;
mod cmd;
mod command;
mod output;
mod reading;
mod view;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::command::Cli;
use crate::output::{Exit, Output};

/// Runs a command line, whose first argument is the name of the program. Returns the exit code, which `twinspire --help`
/// explains.
///
/// Everything printed has been written when this returns. The caller ends the process, and decides what Ctrl-C does
/// until then; a database survives the end of the process at any moment.
///
/// # Examples
/// ```
/// assert_eq!(twinspire_cli::run(["twinspire", "--version"]), 0);
/// assert_eq!(twinspire_cli::run(["twinspire", "stats", "no/such.twin"]), 3);
/// ```
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let code = match Cli::try_parse_from(&arguments) {
        Ok(cli) => execute(cli) as u8,
        Err(error) => {
            let texts = arguments
                .iter()
                .map(|one| one.to_string_lossy().into_owned());
            let error = with_tip(error, texts);
            // Nowhere is left to report that a stream is closed.
            let _ = error.print();
            error.exit_code() as u8
        }
    };
    // Only the end of a Rust program flushes by itself.
    let _ = io::stdout().flush();
    code
}

fn execute(cli: Cli) -> Exit {
    let output = Output::new(cli.json, cli.quiet);
    match cli.command.run(&output) {
        Ok(exit) => output.exit(exit),
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

/// Corrects the tip for an id that begins with a dash after `--exclude`: behind `--` it would be no value
/// of that option.
fn with_tip(mut error: clap::Error, arguments: impl Iterator<Item = String>) -> clap::Error {
    let mut after = arguments.skip_while(|argument| argument != "--exclude");
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) if error.kind() == ErrorKind::UnknownArgument => {
            unknown
        }
        _ => return error,
    };
    if let Some(id) = after.find(|argument| argument.starts_with(unknown.as_str())) {
        let tip = format!("to exclude an id that begins with a dash, write '--exclude={id}'");
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tip_for_an_id_with_a_dash_is_a_command_that_works() {
        let parse = |last: &[&str]| {
            let command = ["twinspire", "recall", "db", "s", "--user", "{}"];
            let arguments: Vec<&str> = command.iter().chain(last).copied().collect();
            let owned = arguments.iter().map(|argument| (*argument).to_owned());
            Cli::try_parse_from(&arguments)
                .map(drop)
                .map_err(|error| with_tip(error, owned).to_string())
        };
        let tip = parse(&["--exclude", "B07", "-wtIM"]).unwrap_err();
        assert!(
            tip.contains("write '--exclude=-wtIM'") && !tip.contains("'-- -w'"),
            "{tip}"
        );
        assert_eq!(parse(&["--exclude=-wtIM", "--exclude=--b"]), Ok(()));
        let other = parse(&["--frobnicate", "--exclude", "B07"]).unwrap_err();
        assert!(!other.contains("begins with a dash"), "{other}");
    }
}
