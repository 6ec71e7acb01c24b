//! How files of records are read: names of columns, and what CSV looks like.

use clap::Args;
use twinspire::import::ReadOptions;

/// How files of records are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns")]
pub struct ColumnArgs {
    /// The column that holds the id of items (and of users, and the items of events, where a file has it)
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// The column that holds the id of users, in their file and in events
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// Events: the column that holds the item
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// Events: the column that holds the time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Events: the column that holds the weight
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Read these columns, and those of ids, alone
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
    /// Leave out these columns
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    drop: Vec<String>,
    /// CSV: columns that are lists separated by `|`
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    lists: Vec<String>,
    /// CSV: columns that are text even where they look like numbers
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    text: Vec<String>,
    /// CSV: what stands between cells, such as `;` or `::` [default: detected in the header]
    #[arg(long, value_name = "TEXT")]
    delimiter: Option<String>,
    /// CSV: the names of the columns of a file without a header row
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    header: Vec<String>,
}

impl ColumnArgs {
    /// The options of the reader.
    pub fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::new()
            .columns(&self.columns)
            .drop(&self.drop)
            .lists(&self.lists)
            .text(&self.text);
        if let Some(column) = &self.id {
            options = options.id(column);
        }
        if let Some(column) = &self.user {
            options = options.user(column);
        }
        if let Some(column) = &self.item {
            options = options.item(column);
        }
        if let Some(column) = &self.time {
            options = options.time(column);
        }
        if let Some(column) = &self.weight {
            options = options.weight(column);
        }
        if let Some(delimiter) = &self.delimiter {
            options = options.delimiter(delimiter.replace("\\t", "\t"));
        }
        match self.header.is_empty() {
            true => options,
            false => options.header(&self.header),
        }
    }
}
