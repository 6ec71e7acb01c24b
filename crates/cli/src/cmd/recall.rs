//! `twinspire recall`: the best items for a user or a vector.

use std::collections::BTreeSet;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::{Value, json};
use twinspire::{Database, Explain, FeatureCheck, Hits};

use super::open_to_read;
use crate::args::{SearchArgs, ShowArgs, SpaceArgs, json as json_argument};
use crate::output::{Exit, Failure, Output, Table, short};

const EXAMPLES: &str = "\
Examples:
  twinspire recall shop.twin movies --user '{\"user_id\":\"42\"}' --top 10
  twinspire recall shop.twin movies --user @user.json --records --exclude B07 B13
  echo '{\"user_id\":\"42\"}' | twinspire recall shop.twin movies --user - --json
  twinspire recall shop.twin movies --user @user.json --filter \"year >= 1990 and genres has 'Comedy'\"
  twinspire recall shop.twin movies --user @user.json --check-features
  twinspire recall shop.twin movies --vector '[0.1, 0.7, …]' --exact

The features of a user are what the user tower was trained on: `twinspire towers inspect` lists them
with an example. A JSON list of users is answered in one go, in its order.";

/// Find the best items for a user or a vector.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("query").required(true).args(["user", "vector"]))]
pub struct RecallArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The user's raw features: JSON text, @file, or - for standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    user: Option<String>,
    /// A vector of the space, in place of a user: a JSON list of numbers, @file, or -
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    vector: Option<String>,
    /// Check the features of users first and tell all that is wrong: nothing is answered then, or
    /// what is wrong is passed over (lenient)
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "strict"
    )]
    check_features: Option<CheckArg>,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// What to do about features that are not as the towers want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckArg {
    /// Answer nothing
    Strict,
    /// Say so, and pass over them
    Lenient,
}

/// Runs the command.
pub fn run(args: RecallArgs, output: &Output) -> Result<Exit, Failure> {
    let space = &args.target.space;
    let query = Query::new(args.user.as_deref(), args.vector.as_deref())?;
    let db = open_to_read(&args.target.database)?;
    let mut recall = shown(with(db.recall(space), &args.search), &args.show);
    if let Some(check) = args.check_features {
        let problems = problems(&db, space, query.users())?;
        recall = recall.check_features(match check {
            CheckArg::Strict => FeatureCheck::Strict,
            CheckArg::Lenient => FeatureCheck::Lenient,
        });
        if check == CheckArg::Lenient {
            problems.iter().for_each(|problem| output.note(problem));
        } else if !problems.is_empty() {
            let message = "--user: the features are not what the user tower reads";
            return Err(Failure::usage(message)
                .listing(problems)
                .hint("`twinspire towers inspect DB SPACE` shows what it reads"));
        }
    }
    match query {
        Query::User(user) => {
            let hits = recall.user(&user).top(args.search.top)?;
            print_one(space, &hits, args.show.records, output)?;
        }
        Query::Vector(vector) => {
            let hits = recall.vector(&vector).top(args.search.top)?;
            print_one(space, &hits, args.show.records, output)?;
        }
        Query::Users(users) => {
            let all = recall.users(&users).top(args.search.top)?;
            print_all(space, &all, args.show.records, output)?;
        }
    }
    Ok(Exit::Done)
}

/// What is asked for.
enum Query {
    User(Value),
    Users(Vec<Value>),
    Vector(Vec<f32>),
}

/// All that is wrong with the features of users, a line each.
fn problems(db: &Database, space: &str, users: &[Value]) -> Result<Vec<String>, Failure> {
    let ensembles = db.ensembles();
    let spaces: Vec<String> = match ensembles.get(space) {
        Some(ensemble) => ensemble.spaces().map(str::to_owned).collect(),
        None => match db.members(space)? {
            none if none.is_empty() => vec![space.to_owned()],
            members => members.into_keys().collect(),
        },
    };
    let mut problems = Vec::new();
    for (at, user) in users.iter().enumerate() {
        for name in &spaces {
            let user_at = match users.len() {
                1 => String::new(),
                _ => format!("user {}: ", at + 1),
            };
            let within = match name == space {
                true => String::new(),
                false => format!("space {name}: "),
            };
            let found = db.check_user(name, user)?;
            problems.extend(found.iter().map(|p| format!("  {user_at}{within}{p}")));
        }
    }
    Ok(problems)
}

impl Query {
    fn users(&self) -> &[Value] {
        match self {
            Self::User(user) => std::slice::from_ref(user),
            Self::Users(users) => users,
            Self::Vector(_) => &[],
        }
    }

