//! The command `twinspire`, as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    twinspire_cli::run(std::env::args_os()).into()
}
