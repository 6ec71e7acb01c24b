//! `twinspire train`: from logs to towers that answer recalls.

use crate::command::{json_of, run};
use serde_json::{Value, json};
use std::path::Path;
use twinspire_testkit::write_file;

/// A log in which every user takes only even or only odd items.
fn log() -> String {
    let mut lines = String::from("user,item,at\n");
    for user in 0..40 {
        for step in 0..12 {
            let item = (user * 5 + step * 7) % 30 * 2 + user % 2;
            lines.push_str(&format!("u{user},{item},{}\n", step * 60));
        }
    }
    lines
}

#[test]
fn from_raw_logs_to_recalls() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (db, towers) = (path("shop.twin"), path("models/shop"));
    let items: Vec<_> = (0..60)
        .map(|id| {
            let side = if id % 2 == 0 { "even" } else { "odd" };
            json!({"id": id.to_string(), "side": side, "title": format!("{side} thing")})
        })
        .map(|item| item.to_string())
        .collect();
    write_file(dir.path(), "items.jsonl", items.join("\n"));
    write_file(dir.path(), "log.csv", log());
    let (items, log) = (path("items.jsonl"), path("log.csv"));
    let trained = json_of(&[
        "train",
        "youtube",
        "--items",
        &items,
        "--events",
        &log,
        "--out",
        &towers,
        "--batch",
        "32",
        "--dimension",
        "16",
    ]);
    assert_eq!(
        (&trained["events"], &trained["dimension"]),
        (&json!(480), &json!(16))
    );
    let losses = trained["loss_of_each_pass"].as_array().unwrap();
    assert!(
        losses.last().unwrap().as_f64() < losses[0].as_f64(),
        "{losses:?}"
    );

    json_of(&["import", &db, &items]);
    json_of(&["publish", &db, "things", &towers]);
    let user = r#"{"user_id": "u1", "history": ["5", "19"]}"#;
    let found = json_of(&[
        "recall",
        &db,
        "things",
        "--user",
        user,
        "--top",
        "10",
        "--records",
    ]);
    let hits = found["hits"].as_array().unwrap();
    let odd = hits
        .iter()
        .filter(|hit| hit["record"]["side"] == "odd")
        .count();
    assert!(odd >= 9, "u1 keeps to the odd items: {hits:?}");

    let inspected = run(&["towers", "inspect", &towers]);
    assert_eq!(inspected.exit, 0, "{}", inspected.err);
    let shown = [
        "user tower",
        "item tower",
        "history",
        "example: {",
        "parameters",
        "tower.json",
    ];
    for shown in shown {
        assert!(inspected.out.contains(shown), "{shown}: {}", inspected.out);
    }
    let all = json_of(&["towers", "inspect", &db]);
    let one = json_of(&["towers", "inspect", &db, "things"]);
    assert_eq!(all[0], one);
    let generations = json_of(&["generations", &db, "things"]);
    assert_eq!(one["hash"], generations["generations"][0]["towers_hash"]);
    let example = one["user"]["example"].to_string();
    json_of(&[
        "recall",
        &db,
        "things",
        "--user",
        &example,
        "--check-features",
    ]);
    let odd = r#"[{"history": 7, "hstory": ["5"]}, {"user_id": []}]"#;
    let strict = run(&["recall", &db, "things", "--user", odd, "--check-features"]);
    assert_eq!((strict.exit, strict.out.as_str()), (2, ""));
    for problem in [
        "user 1: field `hstory`",
        "user 1: field `history`",
        "user 2: field `user_id`",
    ] {
        assert!(strict.err.contains(problem), "{}", strict.err);
    }
    let arguments = ["recall", &db, "things", "--json", "--user", odd];
    let lenient = run(&[&arguments[..], &["--check-features=lenient"]].concat());
    assert_eq!(lenient.exit, 0, "{}", lenient.err);
    assert!(
        lenient.err.contains("user 1: field `hstory`"),
        "{}",
        lenient.err
    );

    let unknown = run(&["recall", &db, "things", "--user", r#"{"histroy": ["5"]}"#]);
    assert_eq!(unknown.exit, 1);
    assert!(unknown.err.contains("field `histroy`"), "{}", unknown.err);
    let empty = write_file(dir.path(), "none.csv", "user,item,at\n");
    let arguments = [
        "train", "youtube", "--items", &items, "--out", &towers, "--events",
    ];
    let nothing = run(&[&arguments[..], &[empty.to_str().unwrap()]].concat());
    assert_eq!(nothing.exit, 1);
    assert!(
        nothing.err.contains("the dataset has no events"),
        "{}",
        nothing.err
    );
}

#[test]
fn towers_trained_on_texts_alone_find_texts() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let topics = ["wing lift drag", "shock body blunt", "heat plate flow"];
    let documents = (0..30).map(|n| {
        let words: Vec<_> = topics[n % 3].split(' ').collect();
        let [a, b, c] = words[..] else { panic!() };
        let text = format!("{a} {b} {n}. The {b} of a {c}. {c} and {a} again.");
        json!({"id": n.to_string(), "body": text}).to_string()
    });
    let documents: Vec<_> = documents.collect();
    write_file(dir.path(), "docs.jsonl", documents.join("\n"));
    write_file(
        dir.path(),
        "settings.json",
        r#"{"activation": "linear", "words": 1, "negatives": 0, "epochs": 99, "document": "body"}"#,
    );
    let [docs, towers, settings, page] =
        ["docs.jsonl", "towers", "settings.json", "page.html"].map(path);
    let arguments = [
        "train",
        "dssm",
        "--items",
        &docs,
        "--out",
        &towers,
        "--config",
        &settings,
        "--hidden=",
        "--dimension",
        "8",
        "--epochs",
        "20",
        "--patience",
        "20",
        "--learning-rate",
        "0.02",
        "--report",
        &page,
    ];
    let trained = json_of(&arguments);
    assert_eq!(trained["loss_of_each_pass"].as_array().unwrap().len(), 20);
    assert_eq!(trained["validation"]["metric"], "mrr");
    assert!(trained["examples_per_second"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("<svg") && page.contains("<th>epochs<td><code>20</code>"));

    let db = path("texts.twin");
    json_of(&["import", &db, &docs]);
    json_of(&["publish", &db, "texts", &towers]);
    let query = r#"{"query": "the lift of wings"}"#;
    let found = json_of(&["recall", &db, "texts", "--user", query, "--top", "8"]);
    let ids = found["hits"].as_array().unwrap().iter();
    let ids: Vec<u32> = ids
        .map(|hit| hit["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(ids.iter().all(|id| id % 3 == 0), "{ids:?}");

    let again = json_of(&[&arguments[..], &["--warm-start", &towers]].concat());
    let first = |trained: &Value| trained["loss_of_each_pass"][0].as_f64().unwrap();
    assert!(first(&again) < first(&trained));
    let wrong = write_file(dir.path(), "wrong.json", r#"{"epoch": 3}"#);
    let wrong = run(&[
        "train",
        "dssm",
        "--items",
        &docs,
        "--out",
        &towers,
        "--config",
        wrong.to_str().unwrap(),
    ]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.err.contains("unknown field `epoch`"), "{}", wrong.err);
}

#[test]
fn towers_are_trained_on_texts_of_several_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let titles = ["wing lift", "blunt shock", "hot plate"];
    let bodies = ["drag and flow", "body and wave", "heat and skin"];
    let rows = (0..30).map(|n| {
        let (title, body) = (titles[n % 3], bodies[n % 3]);
        // Some have no body, some no title.
        match n {
            0..3 => format!("{n},{title},,{n}\n"),
            3..6 => format!("{n},,\"Of {body}. The {title}.\",{n}\n"),
            _ => format!("{n},{title},\"Of {body}, number {n}.\",{n}\n"),
        }
    });
    let rows: String = rows.collect();
    write_file(
        dir.path(),
        "docs.csv",
        format!("id,title,body,year\n{rows}"),
    );
    let [docs, towers, both, page, db] =
        ["docs.csv", "towers", "both", "page.html", "texts.twin"].map(path);
    let train = |more: &[&str]| {
        let arguments = [
            "train",
            "dssm",
            "--items",
            &docs,
            "--hidden=",
            "--dimension",
            "8",
        ];
        let rest = ["--epochs", "12", "--learning-rate", "0.02", "--words", "1"];
        run(&[&arguments[..], &rest, more, &["--json"]].concat())
    };
    let trained = train(&["--out", &towers, "--report", &page, "--pool", "all"]);
    assert_eq!(trained.exit, 0, "{}", trained.err);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(
        page.contains("[&quot;title&quot;,&quot;body&quot;]"),
        "{page}"
    );
    let described = json_of(&["towers", "inspect", &towers]);
    assert_eq!(
        described["item"]["features"][0]["fields"],
        json!(["title", "body"])
    );

    json_of(&["import", &db, &docs]);
    json_of(&["publish", &db, "texts", &towers]);
    for (query, kind) in [
        ("lift", 0),
        ("drag", 0),
        ("wave", 1),
        ("plate", 2),
        ("skin", 2),
    ] {
        let query = json!({ "query": query }).to_string();
        let found = json_of(&["recall", &db, "texts", "--user", &query, "--top", "8"]);
        let hits = found["hits"].as_array().unwrap().iter();
        let kinds = hits.map(|hit| hit["id"].as_str().unwrap().parse::<usize>().unwrap() % 3);
        assert_eq!(kinds.collect::<Vec<_>>(), [kind; 8], "{query}");
    }

    // The columns named in another order; a warm start keeps them without being told.
    let named = [
        "--out",
        &both,
        "--document",
        "body,title",
        "--pool",
        "batch",
    ];
    assert_eq!(train(&named).exit, 0);
    let again = train(&["--out", &both, "--warm-start", &both]);
    assert_eq!(again.exit, 0, "{}", again.err);
    let described = json_of(&["towers", "inspect", &both]);
    assert_eq!(
        described["item"]["features"][0]["fields"],
        json!(["body", "title"])
    );
    let typo = train(&["--out", &both, "--document", "titel"]);
    assert_eq!(typo.exit, 1);
    assert!(
        typo.err
            .contains("no item has a field `titel` (found: body, id, title, year)"),
        "{}",
        typo.err
    );
    let none = write_file(dir.path(), "none.csv", "id,year,price\na,1,2\nb,2,3\n");
    let none = none.to_str().unwrap();
    let none = run(&["train", "dssm", "--items", none, "--out", &both]);
    assert_eq!(none.exit, 1);
    assert!(
        none.err
            .contains("(found: id, price, year); name text fields with the setting `document`"),
        "{}",
        none.err
    );
}

#[test]
fn mined_negatives_train_a_second_model_that_is_fused_with_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let lines = |of: &dyn Fn(usize) -> Value| -> String {
        let each = (0..60).map(|n| of(n).to_string() + "\n");
        each.collect()
    };
    let kind = |n: usize| ["pizza", "noodles", "cheese"][n % 3];
    let place = |n: usize| json!({"lat": 47.0 + (n % 5) as f64, "lon": 8.0});
    let item = |n: usize| {
        let title = format!("{} house", kind(n));
        json!({"id": format!("i{n}"), "title": title, "at": place(n)})
    };
    let user = |n: usize| json!({"user_id": format!("u{n}"), "query": kind(n), "at": place(n)});
    let event = |n: usize| json!({"user": format!("u{n}"), "item": format!("i{n}"), "at": n});
    let files: [(&str, &dyn Fn(usize) -> Value); 3] =
        [("items", &item), ("users", &user), ("events", &event)];
    for (name, of) in files {
        write_file(dir.path(), &format!("{name}.jsonl"), lines(of));
    }
    let [items, users, events] = ["items.jsonl", "users.jsonl", "events.jsonl"].map(path);
    let [db, easy, hard, pairs, mined] =
        ["food.twin", "easy", "hard", "pairs.jsonl", "mined.jsonl"].map(path);
    let train = [
        "train",
        "ebr",
        "--items",
        &items,
        "--users",
        &users,
        "--events",
        &events,
        "--item-dimension",
        "0",
        "--user-dimension",
        "0",
        "--dimension",
        "8",
        "--negatives",
        "20",
    ];
    let trained = json_of(&[&train[..], &["--out", &easy, "--pairs", &pairs]].concat());
    assert_eq!(
        (&trained["examples"], &trained["dimension"]),
        (&json!(60), &json!(8))
    );
    json_of(&["import", &db, &items]);
    json_of(&["publish", &db, "easy", &easy]);
    let mine = [
        "mine",
        &db,
        "easy",
        "--pairs",
        &pairs,
        "--known-by",
        "user_id",
    ];
    let told = json_of(&[&mine[..], &["--ranks", "2..9", "--out", &mined]].concat());
    assert_eq!(
        (&told["pairs"], &told["negatives"]),
        (&json!(60), &json!(240))
    );

    let on = [&train[..], &["--out", &hard, "--hard", &mined]].concat();
    let learnt = json_of(&[&on[..], &["--mix", "1:1", "--hard-passes", "2"]].concat());
    assert_eq!(learnt["loss_of_each_pass"].as_array().unwrap().len(), 12);
    json_of(&["publish", &db, "hard", &hard]);
    let staged =
        r#"{"method":"cascade","stages":[{"space":"easy","take":20},{"space":"hard","take":9}]}"#;
    let both = r#"{"method":"weighted","spaces":{"easy":0.5,"hard":0.5}}"#;
    json_of(&["ensembles", &db, "--define", "staged", staged]);
    json_of(&["ensembles", &db, "--define", "both", both]);
    let query = user(4).to_string();
    for (name, scores) in [("both", 2), ("staged", 1)] {
        let found = json_of(&["recall", &db, name, "--user", &query, "--top", "3"]);
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 3);
        assert!(
            hits[0]["channels"].as_object().unwrap().len() >= scores,
            "{found}"
        );
    }

    let wrong = run(&[&train[..], &["--out", &hard, "--hard", &items]].concat());
    assert_eq!(wrong.exit, 1);
    let says = "items.jsonl, line 1: not what `mine` writes: missing field `user`";
    assert!(wrong.err.contains(says), "{}", wrong.err);
    let alone = run(&[&train[..], &["--out", &hard, "--mix", "0:1"]].concat());
    assert_eq!(alone.exit, 1);
    assert!(alone.err.contains("no mined negatives"), "{}", alone.err);
    let mix = run(&[&train[..], &["--out", &hard, "--mix", "0:0"]].concat());
    assert_eq!(mix.exit, 2);
}

#[test]
fn mobius_learns_clicks_under_a_teacher_and_ranks_by_bids() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let items = (0..20).map(|n| {
        let kind = if n % 2 == 0 { "even" } else { "odd" };
        json!({"id": n.to_string(), "kind": kind, "bid": 1 + n % 3}).to_string()
    });
    let items: Vec<_> = items.collect();
    write_file(dir.path(), "ads.jsonl", items.join("\n"));
    let mut log = String::from("user,item,at,weight\n");
    for (user, at) in (0..40).flat_map(|user| (0..8).map(move |at| (user, at))) {
        let item = user % 2 + 2 * ((user / 2 + 3 * at) % 10);
        let weight = if item < 10 { 5 } else { 2 };
        log += &format!("u{user},{item},{at},{weight}\n");
    }
    write_file(dir.path(), "log.csv", &log);
    let [ads, log, towers, parts, db] =
        ["ads.jsonl", "log.csv", "towers", "parts", "ads.twin"].map(path);
    let arguments = [
        "train",
        "mobius",
        "--items",
        &ads,
        "--events",
        &log,
        "--click",
        "4",
        "--categories",
        "kind",
        "--out",
        &towers,
        "--parts",
        &parts,
        "--part",
        "6",
        "--less-bad",
        "1",
        "--batch",
        "32",
        "--learning-rate",
        "0.1",
    ];
    let trained = json_of(&arguments);
    assert_eq!(trained["dimension"], 12, "two parts of six");
    let again = json_of(&[&arguments[..], &["--warm-start", &parts]].concat());
    let first = |trained: &Value| trained["loss_of_each_pass"][0].as_f64().unwrap();
    assert!(first(&again) < first(&trained));

    json_of(&["import", &db, &ads]);
    json_of(&["publish", &db, "ads", &towers]);
    let by_bid = r#"{"method": "weighted", "spaces": {"ads": 1}, "business": {"field": "bid"}}"#;
    json_of(&["ensembles", &db, "--define", "earn", by_bid]);
    let user = r#"{"user_id": "u1", "history": ["5", "1"]}"#;
    let hits = |name: &str| {
        let found = json_of(&["recall", &db, name, "--user", user, "--top", "5"]);
        found["hits"].as_array().unwrap().clone()
    };
    let number = |hit: &Value| hit["id"].as_str().unwrap().parse::<u32>().unwrap();
    let found = hits("ads");
    assert!(found.iter().all(|hit| number(hit) % 2 == 1), "{found:?}");
    for hit in hits("earn") {
        let bid = f64::from(1 + number(&hit) % 3);
        let score = hit["channels"]["ads"].as_f64().unwrap();
        assert!((hit["score"].as_f64().unwrap() - score * bid).abs() < 1e-5);
    }
    let wrong = run(&[&arguments[..], &["--teacher", &towers]].concat());
    assert_eq!(wrong.exit, 2);
    assert!(wrong.err.contains("cannot be used with"), "{}", wrong.err);
}

/// Writes 60 items without fields and the log of them; returns the paths of both files.
pub(super) fn write_log(dir: &Path) -> (String, String) {
    let items = (0..60).map(|id| json!({"id": id.to_string()}).to_string());
    write_file(dir, "items.jsonl", items.collect::<Vec<_>>().join("\n"));
    write_file(dir, "log.csv", log());
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    (path("items.jsonl"), path("log.csv"))
}
