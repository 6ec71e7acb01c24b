//! Reading files of records: bad ones are skipped on request, counted, and reported in the same words everywhere.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt::Display;
use std::hash::BuildHasher;
use std::ops::AddAssign;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use twinspire::import::{ImportError, Records};

use crate::output::{Failure, Output, Unit, counted};

/// Number of skipped records that are shown one by one.
const MAX_SHOWN: u64 = 5;

/// What was read of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Number of good records.
    pub read: u64,
    /// Number of bad records that were skipped.
    pub bad: u64,
    /// Number of records that may be good, but stand in a part of the file that cannot be decoded.
    pub lost: u64,
    /// Number of records that a later one of the same id replaces.
    pub repeated: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.bad += other.bad;
        self.lost += other.lost;
        self.repeated += other.repeated;
    }
}

impl Tally {
    /// What else is to be said of the records: `, 3 bad records skipped, 2 repeated ids`.
    pub fn remarks(&self) -> String {
        let mut text = String::new();
        if self.bad > 0 {
            text.push_str(&format!(", {} skipped", counted(self.bad, "bad record")));
        }
        if self.lost > 0 {
            let lost = counted(self.lost, "record");
            text.push_str(&format!(", {lost} lost in damaged parts of the file"));
        }
        if self.repeated > 0 {
            let repeated = counted(self.repeated, "repeated id");
            text.push_str(&format!(", {repeated} (the last record counts)"));
        }
        text
    }

    /// The counts for programs.
    pub fn document(&self) -> Value {
        json!({
            "read": self.read, "bad_records": self.bad, "lost_records": self.lost,
            "repeated_ids": self.repeated
        })
    }
}

/// Counts and shows what is skipped, or refuses it.
pub struct Skipped<'a> {
    skip: bool,
    hint: &'static str,
    bar: &'a ProgressBar,
    output: &'a Output,
    pub tally: Tally,
}

impl<'a> Skipped<'a> {
    /// With `skip`, bad records are skipped; else the first one is a failure.
    pub fn new(skip: bool, bar: &'a ProgressBar, output: &'a Output) -> Self {
        Self {
            skip,
            hint: "--skip-bad skips bad records",
            bar,
            output,
            tally: Tally::default(),
        }
    }

    /// Skips what an error concerns, or fails with it.
    pub fn report(&mut self, error: ImportError) -> Result<(), Failure> {
        let can_skip = error.is_bad_record();
        if !can_skip || !self.skip {
            let failure = Failure::from(error);
            return Err(match can_skip {
                true => failure.hint(self.hint),
                false => failure,
            });
        }
        match error.is_loss() {
            true => {
                self.tally.lost += error.lost();
                self.output.mark_lost();
            }
            false => self.tally.bad += 1,
        }
        self.show(&error, error.is_loss());
        Ok(())
    }

    fn show(&self, error: &dyn Display, always: bool) {
        if always || self.tally.bad <= MAX_SHOWN {
            let note = || self.output.note(&format!("skipped: {error}"));
            self.bar.suspend(note);
        }
    }
}

/// Reads every record with a progress bar and passes each to `visit`, with the number of bytes read so far.
pub fn read<T>(
    mut records: Records<T>,
    label: &'static str,
    skip_bad: bool,
    output: &Output,
    mut visit: impl FnMut(T, u64) -> Result<(), Failure>,
) -> Result<Tally, Failure> {
    let total = records.bytes_total().unwrap_or(0);
    let bar = output.bar(label, total, Unit::Bytes);
    let mut skipped = Skipped::new(skip_bad, &bar, output);
    while let Some(record) = records.next() {
        match record {
            Ok(record) => {
                skipped.tally.read += 1;
                visit(record, records.bytes_read())?;
            }
            Err(error) => skipped.report(error)?,
        }
        bar.set_position(records.bytes_read());
    }
    let tally = skipped.tally;
    bar.finish_and_clear();
    match tally.read == 0 && tally.bad + tally.lost > 0 {
        true => Err(Failure::operation(format!(
            "{label}: no record is good{}",
            tally.remarks()
        ))),
        false => Ok(tally),
    }
}

/// Tells ids that were met before.
#[derive(Default)]
pub struct Repeated {
    hashes: HashSet<u64>,
    state: RandomState,
}

impl Repeated {
    /// Whether an id is new.
    pub fn insert(&mut self, id: &str) -> bool {
        self.hashes.insert(self.state.hash_one(id))
    }
}
