//! How much of the exact answer recalls find.

use super::Database;
use crate::error::Error;
use crate::maintain;
use crate::manifest::Calibration;

impl Database {
    /// Measures the recall of a space's graph: asks it with beams of many widths and compares with
    /// exact answers, on all cores. The queries are a sample of the vectors this handle answered for,
    /// once there were a few thousand; before that they are made up, each between two items.
    ///
    /// Reads every vector of the space some dozen times.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`]; [`Error::Corrupt`] when a segment is damaged.
    pub fn audit(&self, space: &str) -> Result<Calibration, Error> {
        let audited = self.live().audit(space, &|| Ok(()));
        audited.map(|(_, calibration)| calibration)
    }

    /// As [`audit`](Self::audit), and keeps the answer: recalls with a
    /// [`recall_target`](crate::Recall::recall_target) go by it from now, in this process and in
    /// others. A publish does so with queries that are made up; the background does it once with
    /// real ones, when there have been enough.
    ///
    /// # Errors
    /// As [`audit`](Self::audit); [`Error::ReadOnly`].
    pub fn calibrate(&self, space: &str) -> Result<Calibration, Error> {
        maintain::calibrate(&self.live(), self.writing()?, space)
    }
}
