//! Readers alongside a writer that seals, merges, publishes, rolls back, retains and collects as fast as
//! it can: each answer is one committed state, nothing is ever missing, nothing piles up, and nobody
//! waits.
//!
//! The writer keeps what a reader can check by itself. All items carry the same `round`, set by one
//! `put_many`; a price follows from the item and the round, and a score from the price and the scale
//! of the one generation that answered, which is read off its first item.
//!
//! `TWINSPIRE_READERS_SECONDS` says for how long.
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use twinspire::{Database, Error};
use twinspire_testkit::towers::scaled_towers;
use twinspire_testkit::{SetOnDrop, directory, open_without_background};

const READERS: usize = 4;
const ITEMS: usize = 40;
const SPACE: &str = "by-price";
/// Files a reader may have mapped beyond those it began with: what a state has at most, twice.
const MAPS: usize = 80;
/// Of the refreshes, those before are not counted: allocators and threads settle first.
const SETTLED: u64 = 100;

/// All items in a round.
fn items(round: u64) -> Vec<Value> {
    let item =
        |at: usize| json!({"id": format!("B{at:03}"), "price": price(at, round), "round": round});
    (0..ITEMS).map(item).collect()
}

/// Different for every item, and for an item from round to round.
fn price(at: usize, round: u64) -> u64 {
    at as u64 + (ITEMS as u64 + 1) * (round % 100)
}

/// What a reader sees must be of one round and one generation; gives the round.
fn look(db: &Database, exact: bool) -> Option<u64> {
    let user = json!({"price": 0});
    let recall = db.recall(SPACE).user(&user).records();
    let recall = if exact { recall.exact() } else { recall };
    let hits = match recall.top(2 * ITEMS) {
        Err(Error::UnknownSpace { .. }) => return None,
        hits => hits.unwrap(),
    };
    assert_eq!(hits.len(), ITEMS, "a recall of all finds all");
    let record = |at: usize| hits[at].record.as_ref().unwrap();
    let round = record(0)["round"].as_u64().unwrap();
    let last = record(ITEMS - 1);
    let scale = (f64::from(-hits[ITEMS - 1].score)).sqrt() / last["price"].as_f64().unwrap();
    assert!(
        [1.0, 2.0, 4.0, 8.0].contains(&scale),
        "no generation has scale {scale}"
    );
    for at in 0..ITEMS {
        assert_eq!(*record(at), items(round)[at], "an item of another round");
        let distance = scale * price(at, round) as f64;
        let expected = -(distance * distance) as f32;
        assert_eq!(
            hits[at].score, expected,
            "vectors of one generation and one round"
        );
    }
    Some(round)
}

/// Files this process has mapped.
#[cfg(target_os = "linux")]
fn maps() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .filter(|line| line.contains("/segments/"))
        .count()
}

#[cfg(not(target_os = "linux"))]
fn maps() -> usize {
    0
}

/// Not a test by itself: what a reader process does.
#[test]
fn reads_until_it_is_told_to_stop() {
    let Ok(path) = std::env::var("TWINSPIRE_READERS_DIRECTORY") else {
        return;
    };
    let stop = Path::new(&path).with_file_name("stop");
    let db = Database::open_read_only(&path).unwrap();
    let (mut refreshes, mut recalls, mut rounds, mut most) = (0, 0, 0, 0);
    let mut before = 0;
    while !stop.exists() {
        db.refresh().unwrap();
        refreshes += 1;
        // The database as it is now does not move until the next refresh.
        let first = look(&db, refreshes % 2 == 0);
        let again = look(&db, refreshes % 2 == 1);
        assert_eq!(first, again);
        recalls += 2 * u64::from(first.is_some());
        let got = |at: usize| {
            let item = db.items().get(&format!("B{at:03}")).unwrap().unwrap();
            item["round"].as_u64().unwrap()
        };
        let round = got(refreshes as usize % ITEMS);
        assert_eq!(got(7), round, "two gets of one state");
        assert!(
            first.is_none_or(|first| first == round),
            "a get and a recall of one state"
        );
        assert_eq!(db.stats().unwrap().items, ITEMS as u64);
        assert!(round >= before, "round {round} after {before}");
        rounds += u64::from(round > before);
        before = round;
        most = most.max(maps());
        if refreshes == SETTLED {
            assert!(maps() <= MAPS);
        }
    }
    assert!(most <= MAPS, "{most} maps after {refreshes} refreshes");
    println!("\nread {refreshes} {recalls} {rounds} {most}");
}

