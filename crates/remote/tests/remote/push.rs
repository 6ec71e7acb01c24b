//! What a push moves, commits and refuses.

use crate::store::Mischievous;
use crate::world::{ITEMS, World, assert_is, write};
use serde_json::json;
use std::thread;
use twinspire::Database;
use twinspire_remote::{Remote, RemoteError};
use twinspire_testkit::open_without_background;

#[test]
fn a_push_has_every_acknowledged_write_and_a_second_one_of_the_same_state_moves_nothing() {
    let world = World::new();
    world.write(1);
    world.write(2);
    let pushed = world.remote.push(&world.shop).run().unwrap();
    assert_eq!((pushed.epoch, pushed.unchanged), (1, false));
    assert_eq!(pushed.bytes, pushed.uploaded_bytes);
    let again = world.remote.push(&world.shop).run().unwrap();
    assert_eq!(
        (again.epoch, again.unchanged, again.uploaded_files),
        (1, true, 0)
    );
    let fetched = world.remote.fetch(world.path("replica")).run().unwrap();
    assert_is(&fetched.open().unwrap(), 2);
    let left = std::fs::read_dir(world.home.path()).unwrap().count();
    assert_eq!(left, 2, "the shop and the replica: no staging directory");
}

#[test]
fn a_push_of_a_few_changed_items_moves_little() {
    let world = World::new();
    let items: Vec<_> = (0..20_000)
        .map(|at| json!({"id": format!("i{at}"), "price": at, "text": "x".repeat(50)}))
        .collect();
    world.shop.items().put_many(&items).unwrap();
    let towers = twinspire_testkit::towers::field_towers("l2", &["price"]);
    world.shop.publish("by-price").towers(towers).run().unwrap();
    let first = world.remote.push(&world.shop).run().unwrap();
    let changed: Vec<_> = items.iter().step_by(100).cloned().collect();
    world.shop.items().put_many(&changed).unwrap();
    let unsealed = world.remote.push(&world.shop).run().unwrap();
    world.shop.seal().unwrap();
    let sealed = world.remote.push(&world.shop).run().unwrap();
    println!(
        "1 % of {} items: {} of {} bytes unsealed, {} sealed",
        items.len(),
        unsealed.uploaded_bytes,
        first.bytes,
        sealed.uploaded_bytes
    );
    for pushed in [unsealed, sealed] {
        assert!(
            pushed.uploaded_bytes * 10 < first.bytes,
            "{pushed:?} of {first:?}"
        );
    }
}

#[test]
fn of_two_racing_pushers_one_wins_and_the_other_is_told() {
    for _ in 0..10 {
        let world = World::new();
        world.push(1);
        let copy = world.path("copy.twin");
        world.shop.snapshot(&copy).unwrap();
        let copy = open_without_background(&copy);
        write(&world.shop, 3);
        write(&copy, 5);
        let results = thread::scope(|scope| {
            let pushes = [&world.shop, &copy].map(|db| scope.spawn(|| world.remote.push(db).run()));
            pushes.map(|push| push.join().unwrap())
        });
        let heads = world.remote.heads().unwrap();
        let lost = results
            .iter()
            .filter(|result| matches!(result, Err(RemoteError::Superseded { epoch: 2, .. })));
        let won = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(
            (won, won + lost.count()),
            (heads.len() - 1, 2),
            "{results:?}"
        );
        let fetched = world.remote.fetch(world.path("replica")).run().unwrap();
        let of_first = results[0]
            .as_ref()
            .is_ok_and(|pushed| pushed.epoch == fetched.epoch());
        assert_is(&fetched.open().unwrap(), if of_first { 3 } else { 5 });
    }
}

#[test]
fn another_database_is_refused_unless_it_replaces_explicitly() {
    let world = World::new();
    world.push(1);
    let other = open_without_background(&world.path("other.twin"));
    write(&other, 3);
    let refused = world.remote.push(&other).run();
    assert!(
        matches!(refused, Err(RemoteError::OtherDatabase { .. })),
        "{refused:?}"
    );
    let follower = world
        .remote
        .follow(world.path("replica"))
        .manual()
        .start()
        .unwrap();
    let pushed = world.remote.push(&other).replace(true).run().unwrap();
    assert_eq!(pushed.epoch, 2);
    assert!(follower.poll().unwrap());
    assert_is(&follower.database(), 3);
}

#[test]
fn only_the_newest_heads_are_kept_and_young_objects_stay() {
    let world = World::new();
    for version in 1..=5 {
        world.write(version);
        world.remote.push(&world.shop).keep(2).run().unwrap();
    }
    let heads = world.remote.heads().unwrap();
    let epochs: Vec<u64> = heads.iter().map(|head| head.epoch).collect();
    assert_eq!(epochs, [4, 5]);
    let gone = world.remote.fetch(world.path("replica")).epoch(2).run();
    let Err(RemoteError::UnknownEpoch {
        oldest: 4,
        newest: 5,
        ..
    }) = gone
    else {
        panic!("{gone:?}");
    };
    for epoch in epochs {
        let fetched = world
            .remote
            .fetch(world.path("replica"))
            .epoch(epoch)
            .run()
            .unwrap();
        assert_is(&fetched.open().unwrap(), epoch);
    }
}

#[test]
fn a_collection_removes_nothing_if_a_kept_head_cannot_be_read() {
    let store = Mischievous::new();
    let world = World::with(store.remote());
    world.push_all(1..=3);
    let path = "heads/00000000000000000003.json";
    let head = store.get(path);
    store.put(path, head[..head.len() / 2].to_vec());
    let before = store.list();
    assert!(matches!(
        world.remote.collect(1),
        Err(RemoteError::Damaged { .. })
    ));
    assert_eq!(store.list(), before);
    store.put(path, head);
    assert_eq!(world.remote.collect(1).unwrap().heads, 2);
}

#[test]
fn a_directory_store_is_made_and_a_directory_that_is_none_is_named() {
    let world = World::new();
    world.write(1);
    let path = world.path("store/of/shops");
    let missing = Remote::open(&path.display().to_string()).unwrap_err();
    assert!(
        missing.to_string().contains("there is no such directory"),
        "{missing}"
    );
    let remote = Remote::create(&format!("file://{}", path.display())).unwrap();
    assert!(matches!(
        remote.fetch(world.path("replica")).run(),
        Err(RemoteError::Empty { .. })
    ));
    remote.push_directory(world.shop.path()).run().unwrap();
    let fetched = remote.fetch(world.path("replica")).run().unwrap();
    assert_is(&fetched.open().unwrap(), 1);
    assert_eq!(
        fetched.open().unwrap().items().count().unwrap(),
        ITEMS as u64
    );
}

#[test]
fn a_push_goes_on_while_others_write() {
    let world = World::new();
    world.push(1);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (2..12).for_each(|version| world.write(version)));
        while !writer.is_finished() {
            world
                .remote
                .push_directory(world.shop.path())
                .run()
                .unwrap();
        }
    });
    for head in world.remote.heads().unwrap() {
        let fetched = world
            .remote
            .fetch(world.path("replica"))
            .epoch(head.epoch)
            .run()
            .unwrap();
        let db: Database = fetched.open().unwrap();
        // A call with all items is one write, acknowledged and pushed as a whole.
        crate::world::version(&db);
    }
}
