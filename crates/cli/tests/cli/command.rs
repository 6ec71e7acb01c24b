//! Runs the command.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// How a run of the command ended.
pub struct Run {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

/// Runs `twinspire` with these arguments, `input` on standard input.
pub fn run_with(arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinspire"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads nothing, and the pipe may be closed by then.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `twinspire` with these arguments.
pub fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// A run that is expected to succeed, its result as JSON.
pub fn json_of(arguments: &[&str]) -> Value {
    let run = run(&[arguments, &["--json"]].concat());
    assert_eq!(run.exit, 0, "{arguments:?}: {}", run.err);
    serde_json::from_str(&run.out).unwrap()
}
