//! A layout of a map by neighbours, computed within a job.

use super::find::find;
use super::graph::edges;
use super::layout::{SEED, epochs, lay_out};
use super::measure::{COMPARED, neighbour_recall};
use crate::api::job::Progress;
use crate::api::map::build::Map;
use crate::api::problem::Problem;
use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant};
use twinspire::Database;

/// Share of the progress that the search for neighbours takes. The rest moves points.
pub const SEARCH_SHARE: f64 = 0.5;
/// Held while a layout is computed: one at a time, so that recalls of the process keep the other cores.
pub static LAYOUT_LOCK: Mutex<()> = Mutex::new(());
/// Interval at which a waiting layout tries the lock.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The points of a map laid out by neighbours.
pub struct Layout {
    /// x and y of each point, in the order of the map's.
    pub points: Vec<f32>,
    /// Number of nearest neighbours that are compared.
    pub compared: usize,
    /// Share of the nearest neighbours in the space that are nearest in this layout.
    pub neighbour_recall: f64,
    /// The same share in the plane of the principal components.
    pub component_neighbour_recall: f64,
    /// Time of the search for neighbours and of the layout, in seconds.
    pub seconds: [f64; 2],
}

impl Layout {
    /// The layout of a map.
    pub fn build(
        database: &Database,
        space: &str,
        map: &Map,
        progress: &Progress,
    ) -> Result<Self, Problem> {
        // The job has not begun while it waits, and the page says so.
        let _guard = loop {
            match LAYOUT_LOCK.try_lock() {
                Ok(guard) => break guard,
                // The lock guards no data.
                Err(TryLockError::Poisoned(guard)) => break guard.into_inner(),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
            }
            progress.check_cancelled()?;
        };
        let count = map.ids.len() as u64;
        progress.begin(2 * count);
        // One state for all recalls, whatever is written meanwhile.
        let state = database.pin();
        if state.active_generation(space)? != map.generation {
            let message = "the space has a new generation; load the page again to see its map";
            return Err(Problem::failed(message));
        }
        let since = Instant::now();
        let neighbours = find(&state, space, map, progress)?;
        drop(state);
        let found = since.elapsed().as_secs_f64();
        let edges = edges(&neighbours);
        let epochs = epochs(map.ids.len()) as u64;
        let points = lay_out(&map.points, &edges, SEED, |epoch| {
            progress.set(count + count * epoch as u64 / epochs, 2 * count);
            progress.check_cancelled()
        })?;
        let seconds = [found, since.elapsed().as_secs_f64() - found];
        Ok(Self {
            neighbour_recall: neighbour_recall(&points, &neighbours),
            component_neighbour_recall: neighbour_recall(&map.points, &neighbours),
            compared: COMPARED,
            points,
            seconds,
        })
    }
}
