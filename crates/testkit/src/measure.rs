//! Figures as benchmarks print them: rounded numbers, percentiles, peak memory.

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
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}
