//! How long recalls take that another process than the studio does: prints percentiles as JSON.
//!
//! ```sh
//! cargo run --release -p twinspire-studio --example latency -- DB SPACE SECONDS
//! ```
//!
//! Recalls of the 10 items most similar to an item, one after the other, each of another item.

use std::error::Error;
use std::time::{Duration, Instant};
use twinspire::Database;

/// Items that are asked for.
const IDS: usize = 2_000;
/// Pause between recalls: a process that serves now and then.
const PAUSE: Duration = Duration::from_micros(500);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, space, seconds] = &arguments[..] else {
        return Err("usage: latency DB SPACE SECONDS".into());
    };
    let seconds = Duration::try_from_secs_f64(seconds.parse()?)?;
    let database = Database::open_read_only(path)?;
    let step = (database.items().count()? as usize / IDS).max(1);
    let mut ids = Vec::new();
    for item in database.export().run()?.step_by(step) {
        ids.push(item?.record["id"].as_str().unwrap_or_default().to_owned());
    }
    let (since, mut micros) = (Instant::now(), Vec::new());
    for id in ids.iter().cycle() {
        if since.elapsed() > seconds {
            break;
        }
        let asked = Instant::now();
        database.recall(space).similar(id).top(10)?;
        micros.push(asked.elapsed().as_secs_f64() * 1e6);
        std::thread::sleep(PAUSE);
    }
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros.get((share * micros.len() as f64) as usize);
    let [median, p95, p99] = [0.5, 0.95, 0.99].map(|share| at(share).copied().unwrap_or_default());
    println!(
        "{{\"recalls\": {}, \"median\": {median:.0}, \"p95\": {p95:.0}, \"p99\": {p99:.0}}}",
        micros.len()
    );
    Ok(())
}
