//! Bytes that changed on the disk, files cut short or gone, and files that nobody asked for.
//!
//! The database has everything in it: two spaces, one of two generations and one of halves, several segments in each, a
//! lexical space,
//! lists of what is gone, two journal files of which the later begins with a copy of the earlier
//! one's last call, both manifests. Whatever is damaged is refused at opening, or found by a check,
//! or does no harm; what may do no harm is listed here, and what is shown then is complete.

use super::*;
use crate::format::journal::Frame;
use std::sync::Mutex;
use twinspire_core::ids::Revision;
use twinspire_core::kernel::Storage;

const OTHER: &str = "other";
/// Headers and footers: every other bit of them is flipped, or every bit if [everything](tries_all) is tried, and every
/// length within them tried.
const EDGE: usize = 64;
/// Elsewhere a bit of every so manieth byte is flipped, or of every byte if everything is tried: a checksum covers each
/// section, so one byte is like another.
const FLIP_STRIDE: usize = 4;
/// Elsewhere a file is cut at every so manieth length.
const STRIDE: usize = 5;

/// A database as files, and what it shows.
struct Whole {
    files: Vec<(PathBuf, Vec<u8>)>,
    shown: Shown,
    /// What it showed before the last calls, newest first: all whose frames are in the last journal
    /// alone.
    before: Vec<Shown>,
}

/// What one space shows, and the ids that the other finds.
type Shown = (Model, BTreeSet<String>);

fn whole() -> Whole {
    let files = MemoryFiles::default();
    let publish_other = |db: &Database, scale| {
        let towers = Towers::from_bytes(towers::scaled(scale)).unwrap();
        db.publish(OTHER)
            .towers(towers)
            .storage(Storage::Half)
            .index(IndexChoice::Only(IndexKind::Partitions))
            .run()
            .unwrap();
    };
    let db = open(&files).unwrap();
    Step::Words(1.0).run(&db).unwrap();
    Step::PutMany(6).run(&db).unwrap();
    Step::Publish(2.0).run(&db).unwrap();
    publish_other(&db, 3.0);
    for step in [Step::Put(1, 11), Step::Delete(2), Step::Seal] {
        step.run(&db).unwrap();
    }
    Step::Publish(4.0).run(&db).unwrap();
    for step in [Step::Put(7, 70), Step::Delete(3), Step::Seal] {
        step.run(&db).unwrap();
    }
    Step::Put(1, 12).run(&db).unwrap();
    Step::Delete(4).run(&db).unwrap();
    drop(db);
    let db = open(&files).unwrap();
    let mut before = vec![shown(&db)];
    for step in [Step::Put(8, 80), Step::Put(5, 50)] {
        step.run(&db).unwrap();
        before.insert(0, shown(&db));
    }
    drop(db);
    let shown = before.remove(0);
    files.put(&Path::new(ROOT).join(names::LOCK), b"process 1\n");
    let bytes = |path: PathBuf| (path.clone(), files.read(&path).unwrap());
    let files: Vec<_> = files.paths().into_iter().map(bytes).collect();
    let count = |part: &str| {
        let named = |(path, _): &&(PathBuf, _)| path.to_string_lossy().contains(part);
        files.iter().filter(named).count()
    };
    let counts = ["items-", "space-", "journal-", "manifest-", "tower.json"].map(count);
    assert_eq!(counts, [3, 7, 2, 2, 3]);
    Whole {
        files,
        shown,
        before,
    }
}

fn shown(db: &Database) -> Shown {
    let model = contents(db);
    let user = json!({"price": 15});
    let ids = |exact: bool| -> BTreeSet<String> {
        let recall = db.recall(OTHER).user(&user);
        let recall = if exact { recall.exact() } else { recall };
        recall
            .top(100)
            .unwrap()
            .iter()
            .map(|h| h.id.clone())
            .collect()
    };
    assert_eq!(ids(false), ids(true));
    (model, ids(true))
}

impl Whole {
    /// The files with one in another state: other bytes, or gone.
    fn with(&self, changed: &Path, bytes: Option<&[u8]>) -> MemoryFiles {
        let files = MemoryFiles::default();
        for (path, bytes) in self.files.iter().filter(|(path, _)| path != changed) {
            files.put(path, bytes);
        }
        if let Some(bytes) = bytes {
            files.put(changed, bytes);
        }
        files
    }

    /// The place of a journal among the two.
    fn journal(&self, path: &Path) -> Option<usize> {
        let journals = self.files.iter().map(|(path, _)| path);
        let mut journals =
            journals.filter(|path| path.parent().is_some_and(|p| p.ends_with(names::JOURNAL)));
        journals.position(|journal| journal == path)
    }
}

