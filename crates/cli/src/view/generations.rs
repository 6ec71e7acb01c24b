//! Generations of a space.

use serde_json::{Value, json};
use twinspire::{Database, GenerationInfo};

use crate::output::{Failure, Output, Table, moment, short, thousands};

/// Prints the generations a space keeps.
pub fn print_all(db: &Database, space: &str, output: &Output) -> Result<(), Failure> {
    let all = db.generations(space)?;
    let list: Vec<Value> = all.iter().map(document).collect();
    let document = json!({"space": space, "generations": list});
    output.result(&document, || table(&all))
}

/// Prints one generation below what was `done`, such as "published".
pub fn print_one(
    done: &str,
    space: &str,
    generation: &GenerationInfo,
    output: &Output,
) -> Result<(), Failure> {
    let document = json!({"space": space, "generation": document(generation)});
    output.result(&document, || {
        let head = format!(
            "{done}: {space} now serves generation {}\n",
            generation.number
        );
        head + &table(std::slice::from_ref(generation))
    })
}

/// A generation as JSON.
fn document(generation: &GenerationInfo) -> Value {
    let mut document = json!({
        "number": generation.number,
        "active": generation.active,
        "items": generation.items,
        "dimension": generation.dimension,
        "metric": generation.metric.to_string(),
        "storage": generation.storage.to_string(),
        "partial": generation.partial,
        "left_out": generation.left_out,
        "recall": short(generation.recall),
        "created_unix_ms": generation.created_unix_ms,
        // As text: many JSON readers keep no more than 53 bits of a number.
        "towers_hash": format!("{:016x}", generation.towers_hash),
    });
    if !generation.members.is_empty() {
        document["members"] = json!(generation.members);
    }
    document
}

/// Generations for people.
fn table(all: &[GenerationInfo]) -> String {
    let columns = [
        ">generation",
        "active",
        ">items",
        ">left out",
        ">dimension",
        "metric",
        "storage",
        ">recall",
        "created",
        "towers",
    ];
    let mut table = Table::new(&columns);
    for generation in all {
        table.row([
            generation.number.to_string(),
            if generation.active { "yes" } else { "" }.to_owned(),
            thousands(generation.items),
            match generation.partial {
                true => thousands(generation.left_out),
                false => String::new(),
            },
            generation.dimension.to_string(),
            generation.metric.to_string(),
            generation.storage.to_string(),
            format!("{:.3}", generation.recall),
            moment(generation.created_unix_ms),
            match generation.members.is_empty() {
                true => format!("{:016x}", generation.towers_hash),
                false => member_generations(generation),
            },
        ]);
    }
    table.render()
}

/// The members of a fused generation, each with its own generation.
fn member_generations(generation: &GenerationInfo) -> String {
    let members = generation.members.iter();
    let members = members.map(|(space, number)| format!("{space} {number}"));
    members.collect::<Vec<_>>().join(" + ")
}
