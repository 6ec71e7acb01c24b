//! The power goes, or the process dies, at every operation.

use super::*;

/// First cuts of the test with two, of all there are.
const FIRST_CUTS: usize = 50;
/// Spreads them over the script.
const SPREAD: u64 = 7919;

/// What happens until operation `at`, at which the power goes: the disk, and what it may hold.
fn interrupted(at: u64) -> (MemoryFiles, Vec<Model>) {
    let files = MemoryFiles::default();
    files.set_fault(Some(Fault::PowerCut { at }));
    let possible = run_script(&files);
    (files, possible)
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    let operations = operations();
    let cuts = each_case(operations.len() + 1, |at| {
        let (files, possible) = interrupted(at);
        let cuts = cuts(&files, at);
        for (loss, files) in &cuts {
            let story = format!("cut at {}, lost: {loss:?}", place(&operations, at));
            assert_recovers(files, &possible, &story);
        }
        cuts.len()
    });
    println!("{} power cuts, nothing lost", grouped(cuts));
}

#[test]
fn a_second_power_cut_while_recovering_loses_nothing_either() {
    let operations = operations();
    let cuts = each_case(FIRST_CUTS, |number| {
        let first = 1 + (number * SPREAD) % (operations.len() as u64 + 1);
        let (files, possible) = interrupted(first);
        let mut cuts = cuts(&files, first);
        let (loss, files) = cuts.swap_remove(number as usize % cuts.len());
        let recover = |fault| {
            let files = files.after_power_cut(Loss::All);
            files.set_fault(fault);
            let possible = run(&files, &[Step::Put(6, 60)], possible.clone());
            (files, possible)
        };
        let (whole, _) = recover(None);
        let mut tried = 0;
        for (second, operation) in (1..).zip(whole.operations()) {
            let (files, possible) = recover(Some(Fault::PowerCut { at: second }));
            for (again, files) in some_cuts(&files, second) {
                let story = format!(
                    "cut at {}, lost: {loss:?}; cut again at {second}, {operation}, lost: {again:?}",
                    place(&operations, first)
                );
                assert_recovers(&files, &possible, &story);
                tried += 1;
            }
        }
        tried
    });
    let cuts = grouped(cuts);
    println!(
        "{cuts} second power cuts after {FIRST_CUTS} first ones, every {SPREAD}th, nothing lost"
    );
}

#[test]
fn a_new_process_never_builds_on_what_a_power_cut_can_still_lose() {
    let operations = operations();
    // To have been shown is enough: what the second life opened with may not go any more.
    let second_lives: [&[Step]; 3] = [
        &[],
        &[Step::Put(6, 60)],
        &[
            Step::Put(6, 60),
            Step::Seal,
            Step::Publish(4.0),
            Step::Delete(6),
        ],
    ];
    let cuts = each_case(operations.len() + 1, |at| {
        let mut tried = 0;
        for steps in second_lives {
            // The process dies, the machine keeps running: pending changes stay pending.
            let (files, possible) = interrupted(at);
            files.set_fault(None);
            let story = format!("died at {}, then {steps:?}", place(&operations, at));
            let story_guard = Story(&story);
            let found = contents(&open(&files).unwrap());
            assert!(possible.contains(&found), "{found:?}");
            let possible = run(&files, steps, vec![found.clone()]);
            let mut sure = found;
            steps.iter().for_each(|step| step.apply(&mut sure));
            assert_eq!(possible, [sure]);
            drop(story_guard);
            for (loss, files) in some_cuts(&files, at) {
                let story = format!("{story}, lost: {loss:?}");
                assert_recovers(&files, &possible, &story);
                tried += 1;
            }
        }
        tried
    });
    println!(
        "{} power cuts in a second life, nothing lost",
        grouped(cuts)
    );
}
