//! The target of stored files.

use super::reseal;
use crate::format::columns::Lookup;
use crate::format::container::Kind;
use crate::format::current::Current;
use crate::format::items::ItemsLayout;
use crate::format::space::SpaceLayout;
use crate::format::{journal, manifest};
use crate::graph::{BeamParams, WalkLimits, search_exact};
use crate::index::Scratch;
use crate::lexical::{Lexical, RowScorer, TermQuery, search};
use std::ops::Bound;
use twinspire_core::ids::ItemNo;
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::{Place, Term, Test};

/// One stored file: the first byte is its kind, the rest its bytes, whose checksums are corrected.
pub fn segment(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    match kind % 5 {
        0 => items_segment(&reseal::sections(bytes, Kind::Items)),
        1 => space_segment(&reseal::sections(bytes, Kind::Space)),
        2 => drop(manifest::decode(&reseal::sections(bytes, Kind::Manifest))),
        3 => drop(journal::decode(&reseal::journal(bytes))),
        _ => drop(Current::decode(bytes)),
    }
}

fn items_segment(bytes: &[u8]) {
    let bytes = twinspire_core::files::Blob::from_bytes(bytes);
    let Ok(layout) = ItemsLayout::decode(&bytes) else {
        return;
    };
    for row in 0..layout.rows().min(1000) {
        if let Ok(row) = layout.row(&bytes, row) {
            let _ = layout.find_id(&bytes, row.id);
            layout.find_item(&bytes, row.item);
        }
    }
    columns(&layout, &bytes);
    words(&layout, &bytes);
    layout.check(&bytes);
}

/// Searches every lexical index.
fn words(layout: &ItemsLayout, bytes: &[u8]) {
    let lexical = Lexical::new().field("title", 1.0);
    let terms = ["lamp", "red", "b001"].map(|term| (term.to_owned(), 1));
    for analysis in layout.lexical.analyses() {
        let Some(index) = layout.lexical.index(bytes, analysis) else {
            continue;
        };
        let query = TermQuery::new(&terms.clone().into(), &lexical, analysis, &[index]);
        let mut pushed = 0f32;
        search(index, &query, f32::NEG_INFINITY, |_, score| {
            pushed += 1.0;
            score.min(pushed)
        });
        let scorer = RowScorer::new(index, &query);
        for row in 0..layout.rows().min(100) as u32 {
            scorer.score(row);
        }
    }
}

/// Runs every kind of test on every column.
fn columns(layout: &ItemsLayout, bytes: &[u8]) {
    let rows = layout.rows().min(1000) as u32;
    let terms = [
        Term::Bool(true),
        Term::Number(2.5.into()),
        Term::Text("lamp".to_owned()),
        Term::Text("x".repeat(300)),
    ];
    let from = |term: &Term| Test::Between {
        low: Bound::Included(term.clone()),
        high: Bound::Unbounded,
    };
    let mut tests = Vec::from_iter(terms.iter().map(from));
    let (centre, km) = (Place { lat: 1.0, lon: 2.0 }, 5000.0);
    tests.extend([
        Test::Present,
        Test::Within { centre, km },
        Test::OneOf(terms.into()),
    ]);
    layout.columns.lookup(bytes, "no such field");
    for (path, _) in layout.columns.fields() {
        let Lookup::Column(column) = layout.columns.lookup(bytes, path) else {
            continue;
        };
        for matches in tests.iter().map(|test| column.resolve(test)) {
            matches.count();
            matches.for_each_batch(|_| ());
            for row in (0..rows)
                .chain(matches.uncertain().iter().copied().take(1000))
                .chain([u32::MAX])
            {
                matches.contains(row);
                matches.is_uncertain(row);
            }
        }
    }
}

fn space_segment(bytes: &[u8]) {
    let bytes = twinspire_core::files::Blob::from_bytes(bytes);
    let Ok(layout) = SpaceLayout::decode(&bytes) else {
        return;
    };
    layout.find_item(&bytes, ItemNo(7));
    let mut points = layout.node_vectors(&bytes);
    let query = vec![0.25; points.rows.dimension()];
    for metric in [Metric::Cosine, Metric::L2] {
        points.metric = metric;
        search_exact(&points, &query, 3, |_| true);
        if let Ok(index) = layout.index(&bytes) {
            let (params, scratch) = (BeamParams::new(&query, 3, 10), &mut Scratch::default());
            index.search(&points, &params, scratch);
            let reach = WalkLimits {
                expansions: 4,
                beam: 10,
                score_budget: 1_000,
            };
            let mut filter = |node: u32| node != 1;
            index.search_filtered(&points, &params, reach, &mut filter, scratch);
            index.search_radius(&points, (&query, -1.0), 10, &mut filter, scratch);
        }
    }
    layout.check(&bytes);
}
