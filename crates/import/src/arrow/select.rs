//! Which columns of a table are read.

use std::path::Path;

use crate::error::ImportError;
use crate::names::Wanted;
use crate::options::ReadOptions;

/// Maximum number of columns that an error lists.
const MAX_NAMES: usize = 30;

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Items,
    Users,
    Events,
    /// Anything: no column is required.
    Records,
}

impl Kind {
    /// The numbers of the columns that are read, of all in a table.
    pub(crate) fn select(
        self,
        columns: &[&str],
        options: &ReadOptions,
        path: &Path,
    ) -> Result<Vec<usize>, ImportError> {
        let required = |wanted: &Wanted| match wanted.find(columns.iter().copied()) {
            Some(name) => Ok(name),
            None => Err(missing(&wanted.names(), columns, path)),
        };
        let numbers = |keeps: &dyn Fn(&str) -> bool| {
            let all = columns.iter().enumerate();
            all.filter(|(_, name)| keeps(name))
                .map(|(at, _)| at)
                .collect()
        };
        let wanted = match self {
            Self::Items => Wanted::item_id(options),
            Self::Users => Wanted::user_id(options),
            Self::Records => {
                known(columns, options, path)?;
                return Ok(numbers(&|name| options.keeps(name, &[])));
            }
            Self::Events => {
                let user = Wanted::user(options);
                let queries = user.given().is_none() && columns.contains(&"query");
                if !queries {
                    required(&user)?;
                }
                let (item, time) = (Wanted::item(options), Wanted::time(options));
                required(&item)?;
                required(&time)?;
                let all = [user, item, time, Wanted::weight(options)];
                let is_read = |name: &str| {
                    queries && name == "query" || all.iter().any(|wanted| wanted.is_called(name))
                };
                return Ok(numbers(&is_read));
            }
        };
        let id = required(&wanted)?;
        known(columns, options, path)?;
        Ok(numbers(&|name| options.keeps(name, &[id])))
    }
}

/// Refuses options that name a column which is not there.
fn known(columns: &[&str], options: &ReadOptions, path: &Path) -> Result<(), ImportError> {
    let mut named = options.columns.iter().chain(&options.drop);
    let unknown = named.find(|name| !columns.contains(&name.as_str()));
    match unknown.filter(|_| !options.lenient) {
        Some(name) => Err(missing(&[name], columns, path)),
        None => Ok(()),
    }
}

/// The error for a missing column; it lists the columns there are.
fn missing(wanted: &[&str], columns: &[&str], path: &Path) -> ImportError {
    let columns: Vec<&str> = columns.iter().take(MAX_NAMES).copied().collect();
    let (wanted, columns) = (wanted.join("` or `"), columns.join(", "));
    let what = format!("a column `{wanted}` expected, found these columns: {columns}");
    ImportError::file(path, what)
}
