//! Figures as benchmarks print them: rounded numbers, percentiles, memory.

use std::path::Path;

/// Rounds to this many decimals.
pub fn round(number: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (number * scale).round() / scale
}

/// The value that this share of the values does not exceed; 0.5 is the median. Sorts the values.
///
/// # Panics
///
/// Panics without any value.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

/// Peak resident memory of this process in MiB, mapped pages included. `None` where the system does not
/// report it (anything but Linux).
pub fn peak_mb() -> Option<u64> {
    Some(status_kilobytes("VmHWM:")? / 1024)
}

/// Resident memory of this process in KiB that is no part of a file. `None` where the system does not report it
/// (anything but Linux).
pub fn anonymous_kb() -> Option<u64> {
    status_kilobytes("RssAnon:")
}

/// Resident memory of this process in KiB that is mapped from files below `directory`. `None` where the system does
/// not report it (anything but Linux).
pub fn mapped_kb(directory: &Path) -> Option<u64> {
    let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let (mut total, mut is_below) = (0, false);
    for line in maps.lines() {
        // A mapping begins with its addresses, and ends with its path; what follows are numbers by name.
        match line.strip_prefix("Rss:") {
            Some(size) if is_below => total += kilobytes(size)?,
            None if !line
                .split(' ')
                .next()
                .is_some_and(|name| name.ends_with(':')) =>
            {
                let path = line.find('/').map(|at| Path::new(&line[at..]));
                is_below = path.is_some_and(|path| path.starts_with(directory));
            }
            _ => {}
        }
    }
    Some(total)
}

fn status_kilobytes(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| kilobytes(line.strip_prefix(name)?))
}

/// The number of a line such as `  12 kB`.
fn kilobytes(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