#[test]
fn readers_beside_a_busy_writer_see_committed_states_and_no_errors() {
    let seconds = std::env::var("TWINSPIRE_READERS_SECONDS");
    let seconds = seconds.map_or(5, |seconds| seconds.parse().unwrap());
    let (_home, path) = directory();
    let db = open_without_background(&path);
    let mut round = 0;
    let mut next = |db: &Database| {
        round += 1;
        db.items().put_many(&items(round)).unwrap();
        round
    };
    next(&db);
    let start = |_| {
        let mut reader = Command::new(std::env::current_exe().unwrap());
        reader
            .args([
                "--exact",
                "readers::reads_until_it_is_told_to_stop",
                "--nocapture",
            ])
            .env("TWINSPIRE_READERS_DIRECTORY", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        reader.spawn().unwrap()
    };
    let readers: Vec<_> = (0..READERS).map(start).collect();
    let towers = [1.0, 2.0, 4.0, 8.0].map(scaled_towers);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut turn = 0;
    while Instant::now() < until {
        next(&db);
        match turn % 8 {
            0 | 4 => {
                let towers = towers[turn / 4 % 4].clone();
                db.publish(SPACE).towers(towers).retain(3).run().unwrap();
            }
            1 | 5 => assert!(db.seal().is_ok()),
            2 => db.merge().unwrap(),
            3 if turn > 8 => drop(db.rollback(SPACE).run().unwrap()),
            6 => db.retain(SPACE, 2).unwrap(),
            7 => drop(db.collect().unwrap()),
            _ => {}
        }
        turn += 1;
    }
    let last = next(&db);
    std::fs::create_dir(path.with_file_name("stop")).unwrap();
    let (mut refreshes, mut recalls, mut most) = (0, 0, 0);
    for reader in readers {
        let output = reader.wait_with_output().unwrap();
        let (told, why) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{told}\n{why}");
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix("read "))
            .unwrap();
        let numbers: Vec<u64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
        assert!(
            numbers[0] > 10 && numbers[1] > 0 && numbers[2] > 1,
            "a reader saw nothing: {line}"
        );
        refreshes += numbers[0];
        recalls += numbers[1];
        most = most.max(numbers[3]);
    }
    println!(
        "{last} rounds and {turn} calls of the writer; {READERS} readers: \
         {refreshes} refreshes, {recalls} recalls, at most {most} files mapped"
    );
    assert_eq!(look(&db, true), Some(last));
    let report = db.check().unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
}

#[test]
fn a_thousand_refreshes_leave_as_many_files_mapped_as_one() {
    let (_home, path) = directory();
    let db = open_without_background(&path);
    db.items().put_many(&items(1)).unwrap();
    db.publish(SPACE).towers(scaled_towers(2.0)).run().unwrap();
    let reader = Database::open_read_only(&path).unwrap();
    let mut most = 0;
    for round in 2..=1_001 {
        match round % 20 {
            0 | 5 | 10 => assert!(db.items().put_many(&items(round)).is_ok()),
            1 | 6 | 11 => assert!(db.seal().is_ok()),
            16 => db.merge().unwrap(),
            _ => {}
        }
        reader.refresh().unwrap();
        most = most.max(maps());
    }
    println!("1,000 refreshes, at most {most} files mapped by a writer and a reader");
    assert!(most <= MAPS, "{most}");
    assert_eq!(look(&reader, true), Some(1_000));
}

#[test]
fn recalls_go_on_while_a_writer_is_busy() {
    let (_home, path) = directory();
    let db = open_without_background(&path);
    let thing = |at: usize, round: usize| json!({"id": format!("C{at:05}"), "price": at + round});
    let many = |round: usize| (0..2_000).map(|at| thing(at, round)).collect::<Vec<_>>();
    db.items().put_many(&many(0)).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    let (done, recalls) = (AtomicBool::new(false), AtomicU64::new(0));
    let user = json!({"price": 1_000});
    let (mut calls, mut longest_call, mut during) = (0, Duration::ZERO, 0);
    let longest = std::thread::scope(|scope| {
        let end = SetOnDrop(&done);
        let read = || {
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                assert_eq!(db.recall(SPACE).user(&user).top(10).unwrap().len(), 10);
                assert!(db.items().get("C00007").unwrap().is_some());
                longest = longest.max(begun.elapsed());
                recalls.fetch_add(1, Ordering::Relaxed);
            }
            longest
        };
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(read)).collect();
        let mut timed = |call: &dyn Fn()| {
            let (begun, before) = (Instant::now(), recalls.load(Ordering::Relaxed));
            call();
            calls += 1;
            if begun.elapsed() > longest_call {
                longest_call = begun.elapsed();
                during = recalls.load(Ordering::Relaxed) - before;
            }
        };
        for round in 1..=2 {
            let records = many(round);
            timed(&|| assert!(db.items().put_many(&records).is_ok()));
            timed(&|| assert!(db.seal().is_ok()));
        }
        timed(&|| db.merge().unwrap());
        timed(&|| assert!(db.publish(SPACE).towers(scaled_towers(2.0)).run().is_ok()));
        drop(end);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .max()
            .unwrap()
    });
    println!(
        "{} recalls during {calls} calls of the writer; {during} of them during the longest, which took \
         {longest_call:?}; the longest recall took {longest:?}",
        recalls.load(Ordering::Relaxed)
    );
    // One that waited for the writer would see none, or one, end meanwhile.
    assert!(during > 10, "recalls wait for the writer");
    assert!(
        longest < longest_call.max(Duration::from_secs(5)),
        "a recall took {longest:?}"
    );
}
