//! The process ends at any operation of a follow, on files or on the store: what is there afterwards is an epoch, whole.

use crate::store::{Mischievous, Stopping};
use crate::world::{World, assert_is, version};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use twinspire::Database;
use twinspire_core::files::OsFiles;
use twinspire_remote::{Remote, RemoteError};

/// Opens every epoch in a directory as a reader of another process would: each is one version, whole.
fn assert_epochs_are_whole(replica: &Path) {
    let Ok(entries) = std::fs::read_dir(replica.join("epochs")) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let epoch = path.file_name().unwrap().to_string_lossy().parse::<u64>();
        let Ok(epoch) = epoch else { continue };
        let head = replica.join(format!("heads/{epoch:020}.json"));
        if head.exists() {
            assert_is(&Database::open_read_only(&path).unwrap(), epoch);
        }
    }
}

/// Whether to try every start, and a second end after the first.
fn all_kills() -> bool {
    std::env::var_os("TWINSPIRE_ALL_KILLS").is_some()
}

/// What a process does: follows, flips once, and ends.
fn follow(remote: &Remote, replica: &Path, left: &Arc<AtomicI64>) -> Result<u64, RemoteError> {
    let files = Arc::new(Stopping::new(Arc::clone(left)));
    let follower = remote.follow(replica).manual().files(files).start()?;
    assert_eq!(version(&follower.database()), follower.epoch());
    follower.poll()?;
    Ok(follower.epoch())
}

#[test]
fn a_follower_that_ends_at_any_operation_starts_again_from_what_it_has() {
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let store = Mischievous::limited(Arc::clone(&left));
    let world = World::with(store.remote());
    let remote = &world.remote;
    world.push_all(1..=3);
    let mut points = 0;
    // From nothing, and from an earlier epoch that has files in common.
    let starts = if all_kills() { 3 } else { 2 };
    for from in [None, Some(2), Some(1)].into_iter().take(starts) {
        for at in 0.. {
            left.store(i64::MAX, Ordering::SeqCst);
            let dir = tempfile::tempdir().unwrap();
            let replica = dir.path().join("replica");
            if let Some(epoch) = from {
                remote.fetch(&replica).epoch(epoch).run().unwrap();
            }
            left.store(at, Ordering::SeqCst);
            let result = follow(remote, &replica, &left);
            let stopped = left.load(Ordering::SeqCst) <= 0;
            left.store(i64::MAX, Ordering::SeqCst);
            assert_epochs_are_whole(&replica);
            match result {
                Ok(epoch) => assert_eq!(epoch, 3, "operation {at}"),
                Err(_) => assert!(stopped, "operation {at}: {result:?}"),
            }
            if all_kills() {
                // The next process ends as well, somewhere else.
                left.store(at * 7 % 150, Ordering::SeqCst);
                drop(follow(remote, &replica, &left));
                left.store(i64::MAX, Ordering::SeqCst);
                assert_epochs_are_whole(&replica);
                points += 1;
            }
            // The next process has the same directory.
            let files = Arc::new(OsFiles::MAPPED);
            let follower = remote
                .follow(&replica)
                .manual()
                .files(files)
                .start()
                .unwrap();
            assert_eq!(version(&follower.database()), 3, "operation {at}");
            let epochs = std::fs::read_dir(replica.join("epochs")).unwrap().count();
            assert_eq!(epochs, 1, "operation {at}");
            points += 1;
            if !stopped {
                break;
            }
        }
    }
    println!("{points} points at which a follower ended");
    assert!(points > 100, "{points}");
}

#[test]
fn a_push_that_ends_at_any_request_commits_whole_or_nothing() {
    let mut points = 0;
    for at in 0.. {
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let store = Mischievous::limited(Arc::clone(&left));
        let world = World::with(store.remote());
        world.push(1);
        world.write(3);
        left.store(at, Ordering::SeqCst);
        let pushed = world.remote.push(&world.shop).run();
        let stopped = left.load(Ordering::SeqCst) <= 0;
        left.store(i64::MAX, Ordering::SeqCst);
        let fetched = world.remote.fetch(world.path("replica")).run().unwrap();
        let version = version(&fetched.open().unwrap());
        assert_eq!(
            version,
            if pushed.is_ok() { 3 } else { 1 },
            "request {at}: {pushed:?}"
        );
        let again = world.remote.push(&world.shop).run().unwrap();
        assert_eq!(
            (again.epoch, again.unchanged),
            (2, pushed.is_ok()),
            "request {at}"
        );
        points += 1;
        if !stopped {
            break;
        }
    }
    assert!(points > 10, "{points}");
}
