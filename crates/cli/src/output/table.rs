//! Aligned columns.

use super::text::{display_width, escape_controls, padding};

/// A table for people: a header and rows of cells. Columns of numbers are aligned to the right.
#[derive(Debug)]
pub struct Table {
    /// The header, then the rows.
    rows: Vec<Vec<String>>,
    /// For each column, whether it is aligned to the right.
    right: Vec<bool>,
}

impl Table {
    /// A table with these columns; a name that starts with `>` is aligned to the right.
    pub fn new(columns: &[&str]) -> Self {
        let names = columns
            .iter()
            .map(|name| escape_controls(name.trim_start_matches('>')));
        Self {
            rows: vec![names.collect()],
            right: columns.iter().map(|name| name.starts_with('>')).collect(),
        }
    }

    /// Adds a row. Control characters are escaped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| escape_controls(&cell));
        self.rows.push(cells.collect());
    }

    /// The lines of the table.
    pub fn render(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| display_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(&self.right) {
                let padding = padding(cell, width);
                let (before, after) = match right {
                    true => (padding.as_str(), ""),
                    false => ("", padding.as_str()),
                };
                line.extend([before, cell, after, "  "]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_control_characters_escaped() {
        let mut table = Table::new(&["id", ">score"]);
        table.row(["Á1".to_owned(), "0.5".to_owned()]);
        table.row(["B\u{1b}[1m".to_owned(), "-10.5".to_owned()]);
        assert_eq!(
            table.render(),
            "id          score\nÁ1            0.5\nB\\u{1b}[1m  -10.5\n"
        );
    }

    #[test]
    fn wide_and_combining_characters_keep_columns_aligned() {
        let mut table = Table::new(&["id", ">n", "name"]);
        for (id, name) in [("東京", "x"), ("👟", "x"), ("e\u{301}", "x"), ("abcd", "x")] {
            table.row([id.to_owned(), "1".to_owned(), name.to_owned()]);
        }
        let lines: Vec<String> = table.render().lines().map(str::to_owned).collect();
        assert_eq!(lines[1], "東京  1  x");
        assert_eq!(lines[2], "👟    1  x");
        assert_eq!(lines[3], "e\u{301}     1  x");
        assert!(lines[1..].iter().all(|line| display_width(line) == 10));
    }
}
