//! Measurement of the recall of a space's graph.

use super::Database;
use crate::error::Error;
use crate::maintain;
use crate::manifest::Calibration;
use crate::recall::{View, given_queries};
use serde_json::Value;

impl Database {
    /// Measures the recall of a space's graph at many beam widths, against exact answers, on all cores.
    /// The queries are a sample of the query vectors that this handle answered, once there were a few
    /// thousand. Before that they are made up: between two items, far from all items, and where many vectors are
    /// near copies, of those.
    ///
    /// Reads every vector of the space several dozen times.
    ///
    /// # Errors
    /// [`Error::UnknownSpace`]; [`Error::Corrupt`] when a segment is damaged.
    pub fn audit(&self, space: &str) -> Result<Calibration, Error> {
        let audited = self.live().audit(space, None, &|| Ok(()));
        audited.map(|(_, calibration)| calibration)
    }

    /// As [`audit`](Self::audit), with users: JSON objects with the features that the user tower reads, as
    /// for [`Recall::user`](crate::Recall::user). A uniform sample of up to about a thousand of them is
    /// measured. Users that cannot be embedded are counted and left out.
    ///
    /// The figures are what these users get. Give users that the towers were not trained on, as those are
    /// who comes next.
    ///
    /// # Errors
    /// As [`audit`](Self::audit). [`Error::User`] if no user can be embedded; [`Error::NoUsers`] without
    /// users.
    pub fn audit_users(&self, space: &str, users: &[Value]) -> Result<Calibration, Error> {
        let live = self.live();
        let (_, given) = given_queries(&View::now(live.clone()), space, users)?;
        let audited = live.audit(space, Some(&given), &|| Ok(()));
        audited.map(|(_, calibration)| calibration)
    }

    /// As [`audit`](Self::audit), and stores the result. It replaces what was measured before with the same
    /// kind of queries: measurements with users stay until the space is measured with users again, or
    /// published. Recalls with a [`recall_target`](crate::Recall::recall_target) use it from now on, in this
    /// process and in others.
    ///
    /// A publish does the same with made-up queries, and the background with real ones, as soon as there
    /// are enough, and again when there are more.
    ///
    /// # Errors
    /// As [`audit`](Self::audit); [`Error::ReadOnly`].
    pub fn calibrate(&self, space: &str) -> Result<Calibration, Error> {
        maintain::calibrate(&self.live(), self.writing()?, space, None)
    }

    /// As [`audit_users`](Self::audit_users), and stores the result; see [`calibrate`](Self::calibrate).
    ///
    /// # Errors
    /// As [`audit_users`](Self::audit_users); [`Error::ReadOnly`]; [`Error::Conflict`] if another generation
    /// became active meanwhile.
    pub fn calibrate_users(&self, space: &str, users: &[Value]) -> Result<Calibration, Error> {
        let (live, writing) = (self.live(), self.writing()?);
        let given = given_queries(&View::now(live.clone()), space, users)?;
        maintain::calibrate(&live, writing, space, Some(given))
    }
}
