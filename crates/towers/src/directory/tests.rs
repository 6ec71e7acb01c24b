//! Saves with the power cut at every operation, with every operation failing, and with every kind of loss of
//! unsynced changes.
#![allow(
    clippy::disallowed_methods,
    reason = "tests create directories that are no towers"
)]

use super::Towers;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use twinspire_core::files::{Failure, Fault, Loss, MemoryFiles};
use twinspire_core::kernel::Metric;

fn path() -> PathBuf {
    PathBuf::from("models/shop")
}

/// Small towers, distinguished by their name.
fn towers(name: &str) -> Towers {
    Towers::vectors_only(name, 2, Metric::L2).unwrap()
}

/// Towers of several files.
fn large() -> Towers {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/youtube");
    Towers::open(root).unwrap()
}

/// A file system in which these towers were saved, durably.
fn saved(towers: &Towers) -> MemoryFiles {
    let files = MemoryFiles::default();
    towers.save_in(&files, &path()).unwrap();
    assert_eq!(files.pending(), 0);
    files
}

/// The hash of the towers at the path; `None` without towers.
fn found(files: &MemoryFiles) -> Option<u64> {
    let towers = Towers::open_in(files, &path());
    match towers {
        Ok(towers) => Some(towers.hash()),
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("tower.json: file: is missing"), "{error}");
            None
        }
    }
}

/// Some losses of what is pending, where all of them would take too long.
fn some_losses(_: &MemoryFiles) -> Vec<Loss> {
    vec![Loss::All, Loss::None, Loss::Random(1), Loss::Random(2)]
}

/// Every kind of loss of what is pending.
fn all_losses(files: &MemoryFiles) -> Vec<Loss> {
    let each = 0..files.pending();
    let single = each.flat_map(|at| [Loss::OnlyKept(at), Loss::OnlyLost(at)]);
    let seeds = (0..4).flat_map(|seed| [Loss::Random(seed), Loss::Torn { block: 64, seed }]);
    let whole = [Loss::All, Loss::None, Loss::Zeroed];
    whole.into_iter().chain(single).chain(seeds).collect()
}

/// Checks that a save works afterwards, durably and without leftovers.
fn check_next_save(files: &MemoryFiles, context: &str) {
    files.set_fault(None);
    let next = towers("next");
    let done = next.save_in(files, &path());
    assert!(done.is_ok(), "{context}: {done:?}");
    assert_eq!(found(files), Some(next.hash()), "{context}");
    let later = files.after_power_cut(Loss::All);
    assert_eq!(found(&later), Some(next.hash()), "{context}");
    assert_eq!(later.paths(), [path().join("tower.json")], "{context}");
    assert_eq!(files.paths(), later.paths(), "{context}");
}

/// Runs a save under a fault. Checks that `before` or the new towers can be opened afterwards, whatever is lost, and
/// that the next save works. Calls `and_then` with every file system that is left.
fn check_save(
    files: &MemoryFiles,
    new: &Towers,
    before: &BTreeSet<Option<u64>>,
    fault: Fault,
    losses: fn(&MemoryFiles) -> Vec<Loss>,
    and_then: &mut dyn FnMut(&MemoryFiles, &BTreeSet<Option<u64>>),
) {
    files.set_fault(Some(fault));
    let done = new.save_in(files, &path());
    let operations = files.operations();
    files.set_fault(None);
    let mut possible = before.clone();
    possible.insert(Some(new.hash()));
    if done.is_ok() {
        possible = BTreeSet::from([Some(new.hash())]);
    }
    let last = operations.last().map(ToString::to_string);
    let context = format!("{fault:?} after {last:?}: {done:?}");
    assert!(possible.contains(&found(files)), "{context}");
    for loss in losses(files) {
        let context = format!("{context}, {loss:?}");
        let later = files.after_power_cut(loss);
        assert!(possible.contains(&found(&later)), "{context}");
        and_then(&later, &possible);
        check_next_save(&later, &context);
    }
    // Without a power cut, the process or another one continues with the pending changes.
    and_then(files, &possible);
    check_next_save(files, &context);
}

/// Number of operations of a save.
fn operations(files: &MemoryFiles, towers: &Towers) -> u64 {
    files.set_fault(None);
    towers.save_in(files, &path()).unwrap();
    files.operations().len() as u64
}

