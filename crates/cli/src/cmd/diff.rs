//! `twinspire diff`: what two generations or ensembles answer, side by side.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use twinspire::{ComparisonSummary, Database, Error, Hits, Pinned};

use super::state::{StateArg, label};
use super::{open_to_read, recall};
use crate::args::{DatabaseArg, SearchArgs, json_values};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire diff shop.twin movies@5 movies --user '{\"user_id\":\"42\"}'
  twinspire diff shop.twin home movies --user @user.json --top 20
  twinspire diff shop.twin home,movies@5 home --user @users.jsonl --filter \"year >= 1990\"

A and B are each
  NAME                       a space or an ensemble, as it answers now
  SPACE@GENERATION           a space, with another generation that it keeps
  ENSEMBLE,SPACE@GENERATION  an ensemble, of which a space (or several, with more commas) answers so
Nothing changes in the database: items written since a generation was cut are embedded with its
own towers for this one comparison, as a rollback would do it.

One user: both lists side by side; `to` is the rank that an item of A has in B, `moved` by how many
places an item of B stands higher than in A. Several (a JSON list, or JSON lines): means over the
users, and the items that moved most, by the sum of 1/rank in B less 1/rank in A. Rank-biased
overlap is that of Webber, Moffat and Zobel (2010) with p = 0.9, extrapolated.";

/// How many of the items that moved most are told in JSON.
const MOVERS: usize = 100;
/// Users asked at a time.
const BATCH: usize = 512;

/// Compare what two generations or ensembles answer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// What answers first: SPACE, SPACE@GENERATION, ENSEMBLE, or ENSEMBLE,SPACE@GENERATION
    #[arg(value_name = "A")]
    first: StateArg,
    /// What answers second
    #[arg(value_name = "B")]
    second: StateArg,
    /// The raw features of a user, or of many (a list or JSON lines): JSON text, @file, or -
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    user: String,
    #[command(flatten)]
    search: SearchArgs,
}

/// Runs the command.
pub fn run(args: DiffArgs, output: &Output) -> Result<Exit, Failure> {
    let users = Users::new(json_values("--user", &args.user)?)?;
    let db = open_to_read(&args.target.database)?;
    let now = db.pin();
    let sides = [
        Side::new(&args.first, &now, &db)?,
        Side::new(&args.second, &now, &db)?,
    ];
    let [first, second] = &sides;
    let mut document = json!({"first": first.document, "second": second.document});
    let head = format!(
        "first   {}\nsecond  {}\n",
        label(&first.document),
        label(&second.document)
    );
    match &users {
        Users::One(user) => {
            let [first, second] = sides.each_ref().map(|side| side.one(user, &args.search));
            let comparison = first?.compare(&second?);
            document["comparison"] = plain(&comparison)?;
            output.result(&document, || format!("{head}\n{comparison}"))?;
        }
        Users::Many(users) => {
            let mut comparisons = Vec::with_capacity(users.len());
            for (batch, users) in users.chunks(BATCH).enumerate() {
                let all = |side: &Side<'_>| side.all(users, batch * BATCH, &args.search);
                let (first, second) = (all(first)?, all(second)?);
                let pairs = first.iter().zip(&second);
                comparisons.extend(pairs.map(|(first, second)| first.compare(second)));
            }
            let mut summary: ComparisonSummary = comparisons.into_iter().collect();
            let text = format!("{head}\n{summary}");
            summary.movers.truncate(MOVERS);
            document["summary"] = plain(&summary)?;
            output.result(&document, || text)?;
        }
    }
    Ok(Exit::Done)
}

/// As JSON, with no more digits than numbers have.
fn plain(result: &impl Serialize) -> Result<Value, Failure> {
    let text = serde_json::to_string(result).map_err(Failure::failed)?;
    serde_json::from_str(&text).map_err(Failure::failed)
}

/// For whom.
#[derive(Debug, PartialEq)]
enum Users {
    One(Value),
    Many(Vec<Value>),
}

impl Users {
    fn new(mut values: Vec<Value>) -> Result<Self, Failure> {
        let one = values.len() == 1;
        let users = match values.pop() {
            Some(Value::Array(users)) if one => Self::Many(users),
            Some(user) if one => Self::One(user),
            last => {
                values.extend(last);
                Self::Many(values)
            }
        };
        let objects = match &users {
            Self::One(user) => user.is_object(),
            Self::Many(users) => !users.is_empty() && users.iter().all(Value::is_object),
        };
        match objects {
            true => Ok(users),
            false => Err(Failure::usage(
                "--user: a JSON object of features expected, or a list or lines of them",
            )),
        }
    }
}

/// What answers on one side.
struct Side<'a> {
    name: &'a str,
    state: Pinned,
    document: Value,
}

impl<'a> Side<'a> {
    fn new(arg: &'a StateArg, now: &Pinned, db: &Database) -> Result<Self, Failure> {
        let state = arg.of(now, db)?;
        let document = arg.document(&state, db)?;
        Ok(Self {
            name: &arg.name,
            state,
            document,
        })
    }

    fn one(&self, user: &Value, search: &SearchArgs) -> Result<Hits, Failure> {
        let recall = recall::with(self.state.recall(self.name), search);
        Ok(recall.user(user).top(search.top)?)
    }

    /// The answers to users, the first of whom has this place among all.
    fn all(&self, users: &[Value], from: usize, search: &SearchArgs) -> Result<Vec<Hits>, Failure> {
        let recall = recall::with(self.state.recall(self.name), search);
        let answers = recall.users(users).top(search.top);
        let placed = answers.map_err(|error| match error {
            Error::User { at, source } => Error::User {
                at: at.map(|at| at + from),
                source,
            },
            other => other,
        });
        Ok(placed?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_an_object_a_list_or_lines() {
        let users = |text: &str| json_values("--user", text).and_then(Users::new);
        assert_eq!(users("{\"a\":1}").unwrap(), Users::One(json!({"a": 1})));
        let two = Users::Many(vec![json!({}), json!({"a": 1})]);
        assert_eq!(users("[{},{\"a\":1}]").unwrap(), two);
        assert_eq!(users("{}\n{\"a\":1}\n").unwrap(), two);
        assert_eq!(users("[{}]").unwrap(), Users::Many(vec![json!({})]));
        for text in ["7", "[]", "", "[7]", "{} 7", "[{}] [{}]"] {
            assert!(users(text).is_err(), "{text}");
        }
    }
}
