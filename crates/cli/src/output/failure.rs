//! Why a command failed.

use std::error::Error as StdError;
use std::io;

use twinspire::import::ImportError;
use twinspire::{Error, ErrorKind, FilterError, TowersError};

use super::exit::Exit;

/// Why a command failed: the exit code, the message and its causes, lines that show the fault, a hint.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    /// The message, then its causes.
    messages: Vec<String>,
    /// Shown below the message as they are.
    details: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    fn new(exit: Exit, messages: Vec<String>) -> Self {
        Self {
            exit,
            messages,
            details: Vec::new(),
            hint: None,
        }
    }

    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, vec![message.into()])
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, vec![message.into()])
    }

    /// An operation that was not carried out.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, vec![message.into()])
    }

    /// An operation that failed, with the causes of its error.
    pub fn failed(error: impl StdError) -> Self {
        Self::new(Exit::Failed, with_causes(&error))
    }

    /// An operation that failed without an error of its own.
    pub fn operation(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, vec![message.into()])
    }

    /// A file that cannot be read.
    pub fn reading(name: &str, error: io::Error) -> Self {
        Self::file(format!("{name}: cannot be read: {error}"), &error)
    }

    /// A file that cannot be written.
    pub fn writing(name: &str, error: io::Error) -> Self {
        Self::file(format!("{name}: cannot be written: {error}"), &error)
    }

    fn file(message: String, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Self::new(exit, vec![message])
    }

    /// A filter that cannot be used; it is part of the command line.
    fn filter(error: &FilterError) -> Self {
        let excerpt = error.excerpt().into();
        Self::usage(format!("--filter: {}", error.message)).with_details(excerpt)
    }

    /// Adds lines to show below the message.
    #[must_use]
    pub fn with_details(mut self, lines: Vec<String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// A failure of recalls for users of a file; the hint names the flag that tolerates their fields.
    pub fn of_users(error: Error) -> Self {
        let concerns_user = matches!(error, Error::User { .. });
        let failure = Self::from(error);
        match concerns_user {
            true => failure.hint(
                "--lenient ignores fields that are not read, as `recall --check-features lenient` does",
            ),
            false => failure,
        }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        self.hint = Some(match self.hint.take() {
            Some(earlier) => format!("{earlier}; {hint}"),
            None => hint,
        });
        self
    }

    /// A row of a batch that failed; the batch says which.
    pub fn of_row(error: Error) -> Self {
        match error {
            Error::User { source, .. } => Self::new(Exit::Failed, with_causes(&source)),
            error => error.into(),
        }
    }

    /// The failure of the user of this number. Details name the user by themselves.
    #[must_use]
    pub fn of_user(mut self, number: u64) -> Self {
        if let Some(first) = self.messages.first_mut()
            && self.details.is_empty()
        {
            *first = format!("user {number} of the batch: {first}");
        }
        self.hint("--skip-bad answers the others")
    }

    /// Another failure with the details of this one.
    #[must_use]
    pub fn details_to(self, other: Self) -> Self {
        other.with_details(self.details)
    }

    /// The message and its causes in one line.
    pub fn summary(&self) -> String {
        let details = self.details.iter().map(|line| line.trim().to_owned());
        let all: Vec<String> = self.messages.iter().cloned().chain(details).collect();
        all.join(": ")
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines for standard error.
    pub fn lines(&self) -> Vec<String> {
        let (first, causes) = self.messages.split_at(self.messages.len().min(1));
        let mut lines: Vec<String> = first.iter().map(|text| format!("error: {text}")).collect();
        lines.extend(self.details.iter().cloned());
        lines.extend(causes.iter().map(|text| format!("  because: {text}")));
        lines.extend(self.hint.iter().map(|text| format!("hint: {text}")));
        lines
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Filter { source } = &error {
            return Self::filter(source);
        }
        let messages = with_causes(&error);
        match error.kind() {
            ErrorKind::NotFound => Self::new(Exit::NotFound, messages),
            ErrorKind::Corrupt => Self::new(Exit::Corrupt, messages)
                .hint("`check` lists the damage, `repair` keeps what can still be read"),
            ErrorKind::Unsupported => Self::new(Exit::Unsupported, messages)
                .hint("nothing is damaged and nothing was changed; `repair` would not help"),
            _ => Self::new(Exit::Failed, messages),
        }
    }
}

#[cfg(feature = "remote")]
impl From<twinspire_remote::RemoteError> for Failure {
    fn from(error: twinspire_remote::RemoteError) -> Self {
        use twinspire_remote::{RemoteError as E, StoreFault};
        let messages = with_causes(&error);
        match error {
            E::Database(error) => (*error).into(),
            E::Url { .. } => Self::new(Exit::Usage, messages),
            E::Empty { .. } | E::UnknownEpoch { .. } => Self::new(Exit::NotFound, messages),
            E::Damaged { .. } | E::Mismatch { .. } => Self::new(Exit::Corrupt, messages)
                .hint("`push --all` from the database uploads every object again"),
            E::Unsupported { .. } => Self::new(Exit::Unsupported, messages),
            E::Store {
                fault: StoreFault::Denied,
                ..
            } => Self::new(Exit::Failed, messages)
                .hint("set the credentials in the environment, such as AWS_ACCESS_KEY_ID"),
            E::OtherDatabase { .. } => {
                Self::new(Exit::Failed, messages).hint("`push --replace` replaces it")
            }
            _ => Self::new(Exit::Failed, messages),
        }
    }
}

impl From<TowersError> for Failure {
    fn from(error: TowersError) -> Self {
        Error::from(error).into()
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let exit = match error.is_not_found() {
            true => Exit::NotFound,
            false => Exit::Failed,
        };
        Self::new(exit, with_causes(&error))
    }
}

/// The message of an error and those of its causes. A cause that the message before it repeats, behind a
/// colon or as a whole, is left out.
fn with_causes(error: &dyn StdError) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if messages.last().is_none_or(|last| !repeats(last, &message)) {
            messages.push(message);
        }
        cause = error.source();
    }
    messages
}

/// Whether a message ends with its cause, or has it before a semicolon with advice.
fn repeats(message: &str, cause: &str) -> bool {
    let behind = |at: usize| message.get(at + cause.len()..).unwrap_or_default();
    let before = |at: usize| message.get(..at).unwrap_or_default();
    message.match_indices(cause).any(|(at, _)| {
        (at == 0 || before(at).ends_with(": "))
            && (behind(at).is_empty() || behind(at).starts_with(';'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_whose_words_stand_in_the_message_by_chance_is_shown() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open busy.twin")]
        struct Outer(#[source] Cause);
        #[derive(Debug, thiserror::Error)]
        #[error("busy")]
        struct Cause;
        assert_eq!(
            with_causes(&Outer(Cause)),
            ["cannot open busy.twin", "busy"]
        );
        assert!(repeats("moved meanwhile: gone; run it again", "gone"));
    }

    #[test]
    fn a_cause_is_shown_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] std::num::ParseIntError);
        let inner = "x".parse::<i32>().unwrap_err();
        assert_eq!(with_causes(&Outer(inner.clone())).len(), 1);
        assert_eq!(Failure::failed(inner).messages.len(), 1);
    }

    #[test]
    fn details_follow_the_message_and_the_hint_comes_last() {
        let failure = Failure::usage("--user: no object")
            .with_details(vec!["  at line 1".to_owned()])
            .hint("quote it")
            .hint("or use a file");
        assert_eq!(
            failure.lines(),
            [
                "error: --user: no object",
                "  at line 1",
                "hint: quote it; or use a file"
            ]
        );
    }
}
