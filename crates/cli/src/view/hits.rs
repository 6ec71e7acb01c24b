//! Answers of recalls.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use twinspire::{Explain, Hits};

use crate::output::{Failure, Output, Table, short};

/// Prints the answer to one query.
pub fn print_one(space: &str, hits: &Hits, records: bool, output: &Output) -> Result<(), Failure> {
    let mut document = document(hits);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("space".to_owned(), space.into());
    }
    output.result(&document, || table(hits, records))
}

/// Prints the answers to several queries.
pub fn print_all(space: &str, all: &[Hits], records: bool, output: &Output) -> Result<(), Failure> {
    let results: Vec<Value> = all.iter().map(document).collect();
    output.result(&json!({"space": space, "results": results}), || {
        let parts = all.iter().enumerate();
        let parts: Vec<String> = parts
            .map(|(index, hits)| format!("user {}\n{}", index + 1, table(hits, records)))
            .collect();
        parts.join("\n")
    })
}

/// An answer as JSON.
fn document(hits: &Hits) -> Value {
    let list: Vec<Value> = hits
        .iter()
        .map(|hit| {
            let mut entry = json!({"id": hit.id, "score": short(hit.score)});
            if let (Some(record), Some(entry)) = (&hit.record, entry.as_object_mut()) {
                entry.insert("record".to_owned(), record.clone());
            }
            if !hit.channels.is_empty() {
                let channels = hit.channels.iter();
                entry["channels"] = channels
                    .map(|(name, s)| (name.clone(), short(*s)))
                    .collect();
            }
            if !hit.ranks.is_empty() {
                entry["ranks"] = json!(hit.ranks);
            }
            entry
        })
        .collect();
    let mut document = if hits.generations().is_empty() {
        json!({"generation": hits.generation(), "hits": list})
    } else {
        json!({"generations": hits.generations(), "hits": list})
    };
    if let Some(explain) = hits.explained() {
        document["explain"] = json!(explain);
    }
    document
}

/// An answer for people.
fn table(hits: &Hits, records: bool) -> String {
    let mut text = ranking(hits, records);
    if let Some(explain) = hits.explained() {
        text.push_str("\n\n");
        text.push_str(&explanation(explain));
    }
    text
}

/// How an answer was found, and the time of each stage.
fn explanation(explain: &Explain) -> String {
    let mut text = String::new();
    for search in &explain.searches {
        let effort = match search.ef {
            Some(ef) => format!("efSearch {ef}"),
            None => "every item scored".to_owned(),
        };
        let passing = search
            .selectivity
            .map(|share| format!(", about {:.2} % pass", share * 100.0));
        text.push_str(&format!(
            "{} generation {}: {effort}{}, {} fresh items scanned\n",
            search.space,
            search.generation,
            passing.unwrap_or_default(),
            search.fresh,
        ));
        let columns = [
            "segment",
            ">nodes",
            "plan",
            ">expanded",
            ">scored",
            ">ranked",
            ">µs",
        ];
        let mut table = Table::new(&columns);
        for segment in &search.segments {
            let work = [segment.expanded, segment.scored, segment.ranked];
            let [expanded, scored, ranked] = work.map(|count| count.to_string());
            table.row([
                segment.file.to_string(),
                segment.nodes.to_string(),
                segment.plan.to_string(),
                expanded,
                scored,
                ranked,
                format!("{:.1}", segment.micros),
            ]);
        }
        text.push_str(&table.render());
        text.push('\n');
    }
    if !explain.fusion.is_empty() {
        let mut table = Table::new(&["step", "space", ">of", ">kept"]);
        for step in &explain.fusion {
            table.row([
                step.step.to_string(),
                step.space.clone().unwrap_or_default(),
                step.of.map_or_else(String::new, |of| of.to_string()),
                step.kept.to_string(),
            ]);
        }
        text.push_str(&table.render());
        text.push('\n');
    }
    let micros = &explain.micros;
    text.push_str(&format!(
        "prepare {:.1} µs, query vector {:.1} µs, search {:.1} µs, answer {:.1} µs",
        micros.prepare, micros.query, micros.search, micros.answer
    ));
    text
}

/// The hits as a table, with a column for each space of an ensemble.
fn ranking(hits: &Hits, records: bool) -> String {
    if hits.is_empty() {
        return "no items".to_owned();
    }
    let channels = hits.iter().flat_map(|hit| hit.channels.keys());
    let channels: BTreeSet<&String> = channels.collect();
    let names: Vec<String> = channels.iter().map(|name| format!(">{name}")).collect();
    let mut columns = vec![">rank", "id", ">score"];
    columns.extend(names.iter().map(String::as_str));
    columns.extend(records.then_some("record"));
    let mut table = Table::new(&columns);
    for (index, hit) in hits.iter().enumerate() {
        let mut row = vec![
            (index + 1).to_string(),
            hit.id.clone(),
            format!("{:.4}", hit.score),
        ];
        let score = |name: &&String| match (hit.channels.get(*name), hit.ranks.get(*name)) {
            (Some(score), Some(rank)) => format!("{score:.4} #{rank}"),
            (Some(score), None) => format!("{score:.4}"),
            (None, _) => "-".to_owned(),
        };
        row.extend(channels.iter().map(score));
        if records {
            row.push(hit.record.as_ref().map_or_else(String::new, summary));
        }
        table.row(row);
    }
    table.render()
}

/// A record in one line, without its id.
fn summary(record: &Value) -> String {
    let Value::Object(fields) = record else {
        return record.to_string();
    };
    let parts: Vec<String> = fields
        .iter()
        .filter(|(name, _)| *name != "id")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    parts.join(", ")
}
