use super::*;
use crate::files::{FileSystem, LockMode};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

fn dir() -> PathBuf {
    PathBuf::from("db")
}

/// A file system with one durable directory.
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
fn a_power_cut_keeps_synced_bytes_under_synced_names() {
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
fn a_lost_append_before_a_kept_one_reads_as_zeros() {
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
fn a_torn_append_survives_block_by_block() {
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
            assert!(
                block.iter().all(|other| other == byte),
                "a block is kept or lost as a whole"
            );
        }
    }
    assert_eq!(
        lengths.into_iter().collect::<Vec<_>>(),
        [500, 512, 1024, 1536, 2048, 2500]
    );
}

#[test]
fn a_random_loss_reaches_every_subset_and_repeats_for_the_same_seed() {
    let files = files();
    for name in ["a", "b", "c"] {
        files.create_new(&dir().join(name)).unwrap();
    }
    let left = |seed| files.after_power_cut(Loss::Random(seed)).paths();
    let subsets: std::collections::BTreeSet<_> = (0..100).map(left).collect();
    assert_eq!(subsets.len(), 8);
    assert_eq!(left(7), left(7));
    let losses: Vec<_> = (0..100).map(Loss::Random).collect();
    let cuts = files.after_power_cuts(&losses);
    let left: std::collections::BTreeSet<_> = cuts.iter().map(|(_, files)| files.paths()).collect();
    assert_eq!((cuts.len(), left), (8, subsets), "each disk once");
}

#[test]
fn a_rename_changes_both_names_or_neither() {
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
fn a_renamed_directory_takes_its_files_along_or_stays() {
    let files = files();
    let (from, to) = (dir().join("from"), dir().join("to"));
    files.put(&from.join("f"), b"new");
    files.rename(&from, &to).unwrap();
    assert_eq!(files.paths(), [to.join("f")]);
    assert_eq!(files.after_power_cut(Loss::All).paths(), [from.join("f")]);
    let kept = files.after_power_cut(Loss::None);
    assert_eq!(kept.paths(), [to.join("f")]);
    files.sync_dir(&dir()).unwrap();
    assert_eq!(files.after_power_cut(Loss::All).paths(), [to.join("f")]);
    files.create_dir(&from).unwrap();
    let refused = files.rename(&to, &from).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
}

#[test]
fn create_dir_all_makes_every_name_durable() {
    let files = MemoryFiles::default();
    let deep = Path::new("a/b/c");
    files.create_dir_all(deep).unwrap();
    assert_eq!(files.pending(), 0);
    files.create_dir_all(deep).unwrap();
    assert_eq!(files.after_power_cut(Loss::All).paths(), [deep]);
    files.put(Path::new("a/f"), b"");
    let refused = files.create_dir_all(Path::new("a/f/g"));
    assert!(refused.is_err());
}

#[test]
fn files_in_a_directory_whose_name_is_lost_are_lost() {
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
fn a_later_sync_does_not_make_up_for_a_failed_one() {
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
fn each_failure_hits_the_operations_it_applies_to_and_is_recorded() {
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
    let recorded: Vec<_> = files.operations().iter().map(ToString::to_string).collect();
    assert_eq!(recorded[0], "Append db/f");
    assert_eq!(recorded.len(), 5);
    fail(Failure::ShortWrite { kept: 100 }, false);
    let mut file = files.create_new(&path).unwrap();
    file.append(b"ab").unwrap();
    fail(Failure::ShortWrite { kept: 100 }, false);
    assert!(file.append(b"cd").is_err());
    assert_eq!(read(&files, "f").unwrap(), b"abc");
}

#[test]
fn locks_exclude_by_mode_and_belong_to_the_file_not_its_name() {
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
    assert_eq!(
        held(LockMode::Owner),
        None,
        "a new file has a lock of its own"
    );
    drop(old);
}