    fn new(user: Option<&str>, vector: Option<&str>) -> Result<Self, Failure> {
        match (user, vector) {
            (Some(user), None) => match json_argument("--user", user)? {
                Value::Array(users) => Ok(Self::Users(users)),
                user @ Value::Object(_) => Ok(Self::User(user)),
                _ => Err(Failure::usage(
                    "--user: a JSON object of features expected, or a list of them",
                )),
            },
            (None, Some(vector)) => Ok(Self::Vector(numbers(&json_argument("--vector", vector)?)?)),
            _ => Err(Failure::usage("either --user or --vector expected")),
        }
    }
}

fn numbers(value: &Value) -> Result<Vec<f32>, Failure> {
    let Value::Array(list) = value else {
        return Err(Failure::usage("--vector: a JSON list of numbers expected"));
    };
    let number = |(index, value): (usize, &Value)| {
        value.as_f64().map(|number| number as f32).ok_or_else(|| {
            Failure::usage(format!(
                "--vector: a number expected at place {index}, found {value}"
            ))
        })
    };
    list.iter().enumerate().map(number).collect()
}

/// A recall with the options of the command line.
pub fn with<'a>(recall: twinspire::Recall<'a>, search: &SearchArgs) -> twinspire::Recall<'a> {
    let mut recall = recall
        .exclude(search.exclude.iter().cloned())
        .offset(search.offset);
    if let Some(ef) = search.effort.ef {
        recall = recall.ef(ef);
    }
    if let Some(share) = search.effort.recall_target {
        recall = recall.recall_target(share);
    }
    if let Some(least) = search.at_least {
        recall = recall.at_least(least);
    }
    if let Some(filter) = &search.filter {
        recall = recall.filter(filter);
    }
    if search.effort.exact {
        recall = recall.exact();
    }
    recall
}

/// A recall that gives what is to be shown.
pub fn shown<'a>(mut recall: twinspire::Recall<'a>, show: &ShowArgs) -> twinspire::Recall<'a> {
    if show.explain {
        recall = recall.explain();
    }
    if show.records {
        recall = recall.records();
    }
    recall
}

/// Prints the answer to one query.
pub fn print_one(space: &str, hits: &Hits, records: bool, output: &Output) -> Result<(), Failure> {
    let mut document = document(hits);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("space".to_owned(), space.into());
    }
    output.result(&document, || table(hits, records))
}

fn print_all(space: &str, all: &[Hits], records: bool, output: &Output) -> Result<(), Failure> {
    let results: Vec<Value> = all.iter().map(document).collect();
    output.result(&json!({"space": space, "results": results}), || {
        let parts = all.iter().enumerate();
        let parts: Vec<String> = parts
            .map(|(index, hits)| format!("user {}\n{}", index + 1, table(hits, records)))
            .collect();
        parts.join("\n")
    })
}

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

fn table(hits: &Hits, records: bool) -> String {
    let mut text = ranking(hits, records);
    if let Some(explain) = hits.explained() {
        text.push_str("\n\n");
        text.push_str(&explanation(explain));
    }
    text
}

/// How an answer was found.
fn explanation(explain: &Explain) -> String {
    let mut text = String::new();
    for search in &explain.searches {
        let effort = match search.ef {
            Some(ef) => format!("efSearch {ef}"),
            None => "every item scored".to_owned(),
        };
        let passing = search
            .passing
            .map(|share| format!(", about {:.2} % pass", share * 100.0));
        text.push_str(&format!(
            "{} generation {}: {effort}{}, {} late items scanned\n",
            search.space,
            search.generation,
            passing.unwrap_or_default(),
            search.late,
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
                segment.plan.to_owned(),
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
                step.step.to_owned(),
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

/// A record in a line: its fields but the id, which stands beside it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_user_a_list_of_users_or_a_vector() {
        assert!(matches!(Query::new(Some("{}"), None), Ok(Query::User(_))));
        assert!(
            matches!(Query::new(Some("[{},{}]"), None), Ok(Query::Users(users)) if users.len() == 2)
        );
        assert!(
            matches!(Query::new(None, Some("[1,-0.5]")), Ok(Query::Vector(v)) if v == [1.0, -0.5])
        );
        for (user, vector) in [
            (Some("3"), None),
            (Some("{"), None),
            (None, Some("{}")),
            (None, Some("[1,\"a\"]")),
            (None, None),
        ] {
            assert!(Query::new(user, vector).is_err());
        }
    }
}
