//! How standard input is named.

use std::path::Path;

/// The path that means standard input.
const STANDARD_INPUT: &str = "-";

/// Whether a path means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}
