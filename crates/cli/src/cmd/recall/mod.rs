//! `twinspire recall`: the best items for users or a vector.

mod answers;
mod features;
mod lines;
mod query;

use clap::{ArgGroup, Args, ValueEnum};
use twinspire::FeatureCheck;

use self::answers::Answers;
use self::query::Query;
use crate::args::{SearchArgs, ShowArgs, SpaceArgs};
use crate::output::{Exit, Failure, Output, counted};
use crate::view::hits;

const EXAMPLES: &str = "\
Examples:
  twinspire recall shop.twin movies --user '{\"user_id\":\"42\"}' --top 10
  twinspire recall shop.twin movies --user @user.json --fields title,year --exclude B07 B13
  twinspire recall shop.twin movies --user @users.jsonl --exclude-field seen --skip-bad --json
  twinspire recall shop.twin movies --user @user.json --filter \"year >= 1990 and genres has 'Comedy'\"
  twinspire recall shop.twin movies --user @user.json --check-features
  twinspire recall shop.twin movies --user @user.json --show-features
  twinspire recall shop.twin movies --vector '[0.1, 0.7, …]' --exact
  twinspire recall shop.twin words --text 'red running shoes'
  some-program | twinspire recall shop.twin movies --user - --json

The features of a user are those the user tower was trained on: `twinspire towers inspect` lists them
with an example. Users given as a JSON list are answered together, in their order. Users given as JSON
lines, in a file or on standard input, are answered while they are read: with --json a line for each, which
is there as soon as the user is answered. So another program can keep `recall` running and ask it line by
line. With --skip-bad a user that cannot be answered gets a line with an `error`.

An id that begins with a dash is excluded by --exclude=-id.";

/// Find the best items for users or a vector.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("query").required(true).multiple(true).args(["user", "vector", "text"]))]
pub struct RecallArgs {
    #[command(flatten)]
    target: SpaceArgs,
    /// The user's raw features: JSON text, @file, or - for standard input; a list or JSON lines for many users
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    user: Option<String>,
    /// A vector of the space, in place of a user: a JSON list of numbers, @file, or -
    #[arg(
        long,
        value_name = "JSON",
        allow_hyphen_values = true,
        conflicts_with = "user"
    )]
    vector: Option<String>,
    /// The text that lexical spaces search for, in place of one of the user
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
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
    /// Of many users, answer the others when one cannot be answered
    #[arg(long, conflicts_with = "vector")]
    skip_bad: bool,
    /// A field of each user with ids of items to leave out for that user, such as those already seen
    #[arg(long, value_name = "FIELD", conflicts_with = "vector")]
    exclude_field: Option<String>,
    /// Show what each feature of the user gave to the user tower, to compare with the training
    #[arg(long, conflicts_with = "vector")]
    show_features: bool,
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

impl From<CheckArg> for FeatureCheck {
    fn from(check: CheckArg) -> Self {
        match check {
            CheckArg::Strict => Self::Strict,
            CheckArg::Lenient => Self::Lenient,
        }
    }
}

/// Runs the command.
pub fn run(args: RecallArgs, output: &Output) -> Result<Exit, Failure> {
    let space = &args.target.space;
    let query = match (&args.user, &args.vector) {
        (None, None) => None,
        (user, vector) => Some(Query::new(
            user.as_deref(),
            vector.as_deref(),
            output.is_json(),
        )?),
    };
    let db = args.target.open_to_read()?;
    let recall = || {
        let recall = args.show.apply(args.search.apply(db.recall(space)));
        match &args.text {
            Some(text) => recall.text(text),
            None => recall,
        }
    };
    let records = args.show.shows_records();
    let Some(query) = query else {
        let found = recall().top(args.search.top)?;
        hits::print_one(space, &found, records, output)?;
        return Ok(Exit::Done);
    };
    if let Query::Vector(vector) = &query {
        let found = recall().vector(vector).top(args.search.top)?;
        hits::print_one(space, &found, records, output)?;
        return Ok(Exit::Done);
    }
    let answers = Answers {
        db: &db,
        space,
        recall: recall(),
        top: args.search.top,
        check: args.check_features.map(FeatureCheck::from),
        exclude_field: args.exclude_field.as_deref(),
        field_is_read: match &args.exclude_field {
            Some(field) => answers::is_read(&db, space, field)?,
            None => false,
        },
        show_features: args.show_features,
        output,
    };
    let skipped = match query {
        Query::Vector(_) => 0,
        Query::User(user) => {
            let answer = answers.one(user)?;
            hits::print_shown(space, &answer, records, output)?;
            0
        }
        Query::Users(users) => {
            let (shown, skipped) = answers.all(users, args.skip_bad)?;
            hits::print_all(space, &shown, records, output)?;
            skipped
        }
        Query::Lines(users) => lines::answer(users, &answers, records, args.skip_bad)?,
    };
    if skipped > 0 {
        let what = counted(skipped, "user");
        output.note(&format!("{what} could not be answered"));
    }
    Ok(Exit::Done)
}
