//! Answers for users: with what each excludes, and the check of its features.

use serde_json::Value;
use twinspire::{Database, FeatureCheck, Hits, Recall};

use super::features;
use crate::output::{Failure, Output};
use crate::view::hits::Shown;

/// Answers users by one recall.
pub struct Answers<'a> {
    pub db: &'a Database,
    /// The space or the ensemble.
    pub space: &'a str,
    pub recall: Recall<'a>,
    pub top: usize,
    /// Whether to check the features first, and how strictly.
    pub check: Option<FeatureCheck>,
    /// The field with the ids that a user excludes, and whether a user tower reads it too.
    pub exclude_field: Option<&'a str>,
    pub field_is_read: bool,
    pub show_features: bool,
    pub output: &'a Output,
}

/// A user, ready to be answered.
struct Ready {
    user: Value,
    exclude: Vec<String>,
}

impl Answers<'_> {
    /// Answers one user.
    pub fn one(&self, user: Value) -> Result<Shown, Failure> {
        let Ready { user, exclude } = self.ready(user, "")?;
        let recall = self.configured().exclude(exclude);
        let hits = recall.user(&user).top(self.top)?;
        self.shown(&user, hits)
    }

    /// Answers all users. A user that cannot be answered fails all of them, or with `skip_bad` itself alone.
    /// Also returns how many were not answered.
    pub fn all(
        &self,
        users: Vec<Value>,
        skip_bad: bool,
    ) -> Result<(Vec<Result<Shown, String>>, u64), Failure> {
        let users = users.into_iter().map(Ok).collect();
        let (mut answers, mut skipped, mut failed) = (Vec::new(), 0, None);
        for (number, answer) in (1..).zip(self.each(users, 0)?) {
            answers.push(match answer {
                Ok(shown) => Ok(shown),
                Err(failure) if skip_bad => {
                    skipped += 1;
                    Err(failure.summary())
                }
                // The first one fails the command; it takes the problems of the others along.
                Err(failure) => {
                    failed = Some(match failed {
                        None => failure.of_user(number),
                        Some(first) => failure.details_to(first),
                    });
                    continue;
                }
            });
        }
        failed.map_or(Ok((answers, skipped)), Err)
    }

    /// The answer of each user, or why it has none. `before` users came before these.
    pub fn each(
        &self,
        users: Vec<Result<Value, Failure>>,
        before: u64,
    ) -> Result<Vec<Result<Shown, Failure>>, Failure> {
        let ready = (before + 1..).zip(users).map(|(number, user)| {
            user.and_then(|user| self.ready(user, &format!("user {number}: ")))
        });
        let ready: Vec<Result<Ready, Failure>> = ready.collect();
        let good = || ready.iter().flatten();
        let users: Vec<Value> = good().map(|ready| ready.user.clone()).collect();
        let exclude: Vec<Vec<String>> = good().map(|ready| ready.exclude.clone()).collect();
        let recall = self.configured().users(&users).exclude_each(&exclude);
        let mut found = recall.top_each(self.top)?.into_iter().zip(&users);
        let answers = ready.into_iter().map(|ready| {
            ready?;
            match found.next() {
                Some((Ok(hits), user)) => self.shown(user, hits),
                Some((Err(error), _)) => Err(Failure::of_row(error)),
                None => Err(Failure::refused("no answer")),
            }
        });
        Ok(answers.collect())
    }

    fn configured(&self) -> Recall<'_> {
        let recall = self.recall.clone();
        match self.check {
            Some(check) => recall.check_features(check),
            None => recall,
        }
    }

    /// Takes the excluded ids out of a user, and checks its features.
    fn ready(&self, mut user: Value, label: &str) -> Result<Ready, Failure> {
        let Value::Object(fields) = &mut user else {
            return Err(Failure::usage(format!(
                "--user: {label}a JSON object of features expected, found {user}"
            )));
        };
        let mut exclude = Vec::new();
        if let Some(field) = self.exclude_field {
            let ids = match self.field_is_read {
                true => fields.get(field).cloned(),
                false => fields.remove(field),
            };
            exclude = ids_of(ids.unwrap_or_default()).ok_or_else(|| {
                Failure::usage(format!(
                    "--exclude-field: {label}`{field}`: a list of ids expected"
                ))
            })?;
        }
        if let Some(check) = self.check {
            let problems = features::problems(self.db, self.space, &user, label)?;
            if check == FeatureCheck::Lenient {
                problems
                    .iter()
                    .for_each(|problem| self.output.note(problem));
            } else if !problems.is_empty() {
                let message = "--user: the user tower cannot read these features";
                return Err(Failure::usage(message)
                    .with_details(problems)
                    .hint("`twinspire towers inspect DB SPACE` shows what it reads"));
            }
        }
        Ok(Ready { user, exclude })
    }

    fn shown(&self, user: &Value, hits: Hits) -> Result<Shown, Failure> {
        let embedded = match self.show_features {
            true => Some(self.db.embed_user(self.space, user)?),
            false => None,
        };
        Ok(Shown { hits, embedded })
    }
}

/// Whether a user tower of a space or an ensemble reads a field.
pub fn is_read(db: &Database, name: &str, field: &str) -> Result<bool, Failure> {
    for space in features::spaces(db, name)? {
        let user = db.towers(&space)?.describe().user;
        let mut features = user.iter().flat_map(|user| &user.features);
        if features.any(|feature| feature.fields.iter().any(|read| read == field)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids in a field: a list of strings or integers, one of them, or none.
fn ids_of(value: Value) -> Option<Vec<String>> {
    let id = |value: Value| match value {
        Value::String(id) => Some(id),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(id.to_string()),
        _ => None,
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => list.into_iter().map(id).collect(),
        one => id(one).map(|id| vec![id]),
    }
}
