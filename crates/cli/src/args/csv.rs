//! How CSV files are written.

use clap::Args;
use twinspire::import::CsvOptions;

use crate::output::Failure;

/// How CSV files are written.
#[derive(Debug, Args)]
pub struct CsvArgs {
    /// CSV: the column that holds the id
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// CSV: columns that are lists separated by `|`
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    lists: Vec<String>,
    /// CSV: columns that are text even where they look like numbers
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    text: Vec<String>,
    /// CSV: the character between cells, instead of a comma
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<char>,
}

impl CsvArgs {
    /// The options of the reader.
    pub fn options(&self) -> Result<CsvOptions, Failure> {
        let mut options = CsvOptions::new().lists(&self.lists).text(&self.text);
        if let Some(id) = &self.id {
            options = options.id(id);
        }
        if let Some(delimiter) = self.delimiter {
            let byte = u8::try_from(delimiter).ok().filter(u8::is_ascii);
            options = options.delimiter(byte.ok_or_else(|| {
                Failure::usage(format!(
                    "--delimiter: an ASCII character expected, not {delimiter}"
                ))
            })?);
        }
        Ok(options)
    }
}
