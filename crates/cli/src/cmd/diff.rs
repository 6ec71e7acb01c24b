//! `twinspire diff`: the answers of two generations or ensembles, side by side.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use twinspire::{ComparisonSummary, Database, Error, Hits, Pinned};

use crate::args::{DatabaseArg, SearchArgs, StateArg, json_values, state_label};
use crate::output::{Exit, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  twinspire diff shop.twin movies@5 movies --user '{\"user_id\":\"42\"}'
  twinspire diff shop.twin home movies --user @user.json --top 20
  twinspire diff shop.twin home,movies@5 home --user @users.jsonl --filter \"year >= 1990\"

A and B are each
  NAME                       a space or an ensemble, as it answers now
  SPACE@GENERATION           a space with another generation that it keeps
  ENSEMBLE,SPACE@GENERATION  an ensemble with another generation of one space (or of several, with
                             more commas)
The database does not change: items written since a generation was published are embedded with its own
towers for this comparison, as a rollback would do.

For one user both lists are shown side by side: `to` is the rank in B of an item of A, `moved` the places
by which an item of B rose. For several users (a JSON list, or JSON lines) means are shown, and the items
that moved most, by the sum of 1/rank in B minus 1/rank in A. Rank-biased overlap is that of Webber, Moffat
and Zobel (2010) with p = 0.9, extrapolated.";

/// Number of items that moved most, in JSON.
const MAX_MOVERS: usize = 100;
/// Number of users whose answers are held in memory at a time.
const BATCH_USERS: usize = 512;

/// Compare the answers of two generations or ensembles.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    #[command(flatten)]
    target: DatabaseArg,
    /// The first side: SPACE, SPACE@GENERATION, ENSEMBLE, or ENSEMBLE,SPACE@GENERATION
    #[arg(value_name = "A")]
    first: StateArg,
    /// The second side
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
    let db = args.target.open_to_read()?;
    let now = db.pin();
    let sides = [
        Side::new(&args.first, &now, &db)?,
        Side::new(&args.second, &now, &db)?,
    ];
    let [first, second] = &sides;
    let mut document = json!({"first": first.document, "second": second.document});
    let head = format!(
        "first   {}\nsecond  {}\n",
        state_label(&first.document),
        state_label(&second.document)
    );
    match &users {
        Users::One(user) => {
            let [first, second] = sides.each_ref().map(|side| side.hits(user, &args.search));
            let comparison = first?.compare(&second?);
            document["comparison"] = with_short_numbers(&comparison)?;
            output.result(&document, || format!("{head}\n{comparison}"))?;
        }
        Users::Many(users) => {
            let mut comparisons = Vec::with_capacity(users.len());
            for (batch, users) in users.chunks(BATCH_USERS).enumerate() {
                let hits =
                    |side: &Side<'_>| side.batch_hits(users, batch * BATCH_USERS, &args.search);
                let (first, second) = (hits(first)?, hits(second)?);
                let pairs = first.iter().zip(&second);
                comparisons.extend(pairs.map(|(first, second)| first.compare(second)));
            }
            let mut summary: ComparisonSummary = comparisons.into_iter().collect();
            let text = format!("{head}\n{summary}");
            summary.movers.truncate(MAX_MOVERS);
            document["summary"] = with_short_numbers(&summary)?;
            output.result(&document, || text)?;
        }
    }
    Ok(Exit::Done)
}

/// As JSON text and back, so that a 32-bit float keeps its own digits: 0.99, not 0.9900000095367432.
fn with_short_numbers(result: &impl Serialize) -> Result<Value, Failure> {
    let text = serde_json::to_string(result).map_err(Failure::failed)?;
    serde_json::from_str(&text).map_err(Failure::failed)
}

/// The users whose answers are compared.
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

/// One side of the comparison.
struct Side<'a> {
    name: &'a str,
    state: Pinned,
    document: Value,
}

impl<'a> Side<'a> {
    fn new(arg: &'a StateArg, now: &Pinned, db: &Database) -> Result<Self, Failure> {
        let state = arg.resolve(now, db)?;
        let document = arg.document(&state, db)?;
        Ok(Self {
            name: &arg.name,
            state,
            document,
        })
    }

    /// The answer for one user.
    fn hits(&self, user: &Value, search: &SearchArgs) -> Result<Hits, Failure> {
        let recall = search.apply(self.state.recall(self.name));
        Ok(recall.user(user).top(search.top)?)
    }

    /// The answers for a batch of users; `from` is the place of the first among all, for errors.
    fn batch_hits(
        &self,
        users: &[Value],
        from: usize,
        search: &SearchArgs,
    ) -> Result<Vec<Hits>, Failure> {
        let recall = search.apply(self.state.recall(self.name));
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
    fn users_are_an_object_a_list_or_json_lines() {
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
