//! `twinspire recall`: the best items for a user or a vector.

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::Value;
use twinspire::{Database, FeatureCheck};

use crate::args::{SearchArgs, ShowArgs, SpaceArgs, json};
use crate::output::{Exit, Failure, Output};
use crate::view::hits;

const EXAMPLES: &str = "\
Examples:
  twinspire recall shop.twin movies --user '{\"user_id\":\"42\"}' --top 10
  twinspire recall shop.twin movies --user @user.json --records --exclude B07 B13
  echo '{\"user_id\":\"42\"}' | twinspire recall shop.twin movies --user - --json
  twinspire recall shop.twin movies --user @user.json --filter \"year >= 1990 and genres has 'Comedy'\"
  twinspire recall shop.twin movies --user @user.json --check-features
  twinspire recall shop.twin movies --vector '[0.1, 0.7, …]' --exact

The features of a user are those the user tower was trained on: `twinspire towers inspect` lists them
with an example. Users given as a JSON list are answered together, in their order.";

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
    /// Check the features of all users first and list every problem: then answer nothing (strict), or
    /// ignore the wrong features (lenient)
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

/// What to do about features that the towers cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CheckArg {
    /// Answer nothing
    Strict,
    /// List them and answer without them
    Lenient,
}

/// Runs the command.
pub fn run(args: RecallArgs, output: &Output) -> Result<Exit, Failure> {
    let space = &args.target.space;
    let query = Query::new(args.user.as_deref(), args.vector.as_deref())?;
    let db = args.target.open_to_read()?;
    let mut recall = args.show.apply(args.search.apply(db.recall(space)));
    if let Some(check) = args.check_features {
        let problems = feature_problems(&db, space, query.users())?;
        recall = recall.check_features(match check {
            CheckArg::Strict => FeatureCheck::Strict,
            CheckArg::Lenient => FeatureCheck::Lenient,
        });
        if check == CheckArg::Lenient {
            problems.iter().for_each(|problem| output.note(problem));
        } else if !problems.is_empty() {
            let message = "--user: the user tower cannot read these features";
            return Err(Failure::usage(message)
                .with_details(problems)
                .hint("`twinspire towers inspect DB SPACE` shows what it reads"));
        }
    }
    match query {
        Query::User(user) => {
            let found = recall.user(&user).top(args.search.top)?;
            hits::print_one(space, &found, args.show.records, output)?;
        }
        Query::Vector(vector) => {
            let found = recall.vector(&vector).top(args.search.top)?;
            hits::print_one(space, &found, args.show.records, output)?;
        }
        Query::Users(users) => {
            let all = recall.users(&users).top(args.search.top)?;
            hits::print_all(space, &all, args.show.records, output)?;
        }
    }
    Ok(Exit::Done)
}

/// What to search for.
enum Query {
    User(Value),
    Users(Vec<Value>),
    Vector(Vec<f32>),
}

impl Query {
    fn new(user: Option<&str>, vector: Option<&str>) -> Result<Self, Failure> {
        match (user, vector) {
            (Some(user), None) => match json("--user", user)? {
                Value::Array(users) => Ok(Self::Users(users)),
                user @ Value::Object(_) => Ok(Self::User(user)),
                _ => Err(Failure::usage(
                    "--user: a JSON object of features expected, or a list of them",
                )),
            },
            (None, Some(vector)) => Ok(Self::Vector(numbers(&json("--vector", vector)?)?)),
            _ => Err(Failure::usage("either --user or --vector expected")),
        }
    }

    fn users(&self) -> &[Value] {
        match self {
            Self::User(user) => std::slice::from_ref(user),
            Self::Users(users) => users,
            Self::Vector(_) => &[],
        }
    }
}

/// The components of a vector.
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

/// Every problem of the users' features, one per line.
fn feature_problems(db: &Database, space: &str, users: &[Value]) -> Result<Vec<String>, Failure> {
    let spaces: Vec<String> = match db.ensembles().get(space) {
        Some(ensemble) => ensemble.spaces().map(str::to_owned).collect(),
        None => match db.members(space)? {
            members if members.is_empty() => vec![space.to_owned()],
            members => members.into_keys().collect(),
        },
    };
    let mut problems = Vec::new();
    for (at, user) in users.iter().enumerate() {
        let user_label = match users.len() {
            1 => String::new(),
            _ => format!("user {}: ", at + 1),
        };
        for name in &spaces {
            let space_label = match name == space {
                true => String::new(),
                false => format!("space {name}: "),
            };
            let found = db.check_user(name, user)?;
            problems.extend(
                found
                    .iter()
                    .map(|p| format!("  {user_label}{space_label}{p}")),
            );
        }
    }
    Ok(problems)
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
