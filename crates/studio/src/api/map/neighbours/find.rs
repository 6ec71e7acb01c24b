//! The nearest neighbours of each item of a map, as the space's own index finds them.

use crate::api::job::Progress;
use crate::api::map::build::Map;
use crate::api::problem::Problem;
use twinspire::{DEFAULT_EF, ErrorKind, Pinned};

/// Number of neighbours of an item that a layout uses.
const NEIGHBOURS: usize = 15;
/// Maximum number of neighbours in a query. A map of a sample of the items needs more of them: most are not in the
/// sample.
const MAX_ASKED: usize = 300;

/// The neighbours of each point of a map, best first.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// Where the neighbours of each point end.
    ends: Vec<usize>,
    points: Vec<u32>,
    scores: Vec<f32>,
}

impl Neighbours {
    /// Adds the neighbours of the next point, best first.
    pub fn push(&mut self, neighbours: impl IntoIterator<Item = (u32, f32)>) {
        for (point, score) in neighbours {
            self.points.push(point);
            self.scores.push(score);
        }
        self.ends.push(self.points.len());
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The neighbours of a point and their scores.
    pub fn of(&self, at: usize) -> (&[u32], &[f32]) {
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let range = begin.copied().unwrap_or(0)..self.ends.get(at).copied().unwrap_or(0);
        let points = self.points.get(range.clone()).unwrap_or_default();
        (points, self.scores.get(range).unwrap_or_default())
    }
}

/// Finds the neighbours of all points of a map. Reports progress after each point.
pub fn find(
    state: &Pinned,
    space: &str,
    map: &Map,
    progress: &Progress,
) -> Result<Neighbours, Problem> {
    let step = (map.total as usize).div_ceil(map.ids.len().max(1)).max(1);
    let asked = (NEIGHBOURS * step).min(MAX_ASKED.max(NEIGHBOURS));
    let mut found = Neighbours::default();
    for id in &map.ids {
        progress.check_cancelled()?;
        let recall = state.recall(space).similar(id).ef(DEFAULT_EF);
        let hits = match recall.top(asked) {
            Ok(hits) => hits,
            // The item was deleted meanwhile, or has no vector any more.
            Err(error) if is_absent(error.kind()) => {
                found.push([]);
                progress.add(1);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let placed = hits.into_iter().filter_map(|hit| {
            let at = map.places.get(&hit.id)?;
            Some((*at, hit.score))
        });
        found.push(placed.take(NEIGHBOURS));
        progress.add(1);
    }
    Ok(found)
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::InvalidInput)
}
