//! The database and the space that a command works on.

use std::path::{Path, PathBuf};

use clap::Args;
use twinspire::Database;

use crate::output::Failure;

/// The database.
#[derive(Debug, Args)]
pub struct DatabaseArg {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    pub database: PathBuf,
}

/// A space of a database.
#[derive(Debug, Args)]
pub struct SpaceArgs {
    /// The database: a directory such as shop.twin
    #[arg(value_name = "DB")]
    pub database: PathBuf,
    /// The embedding space, by the name given at publish
    #[arg(value_name = "SPACE")]
    pub space: String,
}

impl DatabaseArg {
    /// Opens an existing database read-only; another process may be writing to it.
    pub fn open_to_read(&self) -> Result<Database, Failure> {
        open_to_read(&self.database)
    }

    /// Opens an existing database for writing.
    pub fn open_to_write(&self) -> Result<Database, Failure> {
        open_to_write(&self.database)
    }
}

impl SpaceArgs {
    /// Opens an existing database read-only; another process may be writing to it.
    pub fn open_to_read(&self) -> Result<Database, Failure> {
        open_to_read(&self.database)
    }

    /// Opens an existing database for writing.
    pub fn open_to_write(&self) -> Result<Database, Failure> {
        open_to_write(&self.database)
    }
}

/// Opens an existing database read-only; another process may be writing to it. In the directory of a follower: the
/// database that it serves.
pub fn open_to_read(path: &Path) -> Result<Database, Failure> {
    check_exists(path)?;
    #[cfg(feature = "remote")]
    if let Some(state) = twinspire_remote::FollowState::read(path)? {
        return Ok(Database::open_read_only(state.database(path))?);
    }
    Ok(Database::open_read_only(path)?)
}

fn open_to_write(path: &Path) -> Result<Database, Failure> {
    check_exists(path)?;
    Ok(Database::options().create(false).open(path)?)
}

/// Fails where there is no database.
pub fn check_exists(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let message = format!("{}: there is no such database", path.display());
    Err(Failure::not_found(message).hint("`twinspire import DB PATH` creates one"))
}