/// What became of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Refused,
    Found,
    Harmless,
    /// The end of the last journal is gone, as if a call had never ended. Nothing in the files tells
    /// this from a call that was torn; on a disk the index does.
    Torn,
}

#[derive(Default)]
struct Counts(Mutex<BTreeMap<Outcome, usize>>);

impl Counts {
    fn count(&self, outcome: Outcome) -> usize {
        *self.0.lock().unwrap().entry(outcome).or_default() += 1;
        1
    }

    fn print(self, what: &str, cases: usize) {
        println!(
            "{} {what}: {:?}",
            grouped(cases),
            self.0.into_inner().unwrap()
        );
    }
}

/// Opens and uses what is left, for reading and for writing.
fn outcome(whole: &Whole, files: &MemoryFiles, path: &Path) -> Outcome {
    let options = Database::options().read_only(true);
    match options.open_on(Arc::new(files.clone()), Path::new(ROOT)) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}"),
        Ok(reader) => use_all(&reader),
    }
    match open(files) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
            Outcome::Refused
        }
        Ok(db) => {
            let problems = db.check().unwrap().problems;
            if problems.iter().any(|problem| problem.file == path) {
                use_all(&db);
                return Outcome::Found;
            }
            assert_eq!(problems, []);
            let seen = shown(&db);
            if seen == whole.shown {
                return Outcome::Harmless;
            }
            assert!(whole.before.contains(&seen), "{seen:?}");
            Outcome::Torn
        }
    }
}

/// Asks everything; all of it may fail.
fn use_all(db: &Database) {
    let user = json!({"price": 15});
    for space in [SPACE, OTHER] {
        let recall = || db.recall(space).user(&user).records();
        let _ = (recall().top(100), recall().exact().top(100));
        let _ = db.recall(space).similar("B01").top(3);
    }
    let _ = db.recall(WORDS).text("b01 b02").top(3);
    for id in 0..10 {
        let _ = db.items().get(&format!("B{id:02}"));
    }
    let _ = (db.stats(), db.check());
}

/// Bytes of the frame that closes a journal; nothing follows it.
fn closing_frame() -> usize {
    let (first, ops) = (Revision(1), Vec::new());
    Frame { first, ops }.encode().unwrap().len()
}

#[test]
fn a_flipped_byte_of_any_file_is_refused_found_or_harmless() {
    let whole = whole();
    let mut cases = Vec::new();
    for (file, (path, bytes)) in whole.files.iter().enumerate() {
        let small = path.ends_with(names::CURRENT) || whole.journal(path).is_some();
        for at in 0..bytes.len() {
            let edge = small || at < EDGE || at + EDGE >= bytes.len();
            if !edge && !tries_all() && at % FLIP_STRIDE != 0 {
                continue;
            }
            let bit = at / FLIP_STRIDE % 8;
            // By turns the even bits and the odd ones.
            let bits = if edge { 0..8 } else { bit..bit + 1 };
            let bits = bits.filter(|bit| !edge || tries_all() || (at + bit) % 2 == 0);
            cases.extend(bits.map(|bit| (file, at, bit)));
        }
    }
    let counts = Counts::default();
    let tried = each_case(cases.len(), |case| {
        let (file, at, bit) = cases[case as usize - 1];
        let (path, bytes) = &whole.files[file];
        let story = format!("bit {bit} of byte {at} of {} of {path:?}", bytes.len());
        let _story = Story(&story);
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let outcome = outcome(&whole, &whole.with(path, Some(&flipped)), path);
        // Text for people; and what says that nothing follows.
        let harmless = path.ends_with(names::LOCK)
            || whole.journal(path).is_some() && at + closing_frame() >= bytes.len();
        let expected: &[Outcome] = match harmless {
            true => &[Outcome::Harmless],
            false => &[Outcome::Refused, Outcome::Found],
        };
        assert!(expected.contains(&outcome), "{outcome:?}");
        counts.count(outcome)
    });
    counts.print("flips", tried);
}

