//! Measurement of the recall of a space's graph.

use super::Database;
use crate::error::Error;
use crate::maintain;
use crate::manifest::Calibration;

impl Database {
    /// Measures the recall of a space's graph at many beam widths, against exact answers, on all cores.
    /// The queries are a sample of the query vectors that this handle answered, once there were a few
    /// thousand. Before that they are simulated, each between two items.
    ///
    /// Reads every vector of the space about a dozen times.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`]; [`Error::Corrupt`] when a segment is damaged.
    pub fn audit(&self, space: &str) -> Result<Calibration, Error> {
        let audited = self.live().audit(space, &|| Ok(()));
        audited.map(|(_, calibration)| calibration)
    }

    /// As [`audit`](Self::audit), and stores the result. Recalls with a
    /// [`recall_target`](crate::Recall::recall_target) use it from now on, in this process and in others.
    /// A publish does the same with simulated queries, and the background once with real ones, as soon as
    /// there are enough.
    ///
    /// # Errors
    /// As [`audit`](Self::audit); [`Error::ReadOnly`].
    pub fn calibrate(&self, space: &str) -> Result<Calibration, Error> {
        maintain::calibrate(&self.live(), self.writing()?, space)
    }
}
