//! Flags that name the logs.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::Value;
use twinspire::Event;
use twinspire::import::{Format, Records, Source, open};
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
        // The files share the names of columns.
        let several = self.movielens.is_none() && self.users.is_some() && self.items.is_some();
        let options = match several {
            true => self.columns.options().lenient(),
            false => self.columns.options(),
        };
        let source = |path: &PathBuf| -> Result<Source, Failure> {
            let source = match &self.movielens {
                Some(_) => Source::new(path, Format::MovieLens),
                None => open(path)?,
            };
            Ok(source.options(options.clone()))
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
        let items = items.map(|from| from.items()).transpose()?;
        let users = users.map(|from| from.users()).transpose()?;
        let events = events.map(|from| from.events()).transpose()?;
        Ok(Dataset {
            items: self.records(items, "items", "id", output)?,
            users: self.records(users, "users", "user_id", output)?,
            events: self.all(events, "events", |_| true, output)?,
        })
    }

    /// Reads another file of events.
    pub fn read_events(&self, path: &Path, output: &Output) -> Result<Vec<Event>, Failure> {
        let events = open(path)?.options(self.columns.options()).events()?;
        self.all(Some(events), "events", |_| true, output)
    }

    /// Reads every record; of several with one id the last counts.
    fn records(
        &self,
        records: Option<Records<Value>>,
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
        let mut all = self.all(records, label, note, output)?;
        if repeated {
            let mut ids = Repeated::default();
            all.reverse();
            all.retain(|record| ids.insert(&id_of(record)));
            all.reverse();
        }
        Ok(all)
    }

    /// Reads every record, with a progress bar; `is_new` tells those whose id is not repeated.
    fn all<T>(
        &self,
        records: Option<Records<T>>,
        label: &'static str,
        mut is_new: impl FnMut(&T) -> bool,
        output: &Output,
    ) -> Result<Vec<T>, Failure> {
        let Some(records) = records else {
            return Ok(Vec::new());
        };
        let (mut all, mut repeated) = (Vec::new(), 0);
        let tally = read(records, label, self.skip_bad, output, |record, _| {
            repeated += u64::from(!is_new(&record));
            all.push(record);
            Ok(())
        })?;
        let remarks = Tally { repeated, ..tally }.remarks();
        if !remarks.is_empty() {
            output.note(&format!("{label}: {} read{remarks}", thousands(tally.read)));
        }
        Ok(all)
    }
}
