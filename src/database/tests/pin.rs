//! Recalls of pinned states, and which of them calibration samples.

use super::*;
use twinspire_core::ids::GenerationNo;
use twinspire_towers::TrainingPair;

const ID: &str = "B01";
/// More than enough for a full sample.
const ASKED: usize = 8192;

#[test]
fn recalls_of_an_inactive_generation_are_not_sampled() {
    let db = open(&MemoryFiles::default()).unwrap();
    db.items().put_many(&[item(1, 10), item(2, 20)]).unwrap();
    for scale in [1.0, 2.0] {
        let towers = Towers::from_bytes(towers::scaled(scale)).unwrap();
        db.publish(SPACE).towers(towers).run().unwrap();
    }
    let home = WeightedSum::new().space(SPACE, 1.0);
    db.ensembles().define(ENSEMBLE, home).unwrap();
    let [one, two] = [GenerationNo(1), GenerationNo(2)];
    let sampled = |generation| db.live().query_samples.sample(SPACE, generation).is_some();
    let users = vec![json!({"price": 12}); ASKED];
    let now = db.pin();
    let before = now.generation(SPACE, one).unwrap();
    let ask = |state: &Pinned, name| {
        let hits = state.recall(name).users(&users).top(1).unwrap();
        assert!(hits.iter().all(|hits| hits[0].id == ID));
    };

    ask(&before, SPACE);
    ask(&before, ENSEMBLE);
    let pairs = users.iter().map(|user| TrainingPair::new(user.clone(), ID));
    let mined = db.mine(SPACE).pairs(pairs).unwrap();
    assert!(
        mined
            .map(Result::unwrap)
            .all(|mined| mined.pair.positive == ID)
    );
    assert!(!sampled(one) && !sampled(two));

    ask(&now, SPACE);
    assert!(sampled(two));
    ask(&before, SPACE);
    assert!(sampled(two), "the sample was not thrown away");
    db.rollback(SPACE).run().unwrap();
    ask(&before, SPACE);
    assert!(sampled(one), "it is the active one now");
}

#[test]
fn files_of_a_pinned_generation_may_be_removed() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    db.items().put_many(&[item(1, 10), item(2, 20)]).unwrap();
    for scale in [1.0, 2.0, 3.0] {
        let towers = Towers::from_bytes(towers::scaled(scale)).unwrap();
        db.publish(SPACE).towers(towers).run().unwrap();
    }
    let now = db.pin();
    let before = now.generation(SPACE, GenerationNo(1)).unwrap();
    let user = json!({"price": 12});
    let ask = |state: &Pinned| state.recall(SPACE).user(&user).top(2).unwrap();
    let then = ask(&before);
    let segments = || {
        files
            .list(&PathBuf::from(ROOT).join(names::SEGMENTS))
            .unwrap()
            .len()
    };
    let there = segments();
    db.retain(SPACE, 1).unwrap();
    assert_eq!(segments(), there - 2, "pinning keeps no files");
    assert_eq!(ask(&before), then);
    let error = now.generation(SPACE, GenerationNo(2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("space {SPACE:?} keeps no generation 2; it keeps 3")
    );
}
