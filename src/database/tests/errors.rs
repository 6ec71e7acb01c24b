//! Calls on the disk fail, once or from then on.

use super::*;
use twinspire_core::files::Failure;

const FAILURES: [Failure; 6] = [
    Failure::Io,
    Failure::NoSpace,
    Failure::ShortWrite { kept: 1 },
    Failure::ShortWrite { kept: 70 },
    Failure::ShortWrite { kept: usize::MAX },
    Failure::Sync,
];

/// Some of the power cuts, by turns.
fn cuts_in_turn(files: &MemoryFiles, possible: &[Model]) -> Vec<(Loss, MemoryFiles)> {
    let turn = files.operations().len() + possible.len();
    some_cuts(files, turn as u64)
}

/// Does the script with each of these failures of every operation it concerns, once and for ever, and then
/// `case`, which gives how many cases it tried.
fn each_failure(
    failures: &[Failure],
    case: impl Fn(&MemoryFiles, &[Model], &str) -> usize + Sync,
) -> usize {
    let operations = operations();
    each_case(operations.len(), |at| {
        let mut tried = 0;
        for &failure in failures {
            for forever in [false, true] {
                if !failure.applies_to(operations[at as usize - 1].call) {
                    continue;
                }
                let files = MemoryFiles::default();
                files.set_fault(Some(Fault::Fail {
                    at,
                    forever,
                    failure,
                }));
                let often = if forever { "for ever" } else { "once" };
                let story = format!("{failure:?} {often} at {}", place(&operations, at));
                let _story = Story(&story);
                let possible = run_script(&files);
                tried += case(&files, &possible, &story);
            }
        }
        tried
    })
}

#[test]
fn a_failure_at_any_operation_is_an_error_and_loses_nothing() {
    let failures = each_failure(&FAILURES, |files, possible, story| {
        files.set_fault(None);
        assert_recovers(files, possible, story);
        1
    });
    println!("{} failures, nothing lost", grouped(failures));
}

#[test]
fn a_power_cut_after_a_failure_loses_nothing_either() {
    let cuts = each_failure(&FAILURES, |files, possible, story| {
        let cuts = cuts_in_turn(files, possible);
        for (loss, files) in &cuts {
            let story = format!("{story}, then a cut, lost: {loss:?}");
            assert_recovers(files, possible, &story);
        }
        cuts.len()
    });
    println!("{} power cuts after a failure, nothing lost", grouped(cuts));
}

#[test]
fn a_new_process_never_builds_on_the_unconfirmed_write_of_a_failed_call() {
    let cuts = each_failure(&FAILURES, |files, possible, story| {
        files.set_fault(None);
        let found = contents(&open(files).unwrap());
        assert!(possible.contains(&found), "{found:?}");
        // What it has shown stays, though it wrote nothing.
        for loss in [Loss::All, Loss::Zeroed] {
            let files = files.after_power_cut(loss);
            assert_eq!(contents(&open(&files).unwrap()), found, "{story}: shown");
        }
        let possible = run(files, &[Step::Put(6, 60)], vec![found]);
        let cuts = cuts_in_turn(files, &possible);
        for (loss, files) in &cuts {
            let story = format!("{story}, then a new process, then a cut, lost: {loss:?}");
            assert_recovers(files, &possible, &story);
        }
        cuts.len()
    });
    println!(
        "{} power cuts in a life after a failure, nothing lost",
        grouped(cuts)
    );
}

#[test]
fn a_failed_publish_can_be_retried_unless_the_writer_has_stopped() {
    let begin = || {
        let files = MemoryFiles::default();
        let db = open(&files).unwrap();
        let mut model = Model::default();
        for step in [Step::PutMany(3), Step::Publish(1.0), Step::Put(1, 11)] {
            step.run(&db).unwrap();
            step.apply(&mut model);
        }
        (files, db, model)
    };
    let (files, db, _) = begin();
    files.set_fault(None);
    Step::Publish(3.0).run(&db).unwrap();
    let again = each_case(files.operations().len(), |at| {
        let (files, db, mut model) = begin();
        files.set_fault(Some(Fault::Fail {
            at,
            forever: false,
            failure: Failure::Io,
        }));
        let failed = Step::Publish(3.0).run(&db).is_err();
        files.set_fault(None);
        if !failed || is_poisoned(&db) {
            return 0;
        }
        let story = format!("tried again after a failure at operation {at}");
        let _story = Story(&story);
        assert_eq!(contents(&db), model, "the generation before answers on");
        Step::Publish(3.0).run(&db).unwrap();
        Step::Publish(3.0).apply(&mut model);
        assert_eq!(contents(&db), model);
        drop(db);
        assert_recovers(&files, &[model], &story);
        1
    });
    println!("{again} failed publishes, all done at the second try");
    assert!(again > 0);
}

#[test]
fn a_commit_of_another_process_stops_the_writer_and_nothing_else() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    Step::PutMany(3).run(&db).unwrap();
    let before = contents(&db);
    let directory = Directory {
        files: Arc::new(files.clone()),
        root: ROOT.into(),
    };
    let mut manifest = store::load(&directory).unwrap().unwrap();
    manifest.number += 1;
    store::commit(&directory, &manifest).unwrap();
    let refused = db.seal().unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Superseded {
                found: 2,
                committed: 1,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let later = Step::Put(1, 11).run(&db);
    assert!(matches!(later, Err(Error::Superseded { .. })), "{later:?}");
    assert_eq!(contents(&db), before, "reads go on");
    assert_eq!(store::load(&directory).unwrap(), Some(manifest));
}

#[test]
fn a_database_on_a_full_disk_opens_and_answers() {
    let full = Fault::Fail {
        at: 1,
        forever: true,
        failure: Failure::NoSpace,
    };
    let tried = each_failure(&[Failure::NoSpace], |files, possible, story| {
        if files.read(&Path::new(ROOT).join(names::CURRENT)).is_err() {
            return 0;
        }
        files.set_fault(Some(full));
        let possible = run(files, &[], possible.to_vec());
        let db = open(files).unwrap();
        assert!(possible.contains(&contents(&db)));
        assert!(Step::Put(6, 60).run(&db).is_err());
        assert!(possible.contains(&contents(&db)));
        drop(db);
        files.set_fault(None);
        let mut with_put = possible.clone();
        with_put
            .iter_mut()
            .for_each(|model| Step::Put(6, 60).apply(model));
        assert_recovers(files, &[possible, with_put].concat(), story);
        1
    });
    println!("{tried} full disks, all opened");
}
