//! Stores a simulated shop, closes it, opens it again and reads it back.
//!
//! `cargo run --release --example items`. The data is simulated from a fixed seed.

#[path = "support/world.rs"]
#[allow(
    dead_code,
    reason = "the users and the log of the world are not needed here"
)]
mod world;

use std::time::Instant;
use twinspire::Database;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = world::generate(42);
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("shop.twin");
    println!("A simulated shop of {} items.\n", world.items.len());

    let start = Instant::now();
    let db = Database::open(&path)?;
    let revision = db.items().put_many(&world.items)?;
    println!(
        "put_many  revision {revision}, on the disk after {:.1?}",
        start.elapsed()
    );
    let start = Instant::now();
    db.seal()?;
    println!(
        "seal      an immutable segment after {:.1?}",
        start.elapsed()
    );
    drop(db);

    let start = Instant::now();
    let db = Database::open(&path)?;
    let ids = world.items.iter().filter_map(|item| item["id"].as_str());
    let mut same = 0;
    for (id, item) in ids.zip(&world.items) {
        same += usize::from(db.items().get(id)?.as_ref() == Some(item));
    }
    println!(
        "reopen    {same} of {} items read back the same after {:.1?}",
        world.items.len(),
        start.elapsed()
    );
    Ok(())
}
