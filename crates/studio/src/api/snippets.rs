//! The same recall as a program: Rust, Python, shell.

use super::asked::{Effort, Query, RecallRequest};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// A recall in three languages.
#[derive(Debug, Serialize)]
pub struct Snippets {
    pub rust: String,
    pub python: String,
    /// None where the command has no way to say it.
    pub shell: Option<String>,
}

/// The recall of a request as programs.
pub fn snippets(path: &Path, request: &RecallRequest) -> Snippets {
    let path = path.display().to_string();
    Snippets {
        rust: rust(&path, request),
        python: python(&path, request),
        shell: shell(&path, request),
    }
}

fn rust(path: &str, request: &RecallRequest) -> String {
    let (side, search) = (&request.side, &request.search);
    let mut text = format!("let db = twinspire::Database::open_read_only({path:?})?;\n");
    let mut from = "db";
    for (space, number) in &side.generations {
        let state = if from == "db" { "db.pin()" } else { from };
        let line = format!(
            "let state = {state}.generation({space:?}, twinspire::GenerationNo({number}))?;\n"
        );
        text.push_str(&line);
        from = "state";
    }
    let query = match &request.query {
        Query::User(user) => {
            text.push_str(&format!(
                "let user = serde_json::json!({});\n",
                literal(user, &RUST)
            ));
            ".user(&user)".to_owned()
        }
        Query::Similar(id) => format!(".similar({id:?})"),
        Query::Vector(vector) => format!(".vector(&{vector:?})"),
    };
    let _ = write!(text, "let hits = {from}.recall({:?}){query}", side.name);
    if !search.filter.trim().is_empty() {
        let _ = write!(text, ".filter({:?})", search.filter);
    }
    if !search.exclude.is_empty() {
        let _ = write!(text, ".exclude({:?})", search.exclude);
    }
    text.push_str(&match search.effort {
        Effort::Default => String::new(),
        Effort::Ef(ef) => format!(".ef({ef})"),
        Effort::Target(share) => format!(".recall_target({share:?})"),
        Effort::Exact => ".exact()".to_owned(),
    });
    let _ = write!(text, ".top({})?;", search.k);
    text
}

fn python(path: &str, request: &RecallRequest) -> String {
    let (side, search) = (&request.side, &request.search);
    let quoted = |text: &str| literal(&Value::from(text), &PYTHON);
    let mut text = format!(
        "import twinspire\n\ndb = twinspire.open({}, read_only=True)\n",
        quoted(path)
    );
    let mut from = "db";
    for (space, number) in &side.generations {
        let state = if from == "db" { "db.pin()" } else { from };
        let _ = writeln!(
            text,
            "state = {state}.generation({}, {number})",
            quoted(space)
        );
        from = "state";
    }
    let query = match &request.query {
        Query::User(user) => format!("user={}", literal(user, &PYTHON)),
        Query::Similar(id) => format!("similar={}", quoted(id)),
        Query::Vector(vector) => format!("vector={vector:?}"),
    };
    let _ = write!(
        text,
        "hits = {from}.recall({}, {query}, k={}",
        quoted(&side.name),
        search.k
    );
    if !search.filter.trim().is_empty() {
        let _ = write!(text, ", filter={}", quoted(&search.filter));
    }
    if !search.exclude.is_empty() {
        let _ = write!(
            text,
            ", exclude={}",
            literal(&Value::from(search.exclude.clone()), &PYTHON)
        );
    }
    text.push_str(&match search.effort {
        Effort::Default => String::new(),
        Effort::Ef(ef) => format!(", ef={ef}"),
        Effort::Target(share) => format!(", recall_target={share}"),
        Effort::Exact => ", exact=True".to_owned(),
    });
    text.push(')');
    text
}

