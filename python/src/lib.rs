//! The Python package `twinspire`: the public Rust API in the idiom of NumPy and Arrow. It converts and computes
//! nothing of its own.
//!
//! - `failure` turns errors into exceptions, `process` refuses a handle after a fork, `jobs` lets Ctrl-C and a
//!   progress callback reach long calls.
//! - `json`, `frames`, `records`, `arrays`, `arguments` and `options` convert what comes in, `info` what goes out.
//! - `database` is the handle; `items`, `ensembles`, `lexical`, `pinned`, `recall`, `publish`, `release`, `generations`,
//!   `maintenance`, `evaluate` and `mining` add its methods. `hits`, `batch`, `towers`, `train`, `filters` and `sources`
//!   are what they return and take. `shards` are answers over several databases. `limits` are those of ONNX models.
//! - `remote` are replicas over an object store, `studio` is the local page, `command` the command `twinspire`.
//!
//! Exceptions, result records, ensemble builders and the progress bar are Python, in `python/twinspire`.

#![allow(
    clippy::doc_link_with_quotes,
    reason = "docstrings are Python, in NumPy style"
)]

mod arguments;
mod arrays;
mod batch;
mod command;
mod database;
mod ensembles;
mod evaluate;
mod failure;
mod filters;
mod frames;
mod generations;
mod hits;
mod info;
mod items;
mod jobs;
mod json;
mod lexical;
mod limits;
mod loading;
mod maintenance;
mod mining;
mod options;
mod pinned;
mod process;
mod publish;
mod read_options;
mod recall;
mod records;
mod release;
mod remote;
mod rows;
mod shards;
mod sources;
mod studio;
mod towers;
mod train;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// The threads of a batch allocate its hits, and the thread that runs Python frees them. The allocators of C libraries
/// take a lock for each of those.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The native part of the package `twinspire`.
#[pymodule]
fn _twinspire(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<database::Database>()?;
    module.add_class::<items::Items>()?;
    module.add_class::<items::ItemIterator>()?;
    module.add_class::<hits::Hits>()?;
    module.add_class::<hits::Hit>()?;
    module.add_class::<batch::BatchHits>()?;
    module.add_class::<pinned::Pinned>()?;
    module.add_class::<ensembles::Ensembles>()?;
    module.add_class::<ensembles::Ensemble>()?;
    module.add_class::<lexical::LexicalSpaces>()?;
    module.add_class::<remote::Fetched>()?;
    module.add_class::<remote::Follower>()?;
    module.add_class::<studio::Studio>()?;
    module.add_class::<towers::Towers>()?;
    module.add_class::<mining::MinedPairs>()?;
    module.add_class::<train::Trained>()?;
    module.add_class::<shards::ShardHits>()?;
    module.add_class::<filters::Field>()?;
    module.add_class::<filters::Filter>()?;
    module.add_class::<sources::Source>()?;
    module.add_function(wrap_pyfunction!(database::open, module)?)?;
    module.add_function(wrap_pyfunction!(maintenance::restore, module)?)?;
    module.add_function(wrap_pyfunction!(maintenance::repair, module)?)?;
    module.add_function(wrap_pyfunction!(remote::fetch, module)?)?;
    module.add_function(wrap_pyfunction!(remote::follow, module)?)?;
    module.add_function(wrap_pyfunction!(remote::heads, module)?)?;
    module.add_function(wrap_pyfunction!(remote::push, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate::split_events, module)?)?;
    module.add_function(wrap_pyfunction!(shards::merge_shards, module)?)?;
    module.add_function(wrap_pyfunction!(shards::shard_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(filters::field, module)?)?;
    module.add_function(wrap_pyfunction!(limits::model_limits, module)?)?;
    module.add_function(wrap_pyfunction!(limits::set_model_limits, module)?)?;
    module.add_function(wrap_pyfunction!(train::train, module)?)?;
    module.add_function(wrap_pyfunction!(command::run_command, module)?)?;
    Ok(())
}
