//! The command `twinspire`: the database from a shell.
//!
//! From bottom to top: `atomic_file` writes a file whole; `output` prints results and failures; `reading` reads files
//! of records; `args` holds
//! the arguments that several commands share; `view` prints results that several commands share; `cmd` has a
//! file for each command; `command` lists and dispatches them. The command uses the public API of the
//! database alone.

mod args;
mod atomic_file;
mod cmd;
mod command;
mod output;
mod reading;
mod view;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::command::Cli;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| with_tip(error, std::env::args()).exit());
    let output = Output::new(cli.json, cli.quiet);
    match cli.command.run(&output) {
        Ok(exit) => output.exit(exit).into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit().into()
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
