use super::*;
use crate::files::LockMode;
use std::io::ErrorKind;

fn dir() -> PathBuf {
    PathBuf::from("db")
}

/// A durable directory, to begin with.
fn files() -> MemoryFiles {
    let files = MemoryFiles::default();
    files.create_dir(&dir()).unwrap();
    files.sync_dir(Path::new(".")).unwrap();
    assert_eq!(files.pending(), 0);
    files
}

fn read(files: &MemoryFiles, name: &str) -> Option<Vec<u8>> {
    files.read(&dir().join(name)).ok()
}

#[test]
fn a_power_cut_leaves_what_was_synced_under_names_that_were_synced() {
    let files = files();
    let mut kept = files.create_new(&dir().join("kept")).unwrap();
    kept.append(b"ab").unwrap();
    kept.sync().unwrap();
    kept.append(b"cdef").unwrap();
    files.sync_dir(&dir()).unwrap();
    let unnamed = files.create_new(&dir().join("unnamed")).unwrap();
    unnamed.finish().unwrap();
    assert_eq!(files.pending(), 2);
    let later = files.after_power_cut(Loss::All);
    assert_eq!(later.list(&dir()).unwrap(), ["kept"]);
    assert_eq!(read(&later, "kept").unwrap(), b"ab");
    let later = files.after_power_cut(Loss::OnlyLost(0));
    assert_eq!(later.list(&dir()).unwrap(), ["kept", "unnamed"]);
    assert_eq!(read(&later, "kept").unwrap(), b"ab");
    let later = files.after_power_cut(Loss::None);
    assert_eq!(read(&later, "kept").unwrap(), b"abcdef");
    let later = files.after_power_cut(Loss::Zeroed);
    assert_eq!(read(&later, "kept").unwrap(), b"ab\0\0\0\0");
}

#[test]
fn an_append_that_is_lost_before_one_that_is_kept_reads_as_zeros() {
    let files = files();
    let mut file = files.create_new(&dir().join("f")).unwrap();
    files.sync_dir(&dir()).unwrap();
    for part in [b"ab", b"cd", b"ef"] {
        file.append(part).unwrap();
    }
    let after = |loss| read(&files.after_power_cut(loss), "f").unwrap();
    assert_eq!(after(Loss::OnlyKept(1)), b"\0\0cd");
    assert_eq!(after(Loss::OnlyLost(1)), b"ab\0\0ef");
    assert_eq!(after(Loss::OnlyLost(2)), b"abcd");
}

#[test]
fn a_torn_append_survives_by_blocks_at_absolute_offsets() {
    let files = files();
    let mut file = files.create_new(&dir().join("f")).unwrap();
    file.append(&[1; 500]).unwrap();
    file.sync().unwrap();
    files.sync_dir(&dir()).unwrap();
    file.append(&[2; 2000]).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..100 {
        let torn = files.after_power_cut(Loss::Torn { block: 512, seed });
        let bytes = read(&torn, "f").unwrap();
        assert_eq!(bytes[..500], [1; 500]);
        lengths.insert(bytes.len());
        for (at, byte) in bytes.iter().enumerate().skip(500) {
            let block = &bytes[(at / 512 * 512).max(500)..bytes.len().min((at / 512 + 1) * 512)];
            assert!(block.iter().all(|other| other == byte), "one fate a block");
        }
    }
    assert_eq!(
        lengths.into_iter().collect::<Vec<_>>(),
        [500, 512, 1024, 1536, 2048, 2500]
    );
}

#[test]
fn a_random_loss_is_any_subset_and_the_same_for_the_same_seed() {
    let files = files();
    for name in ["a", "b", "c"] {
        files.create_new(&dir().join(name)).unwrap();
    }
    let left = |seed| files.after_power_cut(Loss::Random(seed)).paths();
    let subsets: std::collections::BTreeSet<_> = (0..100).map(left).collect();
    assert_eq!(subsets.len(), 8);
    assert_eq!(left(7), left(7));
}