#[test]
fn a_power_cut_during_a_save_leaves_the_old_or_the_new_towers() {
    let (old, new) = (large(), towers("new"));
    for (old, new) in [(Some(&old), &new), (Some(&new), &old), (None, &old)] {
        let before = || old.map_or_else(MemoryFiles::default, saved);
        let hashes = BTreeSet::from([old.map(Towers::hash)]);
        for at in 1..=operations(&before(), new) {
            check_save(
                &before(),
                new,
                &hashes,
                Fault::PowerCut { at },
                all_losses,
                &mut |_, _| {},
            );
        }
    }
}

#[test]
fn a_failure_during_a_save_leaves_the_old_or_the_new_towers() {
    let (old, new) = (towers("old"), large());
    let hashes = BTreeSet::from([Some(old.hash())]);
    let short = Failure::ShortWrite { kept: 7 };
    for at in 1..=operations(&saved(&old), &new) {
        for failure in [Failure::Io, Failure::NoSpace, short, Failure::Sync] {
            for forever in [false, true] {
                let fault = Fault::Fail {
                    at,
                    forever,
                    failure,
                };
                check_save(
                    &saved(&old),
                    &new,
                    &hashes,
                    fault,
                    all_losses,
                    &mut |_, _| {},
                );
            }
        }
    }
}

#[test]
fn a_power_cut_or_failure_during_the_recovery_loses_nothing() {
    let (old, new, third) = (towers("old"), towers("new"), towers("third"));
    let hashes = BTreeSet::from([Some(old.hash())]);
    let mut recoveries = 0;
    for at in 1..=operations(&saved(&old), &new) {
        let mut recover = |files: &MemoryFiles, possible: &BTreeSet<Option<u64>>| {
            // A twin for each run, because a run changes the file system.
            let twin = || files.twin();
            for at in 1..=operations(&twin(), &third) {
                let failure = Failure::Sync;
                let forever = false;
                for fault in [
                    Fault::PowerCut { at },
                    Fault::Fail {
                        at,
                        forever,
                        failure,
                    },
                ] {
                    check_save(
                        &twin(),
                        &third,
                        possible,
                        fault,
                        some_losses,
                        &mut |_, _| recoveries += 1,
                    );
                }
            }
        };
        check_save(
            &saved(&old),
            &new,
            &hashes,
            Fault::PowerCut { at },
            some_losses,
            &mut recover,
        );
    }
    assert!(recoveries > 1000, "{recoveries}");
}

#[test]
fn a_save_refuses_to_overwrite_other_files() {
    for other in ["models/shop/thesis.txt", "models/shop.replaced/thesis.txt"] {
        let files = saved(&towers("old"));
        files.put(Path::new(other), b"three years of work");
        let error = towers("new").save_in(&files, &path()).unwrap_err();
        assert!(error.to_string().contains("thesis.txt"), "{error}");
        assert_eq!(found(&files), Some(towers("old").hash()));
        assert!(files.paths().contains(&PathBuf::from(other)));
    }
}

#[test]
fn a_save_to_a_path_without_a_name_is_refused() {
    for path in ["", "..", "/"] {
        let error = towers("new").save_in(&MemoryFiles::default(), Path::new(path));
        assert!(error.is_err(), "{path}");
    }
}

#[test]
fn saving_creates_missing_parents_and_replaces_an_empty_directory_on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/shop");
    let (old, new) = (towers("old"), large());
    old.save(&path).unwrap();
    new.save(&path).unwrap();
    assert_eq!(Towers::open(&path).unwrap().hash(), new.hash());
    let empty = dir.path().join("a/b/empty");
    std::fs::create_dir(&empty).unwrap();
    old.save(&empty).unwrap();
    assert_eq!(Towers::open(&empty).unwrap().hash(), old.hash());
    let names = std::fs::read_dir(dir.path().join("a/b")).unwrap();
    assert_eq!(names.count(), 2);
}

#[test]
fn a_reader_finds_the_towers_of_an_interrupted_save_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop");
    let old = towers("old");
    old.save(dir.path().join("shop.replaced")).unwrap();
    towers("new").save(dir.path().join("shop.saving")).unwrap();
    assert_eq!(Towers::open(&path).unwrap().hash(), old.hash());
    assert!(!path.exists());
    towers("third").save(&path).unwrap();
    assert_eq!(Towers::open(&path).unwrap().name(), "third");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
