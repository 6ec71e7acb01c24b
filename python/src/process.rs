//! Forks. A fork of a process has none of its threads: locks that they held stay locked, and work handed to them is
//! never done. So the package serves one process, the first that uses it.

use crate::failure::Failure;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The process that uses the package; 0 before its first use. No process has this id.
static USER: AtomicU32 = AtomicU32::new(0);

/// Refuses to work in a fork of the process that uses the package.
pub fn check() -> Result<(), Failure> {
    match is_fork() {
        false => Ok(()),
        true => Err(Failure::new(
            "ForkedError",
            "this process is a fork of one that used twinspire, and has none of its threads; open the database \
             after the fork only, or start workers by `spawn` or `forkserver`",
        )),
    }
}

/// Whether this is a fork of the process that uses the package. The first call decides which process that is.
pub fn is_fork() -> bool {
    let this = process::id();
    let user = USER.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed);
    user.is_err_and(|user| user != this)
}