#[test]
fn a_rename_happens_on_both_names_or_on_neither() {
    let files = files();
    files.put(&dir().join("to"), b"old");
    files.put(&dir().join("from"), b"new");
    files
        .rename(&dir().join("from"), &dir().join("to"))
        .unwrap();
    let (lost, kept) = (
        files.after_power_cut(Loss::All),
        files.after_power_cut(Loss::None),
    );
    assert_eq!(read(&lost, "to").unwrap(), b"old");
    assert_eq!(read(&lost, "from").unwrap(), b"new");
    assert_eq!(read(&kept, "to").unwrap(), b"new");
    assert_eq!(read(&kept, "from"), None);
}

#[test]
fn what_lies_in_a_directory_whose_name_is_lost_is_lost() {
    let files = files();
    let inner = dir().join("inner");
    files.create_dir(&inner).unwrap();
    files
        .create_new(&inner.join("f"))
        .unwrap()
        .finish()
        .unwrap();
    files.sync_dir(&inner).unwrap();
    assert_eq!(files.after_power_cut(Loss::All).paths(), [dir()]);
    files.sync_dir(&dir()).unwrap();
    assert_eq!(files.after_power_cut(Loss::All).paths(), [inner.join("f")]);
}

#[test]
fn a_sync_that_failed_is_not_made_up_for_by_a_later_one() {
    let files = files();
    let mut file = files.create_new(&dir().join("f")).unwrap();
    files.sync_dir(&dir()).unwrap();
    file.append(b"ab").unwrap();
    files.set_fault(Some(Fault::Fail {
        at: 1,
        forever: false,
        failure: Failure::Sync,
    }));
    assert!(file.sync().is_err());
    file.append(b"cd").unwrap();
    file.sync().unwrap();
    assert_eq!(files.pending(), 1);
    assert_eq!(
        read(&files.after_power_cut(Loss::All), "f").unwrap(),
        b"\0\0cd"
    );
    assert_eq!(
        read(&files.after_power_cut(Loss::None), "f").unwrap(),
        b"abcd"
    );
}

#[test]
fn each_failure_hits_what_it_concerns_and_is_recorded() {
    let files = files();
    let fail = |failure, forever| {
        files.set_fault(Some(Fault::Fail {
            at: 1,
            forever,
            failure,
        }));
    };
    let path = dir().join("f");
    let mut file = files.create_new(&path).unwrap();
    fail(Failure::NoSpace, true);
    assert_eq!(
        file.append(b"ab").unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    file.sync().unwrap();
    assert!(files.create_dir(&dir().join("d")).is_err());
    assert!(files.link(&path, &dir().join("g")).is_err());
    files.remove(&path).unwrap();
    let told: Vec<_> = files.operations().iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "Append db/f");
    assert_eq!(told.len(), 5);
    fail(Failure::ShortWrite { kept: 100 }, false);
    let mut file = files.create_new(&path).unwrap();
    file.append(b"ab").unwrap();
    fail(Failure::ShortWrite { kept: 100 }, false);
    assert!(file.append(b"cd").is_err());
    assert_eq!(read(&files, "f").unwrap(), b"abc");
}

#[test]
fn locks_are_shared_or_not_and_belong_to_the_file_and_not_its_name() {
    let files = files();
    let path = dir().join("READERS");
    let first = files.lock(&path, LockMode::Shared).unwrap();
    let second = files.lock(&path, LockMode::Shared).unwrap();
    let held = |mode| files.lock(&path, mode).err().map(|error| error.kind());
    drop(first);
    assert_eq!(held(LockMode::Exclusive), Some(ErrorKind::WouldBlock));
    drop(second);
    let alone = files.lock(&path, LockMode::Exclusive).unwrap();
    assert_eq!(held(LockMode::Owner), Some(ErrorKind::WouldBlock));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| files.lock(&path, LockMode::Shared).is_ok());
        drop(alone);
        assert!(waits.join().unwrap());
    });
    let old = files.lock(&path, LockMode::Owner).unwrap();
    files.remove(&path).unwrap();
    assert_eq!(held(LockMode::Owner), None, "a new file, a new lock");
    drop(old);
}
