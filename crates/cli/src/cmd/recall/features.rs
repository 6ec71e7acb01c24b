//! The features of a user: what is wrong with them.

use serde_json::Value;
use twinspire::Database;

use crate::output::Failure;

/// The spaces with towers of a name: those of an ensemble, the members of a fused space, or the space itself.
pub fn spaces(db: &Database, name: &str) -> Result<Vec<String>, Failure> {
    let named: Vec<String> = match db.ensembles().get(name) {
        Some(ensemble) => ensemble.spaces().map(str::to_owned).collect(),
        None => vec![name.to_owned()],
    };
    let mut spaces = Vec::new();
    for space in named {
        let members = db.members(&space)?;
        match members.is_empty() {
            true => spaces.push(space),
            false => spaces.extend(members.into_keys()),
        }
    }
    Ok(spaces)
}

/// Every problem of a user's features, one per line.
pub fn problems(
    db: &Database,
    name: &str,
    user: &Value,
    label: &str,
) -> Result<Vec<String>, Failure> {
    let problems = db.check_user_for(name, user)?;
    let lines = problems.into_iter().map(|(space, problem)| {
        let space = match space == name {
            true => String::new(),
            false => format!("space {space}: "),
        };
        format!("  {label}{space}{problem}")
    });
    Ok(lines.collect())
}
