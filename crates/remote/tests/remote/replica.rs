//! What a follower serves, keeps and removes.

use crate::store::Mischievous;
use crate::world::{World, assert_is, bytes_on_disk};
use std::sync::Arc;
use std::time::Duration;
use twinspire_remote::{FollowState, RemoteError};

#[test]
fn a_follower_flips_to_each_new_epoch_and_an_epoch_that_is_held_goes_on() {
    let world = World::new();
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let first = follower.current();
    for version in 2..=6 {
        assert!(!follower.poll().unwrap());
        world.push(version);
        assert!(follower.poll().unwrap());
        assert_eq!(follower.epoch(), version);
        assert_is(follower.current().database(), version);
        assert_is(first.database(), 1);
    }
    assert!(first.path().join("CURRENT").exists());
    let path = first.path().to_owned();
    drop(first);
    follower.poll().unwrap();
    assert!(!path.exists(), "nobody holds it any more");
    let epochs = std::fs::read_dir(world.path("replica/epochs"))
        .unwrap()
        .count();
    assert_eq!(epochs, 1);
}

#[test]
fn the_directory_of_a_replica_is_bounded() {
    let world = World::new();
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let mut largest = 0;
    for version in 2..=12 {
        world.push(version);
        follower.poll().unwrap();
        let head = follower.current().head().bytes();
        largest = largest.max(bytes_on_disk(&world.path("replica")) - head);
    }
    // Heads and the state file.
    assert!(largest < 20_000, "{largest} bytes beside the served epoch");
}

#[test]
fn only_new_files_travel() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push(1);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let first = store.read_bytes();
    // Unsealed writes: the segments and towers stay.
    world.push(2);
    assert!(follower.poll().unwrap());
    let second = store.read_bytes();
    assert!(second < first / 2, "{second} of {first}");
}

#[test]
fn a_replica_is_followed_by_a_thread_and_its_state_is_shown() {
    let world = World::new();
    world.push(1);
    let replica = world.path("replica");
    let follower = world
        .remote
        .follow(&replica)
        .interval(Duration::from_millis(10))
        .start()
        .unwrap();
    world.push(2);
    let begun = std::time::Instant::now();
    while follower.epoch() < 2 {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            follower.lag()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_is(&follower.database(), 2);
    drop(follower);
    let state = FollowState::read(&replica).unwrap().unwrap();
    assert_eq!((state.epoch, state.newest, state.heads), (2, 2, 0));
    assert_eq!(state.store, "memory");
    assert_is(
        &twinspire::Database::open_read_only(state.database(&replica)).unwrap(),
        2,
    );
}

#[test]
fn several_epochs_are_side_by_side_and_share_files() {
    let world = World::new();
    let replica = world.path("replica");
    let held: Vec<_> = (1..=4)
        .map(|version| {
            let epoch = world.push(version);
            world.remote.fetch(&replica).epoch(epoch).run().unwrap()
        })
        .collect();
    for fetched in &held {
        assert_is(&fetched.open().unwrap(), fetched.epoch());
    }
    let whole: u64 = held.iter().map(|fetched| fetched.head().bytes()).sum();
    assert!(bytes_on_disk(&replica) < whole, "shared");
    // What is here needs no store, and what is held is not removed.
    let again = world.remote.fetch(&replica).epoch(2).keep(1).run().unwrap();
    assert_eq!(again.fetched_files(), 0);
    held.iter()
        .for_each(|fetched| assert_is(&fetched.open().unwrap(), fetched.epoch()));
    drop((held, again));
    world.remote.fetch(&replica).keep(1).run().unwrap();
    assert_eq!(
        std::fs::read_dir(replica.join("epochs")).unwrap().count(),
        1
    );
}

#[test]
fn two_followers_share_a_directory() {
    let world = World::new();
    world.push(1);
    let follow = || {
        world
            .remote
            .follow(world.path("replica"))
            .manual()
            .start()
            .unwrap()
    };
    let followers = [follow(), follow()];
    for version in 2..=5 {
        world.push(version);
        std::thread::scope(|scope| {
            for follower in &followers {
                scope.spawn(|| follower.poll().unwrap());
            }
        });
        for follower in &followers {
            assert_is(&follower.database(), version);
        }
    }
}

#[test]
fn a_directory_of_another_store_and_a_store_that_went_back_are_refused() {
    let world = World::new();
    world.push_all(1..=3);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let store = Mischievous::new();
    let other = store
        .remote()
        .follow(world.path("replica"))
        .manual()
        .start();
    assert!(
        matches!(other, Err(RemoteError::OtherStore { .. })),
        "{other:?}"
    );
    drop(follower);
    // The store is emptied and filled anew.
    let world = World::with(store.remote());
    world.push_all(1..=3);
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let held: Arc<_> = follower.current();
    store.list().iter().for_each(|path| store.remove(path));
    assert!(matches!(follower.poll(), Err(RemoteError::Empty { .. })));
    world.push(4);
    let back = follower.poll();
    assert!(
        matches!(
            back,
            Err(RemoteError::WentBack {
                newest: 1,
                served: 3,
                ..
            })
        ),
        "{back:?}"
    );
    assert_is(held.database(), 3);
}
