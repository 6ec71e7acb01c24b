//! A publish reuses the vectors of the previous generation if that had the same item tower.

use super::*;
use crate::graph::GraphBuilder;
use crate::maintain::{Monitor, Publish, Source, Vectors};
use crate::snapshot::{LazyModel, Overlay, Serving, Snapshot};
use twinspire_towers::internals::Model as Trained;

fn scaled(scale: f32) -> Towers {
    Towers::from_bytes(towers::scaled(scale)).unwrap()
}

/// The vectors that a publish of `model` would be made of, after `before`.
fn vectors(db: &Database, model: &Arc<Trained>, before: &Base) -> Vec<f32> {
    let publish = Publish {
        force: false,
        space: SPACE,
        model,
        parts: &[],
        storage: before.generation.storage,
        retain: 1,
        index: crate::index::IndexChoice::default(),
        builder: GraphBuilder::default(),
        users: None,
        left_out: None,
        monitor: &Monitor::new(None),
    };
    let mut snapshot = Snapshot::clone(&db.live().snapshot.load());
    let (base, overlay) = (Arc::new(before.clone()), Overlay::default());
    let serving = Serving { base, overlay };
    snapshot.spaces.insert(SPACE.into(), Arc::new(serving));
    let made = Vectors::new(&publish, &snapshot, Source::Tower);
    made.unwrap().vectors
}

#[test]
fn items_are_embedded_again_only_by_another_item_tower() {
    let db = open(&MemoryFiles::default()).unwrap();
    db.items().put_many(&[item(1, 10), item(2, 20)]).unwrap();
    db.publish(SPACE).towers(scaled(3.0)).run().unwrap();
    let base = Arc::clone(&db.live().snapshot.load().spaces[SPACE].base);
    let model = |scale| Arc::clone(scaled(scale).model());
    assert_eq!(vectors(&db, &model(5.0), &base), [50.0, 100.0]);
    // A generation that says it has this tower, so that its vectors tell whether they were taken.
    let pretends = Base {
        towers: Arc::new(LazyModel::of(model(5.0), &base.generation)),
        ..(*base).clone()
    };
    assert_eq!(vectors(&db, &model(5.0), &pretends), [30.0, 60.0]);
    assert_eq!(vectors(&db, &model(7.0), &pretends), [70.0, 140.0]);
    // Another user tower does not matter, as long as the item tower stays.
    let mut other = (*model(5.0)).clone();
    other.user = model(9.0).user.clone();
    assert_eq!(vectors(&db, &Arc::new(other), &pretends), [30.0, 60.0]);
}
