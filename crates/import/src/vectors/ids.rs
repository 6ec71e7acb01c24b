//! The ids of files that hold only vectors.

use std::path::{Path, PathBuf};

use super::options::VectorOptions;
use crate::error::ImportError;
use crate::fields;
use crate::lines::{Lines, utf8};

/// The ids, row by row.
#[derive(Debug)]
pub(super) enum Ids {
    /// Row numbers, from 0.
    Numbers,
    /// The lines of a file.
    File {
        path: PathBuf,
        lines: Lines<String>,
        ended: bool,
    },
}

impl Ids {
    pub(super) fn open(options: &VectorOptions) -> Result<Self, ImportError> {
        let Some(path) = &options.ids else {
            return Ok(Self::Numbers);
        };
        // A skipped blank line would shift the ids of all later rows.
        let lines = Lines::open(path, |line| {
            let text = utf8(line)?;
            match text.trim().is_empty() {
                true => Ok(String::new()),
                false => fields::check_id_text("id", text),
            }
        })?;
        Ok(Self::File {
            path: path.clone(),
            lines: lines.with_blank(),
            ended: false,
        })
    }

    /// The id of a row, counted from 1; `vectors` names the file of vectors in errors.
    pub(super) fn next(&mut self, row: u64, vectors: &Path) -> Result<String, ImportError> {
        let (path, lines, ended) = match self {
            Self::Numbers => return Ok((row - 1).to_string()),
            Self::File { path, lines, ended } => (path, lines, ended),
        };
        match lines.next() {
            Some(Ok(id)) if id.is_empty() => {
                let what = format!("the id of row {row} expected, found an empty line");
                Err(ImportError::line(path, lines.line(), what))
            }
            Some(id) => id,
            None => {
                *ended = true;
                let vectors = vectors.display();
                let what =
                    format!("the id of row {row} of {vectors} expected, found the end of the file");
                Err(ImportError::line(path, lines.line() + 1, what))
            }
        }
    }

    /// Whether the ids have run out.
    pub(super) fn ended(&self) -> bool {
        matches!(self, Self::File { ended: true, .. })
    }

    /// Checks that the rows and the ids end together; blank lines may follow.
    pub(super) fn finish(&mut self, rows: u64, vectors: &Path) -> Result<(), ImportError> {
        let Self::File { path, lines, .. } = self else {
            return Ok(());
        };
        for id in lines.by_ref() {
            if id.as_ref().is_ok_and(String::is_empty) {
                continue;
            }
            let vectors = vectors.display();
            let what = format!("{rows} ids expected, one for each row of {vectors}, found more");
            return Err(ImportError::line(path, lines.line(), what));
        }
        Ok(())
    }
}
