//! Answers of recalls.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::{Value, json};
use twinspire::{Embedded, Explain, Hits};

use crate::output::{Failure, Output, Table, escape_controls, short, write_stream};

/// Maximum number of a feature's numbers in a table; the JSON has all.
const NUMBERS_SHOWN: usize = 8;

/// Prints the answer to one query.
pub fn print_one(space: &str, hits: &Hits, records: bool, output: &Output) -> Result<(), Failure> {
    let mut document = document(hits);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("space".to_owned(), space.into());
    }
    output.result(&document, || table(hits, records))
}

/// An answer for a user, and what its features gave in each space.
pub struct Shown {
    pub hits: Hits,
    pub embedded: Option<BTreeMap<String, Embedded>>,
}

/// Prints the answer for one user.
pub fn print_shown(
    space: &str,
    shown: &Shown,
    records: bool,
    output: &Output,
) -> Result<(), Failure> {
    let document = with_space(shown_document(shown), space);
    output.result(&document, || shown_table(shown, records))
}

/// Prints the answers for several users, or why they have none, one after the other.
pub fn print_all(
    space: &str,
    all: &[Result<Shown, String>],
    records: bool,
    output: &Output,
) -> Result<(), Failure> {
    let written = write_stream(None, |out| {
        if !output.is_json() {
            for (number, answer) in (1u64..).zip(all) {
                let answer = answer.as_ref().map_err(String::as_str);
                out.write_all(user_table(number, answer, records).as_bytes())?;
            }
            return Ok(());
        }
        out.write_all(b"{\"results\":[")?;
        for (number, answer) in (1u64..).zip(all) {
            if number > 1 {
                out.write_all(b",")?;
            }
            let document = match answer {
                Ok(shown) => shown_document(shown),
                Err(why) => json!({"error": why}),
            };
            out.write_all(document.to_string().as_bytes())?;
        }
        writeln!(out, "],\"space\":{}}}", json!(space))?;
        Ok(())
    });
    written.map(drop)
}

/// The answer for one of many users, or why it has none: a line of JSON, or a table.
pub fn line(
    space: &str,
    number: u64,
    answer: Result<&Shown, &str>,
    records: bool,
    output: &Output,
) -> String {
    match (output.is_json(), answer) {
        (false, answer) => user_table(number, answer, records),
        (true, Ok(shown)) => format!("{}\n", with_space(shown_document(shown), space)),
        (true, Err(why)) => {
            let document = json!({"error": why, "user": number, "space": space});
            format!("{document}\n")
        }
    }
}

fn with_space(mut document: Value, space: &str) -> Value {
    document["space"] = space.into();
    document
}

fn shown_document(shown: &Shown) -> Value {
    let mut document = document(&shown.hits);
    if let Some(embedded) = &shown.embedded {
        document["embedded"] = json!(embedded);
    }
    document
}

fn user_table(number: u64, answer: Result<&Shown, &str>, records: bool) -> String {
    match answer {
        Ok(shown) => format!(
            "user {number}\n{}\n",
            shown_table(shown, records).trim_end()
        ),
        Err(why) => format!("user {number}\nerror: {}\n", escape_controls(why)),
    }
}

fn shown_table(shown: &Shown, records: bool) -> String {
    let mut text = table(&shown.hits, records);
    for (space, embedded) in shown.embedded.iter().flatten() {
        text.push_str(&format!("\n\nfeatures in {space}\n{}", features(embedded)));
    }
    text
}

/// What each feature gave, as a table.
pub fn features(embedded: &Embedded) -> String {
    let mut table = Table::new(&["fields", "kind", "rows", "numbers"]);
    for feature in &embedded.features {
        table.row([
            feature.fields.join(", "),
            feature.kind.clone(),
            some(&feature.rows),
            some(&feature.numbers),
        ]);
    }
    table.render()
}

/// The first few numbers of a list.
fn some<T: std::fmt::Display>(numbers: &[T]) -> String {
    let shown = numbers.iter().take(NUMBERS_SHOWN).map(ToString::to_string);
    let shown: Vec<String> = shown.collect();
    let more = if numbers.len() > NUMBERS_SHOWN {
        " …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(" "))
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
    if let Some(promise) = hits.promise() {
        document["promise"] = json!(promise);
    }
    if let Some(explain) = hits.explained() {
        document["explain"] = json!(explain);
    }
    document
}

/// An answer for people.
fn table(hits: &Hits, records: bool) -> String {
    let mut text = ranking(hits, records);
    if let Some(promise) = hits.promise() {
        text.push_str(&format!("\nrecall {promise}"));
    }
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
            None => "every item scored, exact".to_owned(),
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
        if let Some(measured) = &search.measured {
            text.push_str(&format!("recall {measured}\n"));
        }
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
    for search in &explain.words {
        text.push_str(&format!(
            "{} generation {}: exact, {} indexes\n",
            search.space, search.generation, search.indexes
        ));
        let mut table = Table::new(&["term", ">items", ">weight"]);
        for term in &search.terms {
            table.row([
                term.term.clone(),
                term.items.to_string(),
                format!("{:.2}", term.weight),
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
