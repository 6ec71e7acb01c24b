//! The command line as a whole: global flags, the list of commands, and their dispatch.

use clap::{Parser, Subcommand};

#[cfg(feature = "studio")]
use crate::cmd::studio;
use crate::cmd::{
    audit, check, delete, diff, embed, ensembles, eval, export, gc, generations, import, lexical,
    merge, mine, publish, recall, repair, restore, retain, rollback, seal, similar, snapshot,
    stats, towers, train, train_loop,
};
#[cfg(feature = "remote")]
use crate::cmd::{follow, push};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
From raw logs to recommendations in four commands:
  twinspire train youtube --movielens ml-100k --out models/movies
  twinspire import  movies.twin ml-100k
  twinspire publish movies.twin movies models/movies
  twinspire recall  movies.twin movies --user '{\"user_id\":\"42\",\"history\":[\"50\",\"181\"]}'

Exit codes:
  0  done
  1  the operation failed
  2  wrong usage: unknown options, malformed JSON in an argument
  3  not found: the database, the space, the item, the file
  4  corruption found
  5  a file of a newer release; nothing was changed

Results go to standard output, errors and progress to standard error.";

/// An embedded vector-recall database for two-tower recommenders.
#[derive(Debug, Parser)]
#[command(name = "twinspire", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress bars
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What `twinspire` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read items from JSON lines, CSV, Parquet or a MovieLens directory into a database
    Import(import::ImportArgs),
    /// Remove items by id, by a filter, or by a file of ids
    Delete(delete::DeleteArgs),
    /// Write every item of a database as JSON lines
    Export(export::ExportArgs),
    /// Train towers from raw logs
    Train(train::TrainArgs),
    /// Train on new logs, publish, and keep the new generation if it is no worse
    Loop(train_loop::LoopArgs),
    /// Show what towers read and how they are built
    Towers(towers::TowersArgs),
    /// Embed every item with the towers and let the space serve them
    Publish(publish::PublishArgs),
    /// Find the best items for a user or a vector
    Recall(recall::RecallArgs),
    /// Find items like another item
    Similar(similar::SimilarArgs),
    /// Show the vector of a user or an item, and what its features gave
    Embed(embed::EmbedArgs),
    /// Judge spaces, ensembles and generations on held-out events, beside baselines
    Eval(eval::EvalArgs),
    /// Compare the answers of two generations or ensembles
    Diff(diff::DiffArgs),
    /// Mine hard negatives and hard positives for training
    Mine(mine::MineArgs),
    /// List the generations of a space
    Generations(generations::GenerationsArgs),
    /// Serve an earlier generation of a space again
    Rollback(rollback::RollbackArgs),
    /// Remove the oldest generations of a space
    Retain(retain::RetainArgs),
    /// List, define or remove ensembles: recipes that fuse several spaces
    Ensembles(ensembles::EnsemblesArgs),
    /// List, define, roll back or remove lexical spaces: full text by BM25
    Lexical(lexical::LexicalArgs),
    /// Move the writes of the journal into segments
    Seal(seal::SealArgs),
    /// Merge segments, dropping overwritten and deleted items
    Merge(merge::MergeArgs),
    /// Remove files that the database no longer names
    Gc(gc::GcArgs),
    /// Push a database to an object store, for followers
    #[cfg(feature = "remote")]
    Push(push::PushArgs),
    /// Keep a directory at the newest epoch of an object store
    #[cfg(feature = "remote")]
    Follow(follow::FollowArgs),
    /// Open a local page that shows what a database holds and why it answers as it does
    #[cfg(feature = "studio")]
    Studio(studio::StudioArgs),
    /// Show what a database holds
    Stats(stats::StatsArgs),
    /// Measure what share of the exact answer recalls find
    Audit(audit::AuditArgs),
    /// Verify every file of a database
    Check(check::CheckArgs),
    /// Make a damaged database usable again with what can still be read
    Repair(repair::RepairArgs),
    /// Copy the database as it is now into another directory
    Snapshot(snapshot::SnapshotArgs),
    /// Create a database from a snapshot
    Restore(restore::RestoreArgs),
}

impl Command {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        match self {
            Self::Import(args) => import::run(args, output),
            Self::Delete(args) => delete::run(args, output),
            Self::Export(args) => export::run(args, output),
            Self::Train(args) => train::run(args, output),
            Self::Loop(args) => train_loop::run(args, output),
            Self::Towers(args) => towers::run(args, output),
            Self::Publish(args) => publish::run(args, output),
            Self::Recall(args) => recall::run(args, output),
            Self::Similar(args) => similar::run(args, output),
            Self::Embed(args) => embed::run(args, output),
            Self::Eval(args) => eval::run(args, output),
            Self::Diff(args) => diff::run(args, output),
            Self::Mine(args) => mine::run(args, output),
            Self::Generations(args) => generations::run(args, output),
            Self::Rollback(args) => rollback::run(args, output),
            Self::Retain(args) => retain::run(args, output),
            Self::Ensembles(args) => ensembles::run(args, output),
            Self::Lexical(args) => lexical::run(args, output),
            Self::Seal(args) => seal::run(args, output),
            Self::Merge(args) => merge::run(args, output),
            Self::Gc(args) => gc::run(args, output),
            #[cfg(feature = "remote")]
            Self::Push(args) => push::run(args, output),
            #[cfg(feature = "remote")]
            Self::Follow(args) => follow::run(args, output),
            #[cfg(feature = "studio")]
            Self::Studio(args) => studio::run(args, output),
            Self::Stats(args) => stats::run(args, output),
            Self::Audit(args) => audit::run(args, output),
            Self::Check(args) => check::run(args, output),
            Self::Repair(args) => repair::run(args, output),
            Self::Snapshot(args) => snapshot::run(args, output),
            Self::Restore(args) => restore::run(args, output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
