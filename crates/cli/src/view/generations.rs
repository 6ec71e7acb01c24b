//! Generations of a space.

use serde_json::{Value, json};
use twinspire::{DEFAULT_EF, Database, GenerationInfo, IndexReason, Metric, QueryKind};

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
        let why = match generation.index_reason {
            IndexReason::Measured(times) => format!("index: {}; {times}\n", generation.index),
            _ => String::new(),
        };
        head + &table(std::slice::from_ref(generation)) + &why
    })
}

/// Below this recall at [`DEFAULT_EF`], a publish warns.
const LOW_RECALL: f32 = 0.9;

/// Why recall at efSearch 100 is low, and what recalls do about it; `None` if it is high enough.
pub fn low_recall(generation: &GenerationInfo) -> Option<String> {
    let calibration = &generation.calibration;
    let measured = calibration.recall_at(10, DEFAULT_EF);
    let measured = measured.filter(|measured| measured.recall < LOW_RECALL)?;
    let near = calibration.sample(QueryKind::Near);
    let near = near.and_then(|near| {
        near.points
            .iter()
            .rev()
            .find(|p| p.ef as usize <= DEFAULT_EF)
    });
    let mut reasons = Vec::new();
    if calibration.near_copies > 0.2 {
        let share = 100.0 * calibration.near_copies;
        reasons.push(format!(
            "{share:.0} % of the items are near copies of others"
        ));
    }
    if generation.metric == Metric::InnerProduct && calibration.length_ratio > 3.0 {
        let ratio = calibration.length_ratio;
        reasons.push(format!(
            "the longest vectors are {ratio:.0} times as long as the median one"
        ));
    }
    if measured.kind != QueryKind::Near && near.is_none_or(|near| near.recall_at_10 >= LOW_RECALL) {
        reasons.push("these queries are far from all items".to_owned());
    }
    if reasons.is_empty() {
        reasons.push("the index leads to few of the best items".to_owned());
    }
    let mut text = format!(
        "warning: recall@10 at efSearch {DEFAULT_EF} is {measured}: {}",
        reasons.join("; ")
    );
    text.push_str(&match calibration.default_width(10) {
        None => ". Recalls by user without --ef or --recall-target score every item".to_owned(),
        Some(DEFAULT_EF) => ". Recalls with --recall-target find more".to_owned(),
        Some(width) => {
            format!(". Recalls by user without --ef or --recall-target use efSearch {width}")
        }
    });
    if !calibration.is_real() {
        text.push_str("; --calibrate-users measures with your users");
    }
    Some(text)
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
        "index": generation.index,
        "index_reason": generation.index_reason,
        "partial": generation.partial,
        "left_out": generation.left_out,
        "recall": short(generation.recall),
        "measured": generation.measured,
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
        "index",
        ">recall",
        "measured on",
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
            generation.index.to_string(),
            format!("{:.3}", generation.recall),
            generation.measured.map_or_else(String::new, |measured| {
                format!("{} {}", measured.queries, measured.kind)
            }),
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
