//! What every page needs to know: the database's name, its spaces and ensembles.

use super::problem::Problem;
use super::state::State;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire::GenerationNo;

/// The names in a database.
#[derive(Debug, Serialize)]
pub struct Info {
    pub name: String,
    pub path: String,
    pub version: &'static str,
    /// What can be recalled from: spaces, then ensembles.
    pub targets: Vec<Target>,
}

/// A space or an ensemble.
#[derive(Debug, Serialize)]
pub struct Target {
    pub name: String,
    pub is_ensemble: bool,
    /// The spaces that answer: one, or those of the ensemble.
    pub spaces: Vec<String>,
    /// The kept generations of each of these spaces, newest first; the active one by itself.
    pub generations: BTreeMap<String, Kept>,
}

/// The generations of a space.
#[derive(Debug, Serialize)]
pub struct Kept {
    pub active: GenerationNo,
    pub numbers: Vec<GenerationNo>,
}

/// The names in the database.
pub fn get(state: &State) -> Result<Info, Problem> {
    let database = state.database();
    let kept = |space: &str| -> Result<Kept, Problem> {
        let now = database.pin();
        let generations = database.generations(space)?;
        Ok(Kept {
            active: now.active_generation(space)?,
            numbers: generations.iter().rev().map(|one| one.number).collect(),
        })
    };
    let mut targets = Vec::new();
    for space in database.spaces() {
        targets.push(Target {
            is_ensemble: false,
            generations: BTreeMap::from([(space.clone(), kept(&space)?)]),
            spaces: vec![space.clone()],
            name: space,
        });
    }
    for (name, ensemble) in database.ensembles().list() {
        let spaces: Vec<String> = ensemble.spaces().map(str::to_owned).collect();
        let mut generations = BTreeMap::new();
        for space in &spaces {
            generations.insert(space.clone(), kept(space)?);
        }
        targets.push(Target {
            name,
            is_ensemble: true,
            spaces,
            generations,
        });
    }
    let path = state.followed().path();
    let name = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    Ok(Info {
        name,
        path: path.display().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        targets,
    })
}