fn shell(path: &str, request: &RecallRequest) -> Option<String> {
    let (side, search) = (&request.side, &request.search);
    if !side.generations.is_empty() {
        return None;
    }
    let (path, name) = (word(path), word(&side.name));
    let mut text = match &request.query {
        Query::User(user) => {
            let user = word(&user.to_string());
            format!("twinspire recall {path} {name} --user {user}")
        }
        Query::Similar(id) => format!("twinspire similar {path} {name} {}", word(id)),
        Query::Vector(vector) => {
            let vector = serde_json::to_string(vector).unwrap_or_default();
            format!("twinspire recall {path} {name} --vector {}", word(&vector))
        }
    };
    let _ = write!(text, " --top {}", search.k);
    if !search.filter.trim().is_empty() {
        let _ = write!(text, " --filter {}", word(&search.filter));
    }
    for id in &search.exclude {
        let _ = write!(text, " {}", word(&format!("--exclude={id}")));
    }
    text.push_str(&match search.effort {
        Effort::Default => String::new(),
        Effort::Ef(ef) => format!(" --ef {ef}"),
        Effort::Target(share) => format!(" --recall-target {share}"),
        Effort::Exact => " --exact".to_owned(),
    });
    Some(text)
}

/// A word of a POSIX shell.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// How a language writes JSON values.
struct Language {
    null: &'static str,
    yes: &'static str,
    no: &'static str,
    string: fn(&str) -> String,
}

const RUST: Language = Language {
    null: "null",
    yes: "true",
    no: "false",
    string: |text| format!("{text:?}"),
};

const PYTHON: Language = Language {
    null: "None",
    yes: "True",
    no: "False",
    // JSON's escapes are Python's.
    string: |text| Value::from(text).to_string(),
};

fn literal(value: &Value, language: &Language) -> String {
    match value {
        Value::Null => language.null.to_owned(),
        Value::Bool(true) => language.yes.to_owned(),
        Value::Bool(false) => language.no.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => (language.string)(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|one| literal(one, language)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, one)| {
                    format!("{}: {}", (language.string)(name), literal(one, language))
                })
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(document: Value) -> Snippets {
        let request: RecallRequest = serde_json::from_value(document).unwrap();
        snippets(Path::new("it's.twin"), &request)
    }

    #[test]
    fn what_a_record_or_a_filter_contains_stays_a_string() {
        let code = of(json!({
            "side": {"name": "shop"},
            "query": {"user": {"a'b": ["x\"y", null, true, 1.5], "c": "$(rm)\u{1}\n"}},
            "search": {"k": 5, "filter": "city = 'O''Hare'", "effort": {"kind": "target", "value": 0.95},
                "exclude": ["-x", "a b"]},
        }));
        assert_eq!(
            code.shell.unwrap(),
            r#"twinspire recall 'it'\''s.twin' shop --user '{"a'\''b":["x\"y",null,true,1.5],"c":"$(rm)\u0001\n"}'"#
                .to_owned()
                + r" --top 5 --filter 'city = '\''O'\'''\''Hare'\''' --exclude=-x '--exclude=a b' --recall-target 0.95"
        );
        assert_eq!(
            code.python,
            "import twinspire\n\ndb = twinspire.open(\"it's.twin\", read_only=True)\n\
             hits = db.recall(\"shop\", user={\"a'b\": [\"x\\\"y\", None, True, 1.5], \"c\": \"$(rm)\\u0001\\n\"}, \
             k=5, filter=\"city = 'O''Hare'\", exclude=[\"-x\", \"a b\"], recall_target=0.95)"
        );
        assert_eq!(
            code.rust,
            "let db = twinspire::Database::open_read_only(\"it's.twin\")?;\n\
             let user = serde_json::json!({\"a'b\": [\"x\\\"y\", null, true, 1.5], \"c\": \"$(rm)\\u{1}\\n\"});\n\
             let hits = db.recall(\"shop\").user(&user).filter(\"city = 'O''Hare'\").exclude([\"-x\", \"a b\"])\
             .recall_target(0.95).top(5)?;"
        );
    }

    #[test]
    fn other_generations_are_named() {
        let code = of(json!({
            "side": {"name": "home", "generations": {"a": 3, "b": 4}},
            "query": {"similar": "B01"},
            "search": {"effort": {"kind": "ef", "value": 64}},
        }));
        assert!(code.rust.contains(
            "let state = db.pin().generation(\"a\", twinspire::GenerationNo(3))?;\n\
             let state = state.generation(\"b\", twinspire::GenerationNo(4))?;\n\
             let hits = state.recall(\"home\").similar(\"B01\").ef(64).top(10)?;"
        ));
        assert!(code.python.contains("state = state.generation(\"b\", 4)"));
        assert_eq!(code.shell, None);
    }
}
