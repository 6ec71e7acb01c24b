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
    /// What can be recalled from: spaces, lexical spaces, then ensembles.
    pub targets: Vec<Target>,
}

/// A space or an ensemble.
#[derive(Debug, Serialize)]
pub struct Target {
    pub name: String,
    pub is_ensemble: bool,
    /// Whether it ranks by words, without vectors.
    pub is_lexical: bool,
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
    let lexical = database.lexical();
    let words = lexical.list();
    let kept = |space: &str| -> Result<Kept, Problem> {
        if words.contains_key(space) {
            // A recall answers with the active definition alone.
            let kept = lexical.generations(space)?.into_iter();
            let active = kept.filter(|one| one.active).map(|one| one.number);
            let numbers: Vec<GenerationNo> = active.collect();
            return Ok(Kept {
                active: numbers.first().copied().unwrap_or_default(),
                numbers,
            });
        }
        let now = database.pin();
        let generations = database.generations(space)?;
        Ok(Kept {
            active: now.active_generation(space)?,
            numbers: generations.iter().rev().map(|one| one.number).collect(),
        })
    };
    let mut targets = Vec::new();
    for space in database.spaces().into_iter().chain(words.keys().cloned()) {
        targets.push(Target {
            is_ensemble: false,
            is_lexical: words.contains_key(&space),
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
            is_lexical: false,
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

#[cfg(test)]
mod tests {
    use super::super::tests::shop_with_words;
    use super::*;

    #[test]
    fn lexical_spaces_are_targets_too_alone_and_in_ensembles() {
        let (_dir, state) = shop_with_words();
        let info = get(&state).unwrap();
        let targets = info.targets.iter();
        let kinds = targets.map(|one| (one.name.as_str(), one.is_lexical, one.is_ensemble));
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [
                ("price", false, false),
                ("titles", true, false),
                ("both", false, true)
            ]
        );
        let both = &info.targets[2].generations;
        assert_eq!(both["titles"].numbers, [GenerationNo(1)]);
    }
}
