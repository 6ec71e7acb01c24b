//! Flags that name the logs.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::Value;
use twinspire::Event;
use twinspire::import::{Format, ImportError, Records, Source, files_of, open};
use twinspire::train::Dataset;

use crate::args::ColumnArgs;
use crate::output::{Failure, Output, thousands};
use crate::reading::{Repeated, Tally, read};

/// Flags that name the logs.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("logs").required(true).multiple(true)
          .args(["movielens", "items", "events"]))]
pub struct DataArgs {
    /// A MovieLens directory: items, users and events in one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["items", "users", "events"])]
    movielens: Option<PathBuf>,
    /// The items: files, or directories of files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    items: Vec<PathBuf>,
    /// The users, if they have attributes: files, or directories of files
    #[arg(long, value_name = "PATH", num_args = 1..)]
    users: Vec<PathBuf>,
    /// The events: files, or directories of files, as daily logs are
    #[arg(long, value_name = "PATH", num_args = 1..)]
    events: Vec<PathBuf>,
    #[command(flatten)]
    columns: ColumnArgs,
    /// Skip bad records and count them, instead of stopping at the first
    #[arg(long)]
    skip_bad: bool,
}

impl DataArgs {
    /// Whether bad records are skipped.
    pub fn skip_bad(&self) -> bool {
        self.skip_bad
    }

    /// Reads the logs.
    pub fn read(&self, output: &Output) -> Result<Dataset, Failure> {
        let sources = |paths: &[PathBuf]| match &self.movielens {
            Some(directory) => Ok(vec![
                Source::new(directory, Format::MovieLens).options(self.columns.options()),
            ]),
            None => self.sources(paths),
        };
        let (items, users, events) = (
            sources(&self.items)?,
            sources(&self.users)?,
            sources(&self.events)?,
        );
        Ok(Dataset {
            items: self.records(&items, Source::items, "items", "id", output)?,
            users: self.records(&users, Source::users, "users", "user_id", output)?,
            events: self.all(&events, Source::events, "events", |_| true, output)?,
        })
    }

    /// The files of some paths.
    fn sources(&self, paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
        // The files of items and users share the names of columns.
        let options = match !self.users.is_empty() && !self.items.is_empty() {
            true => self.columns.options().lenient(),
            false => self.columns.options(),
        };
        let mut sources = Vec::new();
        for path in paths {
            for file in files_of(path)? {
                sources.push(open(file)?.options(options.clone()));
            }
        }
        Ok(sources)
    }

    /// Reads other events.
    pub fn read_events(&self, path: &Path, output: &Output) -> Result<Vec<Event>, Failure> {
        let mut sources = Vec::new();
        for file in files_of(path)? {
            sources.push(open(file)?.options(self.columns.options()));
        }
        self.all(&sources, Source::events, "events", |_| true, output)
    }

    /// Reads every record; of several with one id the last counts.
    fn records(
        &self,
        sources: &[Source],
        records_of: impl Fn(&Source) -> Result<Records<Value>, ImportError>,
        label: &'static str,
        id: &str,
        output: &Output,
    ) -> Result<Vec<Value>, Failure> {
        let id_of = |record: &Value| record[id].as_str().unwrap_or_default().to_owned();
        let (mut ids, mut repeated) = (Repeated::default(), false);
        let note = |record: &Value| {
            let new = ids.insert(&id_of(record));
            repeated |= !new;
            new
        };
        let mut all = self.all(sources, records_of, label, note, output)?;
        if repeated {
            let mut ids = Repeated::default();
            all.reverse();
            all.retain(|record| ids.insert(&id_of(record)));
            all.reverse();
        }
        Ok(all)
    }

    /// Reads every record, with a progress bar for each file; `is_new` tells those whose id is not repeated.
    fn all<T>(
        &self,
        sources: &[Source],
        records_of: impl Fn(&Source) -> Result<Records<T>, ImportError>,
        label: &'static str,
        mut is_new: impl FnMut(&T) -> bool,
        output: &Output,
    ) -> Result<Vec<T>, Failure> {
        let (mut all, mut repeated, mut tally) = (Vec::new(), 0, Tally::default());
        for source in sources {
            let records = records_of(source)?;
            tally += read(records, label, self.skip_bad, output, |record, _| {
                repeated += u64::from(!is_new(&record));
                all.push(record);
                Ok(())
            })?;
        }
        let remarks = Tally { repeated, ..tally }.remarks();
        if !remarks.is_empty() {
            output.note(&format!("{label}: {} read{remarks}", thousands(tally.read)));
        }
        Ok(all)
    }
}
