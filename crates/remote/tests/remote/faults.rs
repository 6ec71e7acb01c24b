//! Stores that fail, are slow, cut objects short or change them.

use crate::store::{Mischief, Mischievous};
use crate::world::{World, assert_is};
use std::time::Duration;
use twinspire_remote::{Damage, RemoteError};

#[test]
fn a_store_that_is_away_leaves_the_last_epoch_served_and_lag_says_so() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let replica = world.path("replica");
    let follower = world.remote.follow(&replica).manual().start().unwrap();
    assert_eq!((follower.lag().heads, follower.lag().error), (0, None));
    world.push(2);
    store.be(Mischief::Away);
    let failed = follower.poll();
    assert!(
        matches!(failed, Err(RemoteError::Store { .. })),
        "{failed:?}"
    );
    let lag = follower.lag();
    assert!(lag.error.unwrap().contains("503"));
    assert!(lag.checked_seconds.unwrap() < 60.0);
    assert_is(&follower.database(), 1);
    // Also a follower that is started anew.
    drop(follower);
    let follower = world.remote.follow(&replica).manual().start().unwrap();
    assert_is(&follower.database(), 1);
    assert!(follower.lag().error.is_some());
    store.be(Mischief::None);
    assert!(follower.poll().unwrap());
    assert_is(&follower.database(), 2);
    assert_eq!((follower.lag().heads, follower.lag().error), (0, None));
    // Without anything in the directory the error is that of the store.
    store.be(Mischief::Away);
    let nothing = world.remote.follow(world.path("empty")).manual().start();
    assert!(
        matches!(nothing, Err(RemoteError::Store { .. })),
        "{nothing:?}"
    );
}

#[test]
fn every_object_cut_short_flipped_or_removed_is_named_and_recovers() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let before = store.list();
    world.push(3);
    // In the order in which they are fetched: what was fetched before is kept.
    let head = world.remote.heads().unwrap().pop().unwrap();
    let objects = head
        .files
        .iter()
        .map(|file| format!("objects/{}", file.checksum));
    let objects: Vec<String> = objects.filter(|path| !before.contains(path)).collect();
    assert!(objects.len() > 4, "{objects:?}");
    let mut harmed = 0;
    for path in &objects {
        let good = store.get(path);
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let length = good.len();
        let mut bad = vec![good[..length - 1].to_vec(), Vec::new()];
        bad.extend((0..length).step_by((length / 16).max(1)).map(flipped));
        for bytes in bad {
            store.put(path, bytes);
            let error = follower.poll().unwrap_err();
            assert!(matches!(error, RemoteError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(path.as_str()), "{error}");
            assert_is(&follower.database(), 1);
            assert_eq!(follower.lag().heads, 1);
            harmed += 1;
        }
        store.remove(path);
        let error = follower.poll().unwrap_err();
        assert!(
            matches!(
                error,
                RemoteError::Damaged {
                    what: Damage::Missing,
                    ..
                }
            ),
            "{error}"
        );
        store.put(path, good);
    }
    println!("{harmed} damaged objects were named");
    assert!(follower.poll().unwrap());
    assert_is(&follower.database(), 3);
}

#[test]
fn a_damaged_object_is_repaired_by_a_push_of_everything() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let objects = store.list();
    let path = objects
        .iter()
        .find(|path| path.starts_with("objects/"))
        .unwrap();
    let good = store.get(path);
    store.put(path, vec![0; good.len()]);
    let failed = world.remote.follow(world.path("replica")).manual().start();
    let Err(RemoteError::Damaged {
        what: Damage::Checksum { .. },
        ..
    }) = failed
    else {
        panic!("{failed:?}");
    };
    // Of an unchanged database too.
    world
        .remote
        .push(&world.shop)
        .upload_all(true)
        .run()
        .unwrap();
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    assert_is(&follower.database(), 1);
}

#[test]
fn a_damaged_head_is_named_and_a_push_of_everything_commits_after_it() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    world.push(2);
    let path = "heads/00000000000000000002.json";
    let good = store.get(path);
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 2;
        store.put(path, bad);
        let error = follower.poll().unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
        assert_is(&follower.database(), 1);
    }
    let refused = world.remote.push(&world.shop).run();
    assert!(
        matches!(refused, Err(RemoteError::Damaged { .. })),
        "{refused:?}"
    );
    let pushed = world
        .remote
        .push(&world.shop)
        .upload_all(true)
        .run()
        .unwrap();
    assert_eq!(pushed.epoch, 3);
    assert!(follower.poll().unwrap());
    assert_is(&follower.database(), 2);
}

#[test]
fn answers_that_are_cut_or_flipped_on_the_way_are_no_damage_of_the_epoch() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    for (version, mischief) in [
        (2, Mischief::Truncate),
        (3, Mischief::Flip),
        (4, Mischief::Every(2)),
        (5, Mischief::Slow(Duration::from_millis(1))),
    ] {
        world.push(version);
        store.be(mischief);
        for _ in 0..30 {
            // Errors are due; an answer is of one epoch.
            let _ = follower.poll();
            assert_is(&follower.database(), follower.epoch());
        }
        store.be(Mischief::None);
        let _ = follower.poll().unwrap();
        assert_is(&follower.database(), version);
    }
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_stopped() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    let text = "0123456789abcdef".repeat(1 << 10);
    let items: Vec<_> = (0..1_000)
        .map(|at| serde_json::json!({"id": format!("i{at}"), "text": format!("{at}{text}")}))
        .collect();
    world.shop.items().put_many(&items).unwrap();
    world.remote.push(&world.shop).run().unwrap();
    store.read_bytes();
    // Every third read fails: each try gets a little further.
    store.be(Mischief::Every(3));
    let replica = world.path("replica");
    let mut tries = 0;
    let whole = loop {
        tries += 1;
        assert!(tries < 100);
        if let Ok(fetched) = world.remote.fetch(&replica).run() {
            break fetched.head().bytes();
        }
    };
    let read = store.read_bytes();
    println!("{tries} tries read {read} of {whole} bytes");
    // What was on its way when a try ended is read again: up to eight pieces.
    assert!(
        tries > 1 && read < whole + tries * (32 << 20) && read < 3 * whole,
        "{tries} tries, {read} of {whole}"
    );
}

#[test]
fn a_damaged_file_of_the_replica_is_fetched_again() {
    let world = World::new();
    world.push(1);
    let replica = world.path("replica");
    drop(world.remote.fetch(&replica).run().unwrap());
    let mut harmed = 0;
    let objects: Vec<_> = std::fs::read_dir(replica.join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for path in objects {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // In place: the file of the epoch is the same one.
        harm(&path, &bytes);
        let fetched = world.remote.fetch(&replica).run().unwrap();
        assert!(fetched.fetched_files() > 0);
        assert_is(&fetched.open().unwrap(), 1);
        harmed += 1;
    }
    assert!(harmed > 4);
}

#[allow(clippy::permissions_set_readonly_false, reason = "a test directory")]
fn harm(path: &std::path::Path, bytes: &[u8]) {
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(false);
    std::fs::set_permissions(path, permissions).unwrap();
    std::fs::write(path, bytes).unwrap();
}
