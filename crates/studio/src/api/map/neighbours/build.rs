//! A layout of a map by neighbours, computed within a job.

use super::find::find;
use super::graph::edges;
use super::layout::{SEED, epochs, lay_out};
use super::measure::{COMPARED, kept};
use crate::api::job::Progress;
use crate::api::map::build::Map;
use crate::api::problem::Problem;
use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant};
use twinspire::Database;

/// The share of the work that finds neighbours; the rest moves points.
pub const FOUND: f64 = 0.5;
/// Layouts are computed one at a time, so that recalls of the process keep the other cores.
static TURN: Mutex<()> = Mutex::new(());
/// How often a layout that waits for its turn asks for it.
const WAIT: Duration = Duration::from_millis(50);

/// The points of a map laid out by neighbours.
pub struct Layout {
    /// x and y of each point, in the order of the map's.
    pub points: Vec<f32>,
    /// Number of neighbours that the shares are of.
    pub compared: usize,
    /// The share of the nearest neighbours that are nearest on the map too: of the principal components, of this layout.
    pub kept: [f64; 2],
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
        let _turn = loop {
            match TURN.try_lock() {
                Ok(turn) => break turn,
                // The one before panicked; it left nothing behind.
                Err(TryLockError::Poisoned(turn)) => break turn.into_inner(),
                Err(TryLockError::WouldBlock) => thread::sleep(WAIT),
            }
            progress.go_on()?;
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
            progress.go_on()
        })?;
        let seconds = [found, since.elapsed().as_secs_f64() - found];
        Ok(Self {
            kept: [kept(&map.points, &neighbours), kept(&points, &neighbours)],
            compared: COMPARED,
            points,
            seconds,
        })
    }
}
