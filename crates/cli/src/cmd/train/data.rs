//! Flags that name the logs.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use twinspire::import::{Format, Records, Source, open};
use twinspire::train::Dataset;

use crate::args::CsvArgs;
use crate::output::{Failure, Output, Unit};

/// Flags that name the logs.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("logs").required(true).multiple(true)
          .args(["movielens", "items", "events"]))]
pub struct DataArgs {
    /// A MovieLens-100K directory: items, users and events in one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["items", "users", "events"])]
    movielens: Option<PathBuf>,
    /// The items
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// The users, if they have attributes
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The events
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    #[command(flatten)]
    csv: CsvArgs,
}

impl DataArgs {
    /// Reads the logs.
    pub fn read(&self, output: &Output) -> Result<Dataset, Failure> {
        let options = self.csv.options()?;
        let source = |path: &PathBuf| -> Result<Source, Failure> {
            let source = match &self.movielens {
                Some(_) => Source::new(path, Format::MovieLens),
                None => open(path)?,
            };
            Ok(source.csv_options(options.clone()))
        };
        let (items, users, events) = match &self.movielens {
            Some(dir) => (Some(dir), Some(dir), Some(dir)),
            None => (
                self.items.as_ref(),
                self.users.as_ref(),
                self.events.as_ref(),
            ),
        };
        let (items, users, events) = (
            items.map(source).transpose()?,
            users.map(source).transpose()?,
            events.map(source).transpose()?,
        );
        Ok(Dataset {
            items: all(items.map(|from| from.items()).transpose()?, "items", output)?,
            users: all(users.map(|from| from.users()).transpose()?, "users", output)?,
            events: all(
                events.map(|from| from.events()).transpose()?,
                "events",
                output,
            )?,
        })
    }
}

/// Reads every record, with a progress bar.
fn all<T>(
    records: Option<Records<T>>,
    what: &'static str,
    output: &Output,
) -> Result<Vec<T>, Failure> {
    let Some(mut records) = records else {
        return Ok(Vec::new());
    };
    let bar = output.bar(what, records.bytes_total().unwrap_or(0), Unit::Bytes);
    let mut all = Vec::new();
    while let Some(record) = records.next() {
        all.push(record?);
        bar.set_position(records.bytes_read());
    }
    bar.finish_and_clear();
    Ok(all)
}