#[test]
fn a_truncated_or_missing_file_is_refused_found_or_harmless() {
    let whole = whole();
    let before = whole
        .files
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("manifest-"));
    let manifest_before = before.map(|(path, _)| path).min().unwrap();
    let mut cases = Vec::new();
    for (file, (path, bytes)) in whole.files.iter().enumerate() {
        let edge = |at: usize| at <= EDGE + 1 || at + EDGE + 1 >= bytes.len();
        let lengths = 0..bytes.len();
        let all = whole.journal(path).is_some();
        let some = lengths.filter(|at| all || edge(*at) || at % STRIDE == 0);
        cases.extend(some.map(|at| (file, Some(at))));
        cases.push((file, None));
    }
    let counts = Counts::default();
    let tried = each_case(cases.len(), |case| {
        let (file, length) = cases[case as usize - 1];
        let (path, bytes) = &whole.files[file];
        let story = format!("{path:?} cut at {length:?} of {}", bytes.len());
        let _story = Story(&story);
        let left = length.map(|length| &bytes[..length]);
        let outcome = outcome(&whole, &whole.with(path, left), path);
        let may: &[Outcome] = match (whole.journal(path), length) {
            // The second journal has a copy of the first one's last call.
            (Some(0), _) => &[Outcome::Refused, Outcome::Harmless],
            (Some(_), Some(at)) if at + closing_frame() >= bytes.len() => &[Outcome::Harmless],
            (Some(_), _) => &[Outcome::Torn],
            _ if path.ends_with(names::LOCK) || path.ends_with(names::READERS) => {
                &[Outcome::Harmless]
            }
            (None, None) if path == manifest_before => &[Outcome::Harmless],
            _ => &[Outcome::Refused, Outcome::Found],
        };
        assert!(may.contains(&outcome), "{outcome:?}");
        counts.count(outcome)
    });
    counts.print("cuts and losses of files", tried);
}

#[test]
fn stray_files_and_directories_are_refused_or_harmless() {
    let whole = whole();
    let mut stray: Vec<String> = [
        ".DS_Store",
        ".tmp-1",
        "notes.txt",
        "CURRENT",
        "CURRENT.next",
        "CURRENT~",
        "LOCK",
        "READERS",
        "catalog",
        "journal",
        "-000001",
        "by-price-000099",
        "by-price-000001~",
        "x",
        "ü",
        "a b",
    ]
    .map(str::to_owned)
    .into();
    for kind in ["manifest", "journal", "items", "space"] {
        let numbers = [
            "000000",
            "1",
            "0000001",
            "000999",
            "000001.tmp",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "999999999999999999",
            "+00001",
        ];
        stray.extend(numbers.map(|number| format!("{kind}-{number}")));
    }
    let towers = whole
        .files
        .iter()
        .filter(|(path, _)| path.ends_with("tower.json"));
    let mut places: Vec<PathBuf> = towers
        .map(|(path, _)| path.parent().unwrap().to_owned())
        .collect();
    let root = Path::new(ROOT);
    places.push(root.to_owned());
    places.extend(
        [names::JOURNAL, names::SEGMENTS, names::TOWERS, "more"].map(|name| root.join(name)),
    );
    let bytes_of = |part: &str| {
        let mut found = whole
            .files
            .iter()
            .filter(|(path, _)| path.to_string_lossy().contains(part));
        found.next().unwrap().1.clone()
    };
    let contents = [
        Vec::new(),
        b"x".to_vec(),
        vec![0; 100],
        vec![7; 100],
        bytes_of("items-"),
        bytes_of("manifest-"),
        bytes_of("journal-"),
    ];
    let mut cases = Vec::new();
    for place in &places {
        for name in &stray {
            let path = place.join(name);
            if whole
                .files
                .iter()
                .any(|(there, _)| there.starts_with(&path))
            {
                continue;
            }
            cases.extend(contents.iter().map(|bytes| (path.clone(), bytes)));
            cases.push((path.join("inside"), &contents[1]));
            cases.push((path.join("in/side"), &contents[1]));
        }
    }
    let counts = Counts::default();
    let tried = each_case(cases.len(), |case| {
        let (path, bytes) = &cases[case as usize - 1];
        let story = format!("a stray {path:?} of {} bytes", bytes.len());
        let _story = Story(&story);
        let files = whole.with(path, Some(bytes));
        if let Err(error) = open(&files) {
            // A journal that says nothing, or a directory in the place of a file.
            let named = error.to_string();
            assert!(path.starts_with(root.join(names::JOURNAL)), "{named}");
            return counts.count(Outcome::Refused);
        }
        assert_eq!(outcome(&whole, &files, path), Outcome::Harmless);
        // Nor does it stand in the way of what is written next.
        let mut expected = whole.shown.0.clone();
        let db = open(&files).unwrap();
        for step in [Step::Put(9, 90), Step::Seal, Step::Publish(8.0)] {
            if let Err(error) = step.run(&db) {
                // A directory has the name of a file that is due.
                let named = error.to_string();
                assert!(
                    named.ends_with(names::CURRENT_NEXT)
                        && path.starts_with(root.join(names::CURRENT_NEXT)),
                    "{named}"
                );
                return counts.count(Outcome::Refused);
            }
            step.apply(&mut expected);
        }
        assert_eq!(shown(&db).0, expected);
        drop(db);
        assert_eq!(shown(&open(&files).unwrap()).0, expected);
        counts.count(Outcome::Harmless)
    });
    counts.print("stray files", tried);
}
