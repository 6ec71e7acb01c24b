//! Tables of plain text.

use std::fmt;
use unicode_width::UnicodeWidthStr;

/// A score with four decimals; the negative zero of a distance is printed as zero.
pub(super) fn score(score: f32) -> String {
    format!("{:.4}", score + 0.0)
}

/// An id with its control characters escaped, so that a terminal does not execute them.
pub(super) fn printable(id: &str) -> String {
    let each = id.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    each.collect()
}

/// Writes rows in columns aligned by display width; `right` marks the columns aligned to the right.
pub(super) fn write_table<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    rows: &[[String; N]],
    right: [bool; N],
) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            line.push_str(&match right {
                true => format!("{padding}{cell}  "),
                false => format!("{cell}{padding}  "),
            });
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}
