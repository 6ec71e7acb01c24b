//! The map over the API.

use super::layouts::{LayoutView, Stage};
use super::neighbours::LAYOUT_LOCK;
use super::*;
use crate::api::tests::{of_vectors, shop};
use serde_json::json;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

/// Asks until there is an answer.
fn wait<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(1));
    }
}

fn wait_for_map(state: &State, space: &str) {
    wait(|| matches!(get(state, space).unwrap(), MapView::Ready { .. }).then_some(()));
}

#[test]
fn a_map_has_points_colours_neighbours_and_queries() {
    let (_dir, state) = shop();
    let since = Instant::now();
    let view = loop {
        match get(&state, "price").unwrap() {
            MapView::Working { .. } => thread::sleep(Duration::from_millis(1)),
            ready @ MapView::Ready { .. } => break ready,
        }
        assert!(since.elapsed() < Duration::from_secs(20));
    };
    let MapView::Ready {
        count,
        total,
        dimension,
        ..
    } = view
    else {
        panic!("the map is ready");
    };
    assert_eq!((count, total, dimension), (3, 3, 1));
    assert_eq!(points(&state, "price", "").unwrap().len(), 3 * 8);
    let found = point(&state, "price", 0).unwrap();
    assert_eq!(
        (found.id.as_str(), found.neighbours[0].at),
        ("B01", Some(1))
    );
    assert!(point(&state, "price", 3).is_err());
    let Colours::Number { least, most, .. } = colour(&state, "price", "price").unwrap() else {
        panic!("prices are numbers");
    };
    assert_eq!((least, most), (12.5, 30.0));
    let request = json!({"space": "price", "query": {"user": {"price": 29}}, "k": 2});
    let query = place(&state, &serde_json::from_value(request).unwrap()).unwrap();
    assert_eq!(query.hits[0].hit.id, "B03");
    assert!(get(&state, "absent").is_err());
}

#[test]
fn a_layout_is_computed_on_request_and_places_queries_among_their_hits() {
    // 400 items around 20 places of a space of 12 dimensions.
    let vector = |at: usize| -> Vec<f32> {
        let part = |axis: usize| ((at % 20 * 7 + axis * 13) % 17) as f32;
        let noise = |axis: usize| ((at * 31 + axis * 17) % 101) as f32 / 101.0;
        (0..12).map(|axis| part(axis) + noise(axis)).collect()
    };
    let (_dir, state) = of_vectors(400, vector);
    assert!(start_layout(&state, "clip").is_err(), "the map comes first");
    wait_for_map(&state, "clip");
    assert!(matches!(
        layout_of(&state, "clip").unwrap(),
        LayoutView::None
    ));
    assert!(points(&state, "clip", "neighbours").is_err());
    start_layout(&state, "clip").unwrap();
    let (layout, components) = wait(|| match layout_of(&state, "clip").unwrap() {
        LayoutView::Ready {
            neighbour_recall,
            component_neighbour_recall,
            ..
        } => Some((neighbour_recall, component_neighbour_recall)),
        LayoutView::Working { share, .. } => {
            assert!((0.0..=1.0).contains(&share));
            None
        }
        LayoutView::None => panic!("it was started"),
    });
    assert!(layout > 1.2 * components, "{layout} {components}");
    assert_eq!(points(&state, "clip", "neighbours").unwrap().len(), 400 * 8);
    assert!(points(&state, "clip", "neighbors").is_err());
    let request =
        json!({"space": "clip", "query": {"vector": vector(3)}, "k": 5, "layout": "neighbours"});
    let query = place(&state, &serde_json::from_value(request).unwrap()).unwrap();
    let layout = finished_layout(&state, "clip").unwrap();
    let [x, y] = query.point.unwrap();
    // Far less than the width of the layout, which is about 20.
    let (at_x, at_y) = (layout.points[6], layout.points[7]);
    assert!((x - at_x).hypot(y - at_y) < 4.0, "{x} {y} {at_x} {at_y}");
}

#[test]
fn a_layout_waits_for_another_is_cancelled_and_started_again() {
    let vector = |at: usize| vec![at as f32, (at * at % 97) as f32];
    let (_dir, state) = of_vectors(3_000, vector);
    wait_for_map(&state, "clip");
    let is_waiting = |view: &LayoutView| {
        matches!(
            view,
            LayoutView::Working {
                stage: Stage::Waiting,
                ..
            }
        )
    };
    // As another layout does.
    let lock = LAYOUT_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(is_waiting(&start_layout(&state, "clip").unwrap()));
    let view = cancel_layout(&state, "clip").unwrap();
    assert!(matches!(view, LayoutView::None));
    assert!(points(&state, "clip", "neighbours").is_err());
    assert!(is_waiting(&start_layout(&state, "clip").unwrap()));
    assert!(is_waiting(&layout_of(&state, "clip").unwrap()));
    drop(lock);
    wait(|| (!is_waiting(&layout_of(&state, "clip").unwrap())).then_some(()));
    cancel_layout(&state, "clip").unwrap();
}
