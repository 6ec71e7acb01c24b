//! The vectors of a space: their lengths, and items that share one vector.

use crate::api::job::Progress;
use crate::api::map::visit;
use crate::api::problem::Problem;
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use twinspire::Database;

/// Maximum number of vectors that are read.
const MAX_VECTORS: usize = 100_000;
/// Number of bars of the histogram.
const BARS: usize = 24;
/// Number of groups that are listed, and of ids of each.
const LISTED: usize = 12;

/// What the vectors are like.
#[derive(Debug, Serialize, Default, Clone)]
pub struct VectorsReport {
    /// Vectors that were read.
    pub read: usize,
    /// Items without a vector among those that were read.
    pub missing: usize,
    pub least_norm: f64,
    pub mean_norm: f64,
    pub most_norm: f64,
    /// Number of vectors by length, from the least to the largest in equal steps.
    pub norms: Vec<usize>,
    /// Items that share their vector with another one.
    pub in_groups: usize,
    /// The largest groups of items with one vector.
    pub groups: Vec<Group>,
}

/// Items with one vector.
#[derive(Debug, Serialize, Clone)]
pub struct Group {
    pub items: usize,
    /// Some of them.
    pub ids: Vec<String>,
}

/// Reads the vectors of a space's active generation.
pub fn read(
    database: &Database,
    space: &str,
    progress: &Progress,
) -> Result<VectorsReport, Problem> {
    let total = database.items().count()? as usize;
    progress.begin(total.min(MAX_VECTORS) as u64);
    let (mut norms, mut missing) = (Vec::new(), 0);
    // Equal vectors have equal hashes; of unequal ones two in 2^64 do.
    let mut groups: HashMap<u64, Group> = HashMap::new();
    visit(database, Some(space), MAX_VECTORS, |item| {
        progress.add(1);
        let Some(vector) = item.vectors.get(space) else {
            missing += 1;
            return;
        };
        let squares = vector.iter().map(|one| f64::from(*one).powi(2));
        norms.push(squares.sum::<f64>().sqrt());
        let mut hasher = DefaultHasher::new();
        vector
            .iter()
            .for_each(|one| one.to_bits().hash(&mut hasher));
        let group = groups.entry(hasher.finish()).or_insert(Group {
            items: 0,
            ids: Vec::new(),
        });
        group.items += 1;
        if group.ids.len() < LISTED {
            let id = item.record["id"].as_str().unwrap_or_default();
            group.ids.push(id.to_owned());
        }
    })?;
    let mut groups: Vec<Group> = groups
        .into_values()
        .filter(|group| group.items > 1)
        .collect();
    groups.sort_by(|one, other| other.items.cmp(&one.items).then(one.ids.cmp(&other.ids)));
    let in_groups = groups.iter().map(|group| group.items).sum();
    groups.truncate(LISTED);
    Ok(VectorsReport {
        missing,
        in_groups,
        groups,
        ..lengths(&norms)
    })
}

fn lengths(norms: &[f64]) -> VectorsReport {
    if norms.is_empty() {
        return VectorsReport::default();
    }
    let least = norms.iter().copied().fold(f64::INFINITY, f64::min);
    let most = norms.iter().copied().fold(0.0, f64::max);
    let mut bars = vec![0; BARS];
    // Lengths that differ in rounding alone are one bar.
    let step = ((most - least) / BARS as f64).max(1e-5);
    for norm in norms {
        let at = (((norm - least) / step) as usize).min(BARS - 1);
        if let Some(bar) = bars.get_mut(at) {
            *bar += 1;
        }
    }
    VectorsReport {
        read: norms.len(),
        least_norm: least,
        mean_norm: norms.iter().sum::<f64>() / norms.len() as f64,
        most_norm: most,
        norms: bars,
        ..VectorsReport::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use twinspire::{Metric, Towers};

    #[test]
    fn lengths_and_equal_vectors_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(dir.path().join("a.twin")).unwrap();
        let items: Vec<_> = ["a", "b", "c", "d"].map(|id| json!({"id": id})).to_vec();
        db.items().put_many(&items).unwrap();
        let towers = Towers::vectors_only("clip", 2, Metric::InnerProduct).unwrap();
        let vectors = [
            ("a", [3.0, 4.0]),
            ("b", [3.0, 4.0]),
            ("c", [1.0, 0.0]),
            ("d", [0.0, 3.0]),
        ];
        db.publish("clip")
            .towers(towers)
            .vectors(vectors)
            .run()
            .unwrap();
        let report = read(&db, "clip", &Progress::default()).unwrap();
        assert_eq!(
            (report.read, report.least_norm, report.most_norm),
            (4, 1.0, 5.0)
        );
        assert_eq!(
            (report.norms[0], report.norms[12], report.norms[BARS - 1]),
            (1, 1, 2)
        );
        assert_eq!(report.in_groups, 2);
        assert_eq!(report.groups[0].ids, ["a", "b"]);
    }
}
