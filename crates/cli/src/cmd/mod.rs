//! The commands, one file each.

mod audit;
mod check;
mod diff;
mod ensembles;
mod export;
mod gc;
mod generations;
mod import;
mod merge;
mod mine;
mod publish;
mod recall;
mod repair;
mod restore;
mod retain;
mod rollback;
mod seal;
mod similar;
mod snapshot;
mod stages;
mod state;
mod stats;
mod towers;
mod train;
mod train_loop;

use std::path::Path;

use clap::Subcommand;
use twinspire::Database;

use crate::output::{Exit, Failure, Output};

/// What `twinspire` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read items from JSON lines, CSV or a MovieLens directory into a database
    Import(import::ImportArgs),
    /// Write every item of a database as JSON lines
    Export(export::ExportArgs),
    /// Learn towers from raw logs
    Train(train::TrainArgs),
    /// Learn from new logs, publish, and keep the new generation if it does as well
    Loop(train_loop::LoopArgs),
    /// Tell what towers read and how they are built
    Towers(towers::TowersArgs),
    /// Embed every item with the towers and make the space serve them
    Publish(publish::PublishArgs),
    /// Find the best items for a user or a vector
    Recall(recall::RecallArgs),
    /// Find items like another item
    Similar(similar::SimilarArgs),
    /// Compare what two generations or ensembles answer
    Diff(diff::DiffArgs),
    /// Find hard negatives and hard positives to train with
    Mine(mine::MineArgs),
    /// List the generations of a space
    Generations(generations::GenerationsArgs),
    /// Serve an earlier generation of a space again
    Rollback(rollback::RollbackArgs),
    /// Let the oldest generations of a space go
    Retain(retain::RetainArgs),
    /// List, define or remove ensembles: recipes that fuse several spaces
    Ensembles(ensembles::EnsemblesArgs),
    /// Move what is in the journal into segments
    Seal(seal::SealArgs),
    /// Merge segments: what was overwritten or deleted takes no room any more
    Merge(merge::MergeArgs),
    /// Remove files that nothing needs any more
    Gc(gc::GcArgs),
    /// Tell what a database holds
    Stats(stats::StatsArgs),
    /// Measure how much of the exact answer recalls find
    Audit(audit::AuditArgs),
    /// Verify every file of a database
    Check(check::CheckArgs),
    /// Make a damaged database usable again, as far as it can be read
    Repair(repair::RepairArgs),
    /// Write the database as it is now into another directory
    Snapshot(snapshot::SnapshotArgs),
    /// Make a database from a snapshot
    Restore(restore::RestoreArgs),
}

/// Runs a command.
pub fn run(command: Command, output: &Output) -> Result<Exit, Failure> {
    match command {
        Command::Import(args) => import::run(args, output),
        Command::Export(args) => export::run(args, output),
        Command::Train(args) => train::run(args, output),
        Command::Loop(args) => train_loop::run(args, output),
        Command::Towers(args) => towers::run(args, output),
        Command::Publish(args) => publish::run(args, output),
        Command::Recall(args) => recall::run(args, output),
        Command::Similar(args) => similar::run(args, output),
        Command::Diff(args) => diff::run(args, output),
        Command::Mine(args) => mine::run(args, output),
        Command::Generations(args) => generations::run(args, output),
        Command::Rollback(args) => rollback::run(args, output),
        Command::Retain(args) => retain::run(args, output),
        Command::Ensembles(args) => ensembles::run(args, output),
        Command::Seal(args) => seal::run(args, output),
        Command::Merge(args) => merge::run(args, output),
        Command::Gc(args) => gc::run(args, output),
        Command::Stats(args) => stats::run(args, output),
        Command::Audit(args) => audit::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::Repair(args) => repair::run(args, output),
        Command::Snapshot(args) => snapshot::run(args, output),
        Command::Restore(args) => restore::run(args, output),
    }
}

/// A database to read: it has to be there, and others may have it open.
fn open_to_read(path: &Path) -> Result<Database, Failure> {
    present(path)?;
    Ok(Database::open_read_only(path)?)
}

/// A database to change: it has to be there.
fn open_to_write(path: &Path) -> Result<Database, Failure> {
    present(path)?;
    Ok(Database::options().create(false).open(path)?)
}

fn present(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let message = format!("{}: there is no such database", path.display());
    Err(Failure::not_found(message).hint("`twinspire import DB PATH` makes one"))
}
