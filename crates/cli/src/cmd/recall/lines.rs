//! Users as JSON lines, answered while they are read.
//!
//! A thread reads the lines. Each step answers those that are there: a single one at once, many together on
//! all cores. Memory holds a few hundred users and their answers.

use std::io::{self, BufRead, ErrorKind, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde_json::Value;

use super::answers::Answers;
use super::query::UserLines;
use crate::args::json_of_text;
use crate::output::Failure;
use crate::view::hits;

/// Maximum number of users that one step answers.
const BATCH_USERS: usize = 256;

/// Answers users line by line. A user that cannot be answered ends the command, or with `skip_bad` gets an
/// error for an answer. Returns how many were not answered.
pub fn answer(
    users: UserLines,
    answers: &Answers<'_>,
    records: bool,
    skip_bad: bool,
) -> Result<u64, Failure> {
    let (sender, lines) = sync_channel(BATCH_USERS);
    let origin = users.origin.clone();
    // Not joined: it may wait for a line that nobody writes any more.
    thread::spawn(move || read(users, &sender));
    let (mut out, mut number, mut skipped) = (io::stdout().lock(), 0, 0);
    while let Some(batch) = next_batch(&lines) {
        let before = number;
        let users = batch.into_iter().map(|line| {
            let line = line.map_err(|error| Failure::reading(&origin, error))?;
            json_of_text("--user", &line, &origin)
        });
        let users: Vec<Result<Value, Failure>> = users.collect();
        for answer in answers.each(users, before)? {
            number += 1;
            let line = match answer {
                Ok(shown) => hits::line(answers.space, number, Ok(&shown), records, answers.output),
                Err(failure) if skip_bad => {
                    skipped += 1;
                    let why = failure.summary();
                    hits::line(answers.space, number, Err(&why), records, answers.output)
                }
                Err(failure) => {
                    let flushed = out.flush();
                    flushed.map_err(Failure::failed)?;
                    return Err(failure.of_user(number));
                }
            };
            match out.write_all(line.as_bytes()) {
                // The reader has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(skipped),
                written => written.map_err(Failure::failed)?,
            }
        }
        match out.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(skipped),
            flushed => flushed.map_err(Failure::failed)?,
        }
    }
    Ok(skipped)
}

/// Waits for a line, and takes those that are there besides. `None` at the end.
fn next_batch(lines: &Receiver<io::Result<String>>) -> Option<Vec<io::Result<String>>> {
    let mut batch = vec![lines.recv().ok()?];
    let more = lines.try_iter().take(BATCH_USERS - 1);
    batch.extend(more);
    Some(batch)
}

/// Sends every line that is not blank, up to the end or the first error.
fn read(users: UserLines, lines: &SyncSender<io::Result<String>>) {
    let first = users.first.into_iter().map(Ok);
    for line in first.chain(users.rest.lines()) {
        let is_end = line.is_err();
        let is_blank = line.as_ref().is_ok_and(|line| line.trim().is_empty());
        if !is_blank && lines.send(line).is_err() || is_end {
            return;
        }
    }
}
