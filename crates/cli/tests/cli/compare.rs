//! The commands `diff` and `mine`: what they print, write and refuse.

use std::fs::File;
use std::path::Path;

use crate::command::{json_of, run, run_with};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use twinspire::{Database, RankFusion};
use twinspire_testkit::towers::{field_towers, scaled_towers};
use twinspire_testkit::{item, write_file};

/// A database with items of prices 0 to 59 and two generations, the second of which wants cheap items.
fn shop(dir: &Path) -> String {
    let path = dir.join("shop.twin");
    let db = Database::open(&path).unwrap();
    let items: Vec<Value> = (0..60).map(|at| item(at, at)).collect();
    db.items().put_many(&items).unwrap();
    db.publish("near").towers(scaled_towers(1.0)).run().unwrap();
    let cheap = field_towers("inner_product", &["price"]);
    db.publish("near").towers(cheap).run().unwrap();
    db.publish("far").towers(scaled_towers(2.0)).run().unwrap();
    let both = RankFusion::new().space("near", 1.0).space("far", 1.0);
    db.ensembles().define("home", both).unwrap();
    db.items().put(&item(70, 20)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn two_generations_are_shown_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let user = r#"{"price": 57}"#;
    let shown = run(&["diff", db, "near@1", "near", "--user", user, "--top", "4"]);
    assert_eq!(shown.exit, 0, "{}", shown.err);
    assert_eq!(
        shown.out,
        "first   near, generation 1\n\
         second  near, generation 2\n\
         \n\
         rank  first    score  to  second      score  moved\n   \
            1  B057    0.0000   3  B059    3363.0000    new\n   \
            2  B056   -1.0000   4  B058    3306.0000     +1\n   \
            3  B058   -1.0000   2  B057    3249.0000     -2\n   \
            4  B055   -4.0000   -  B056    3192.0000     -2\n\
         3 of 4 in both (75.0 %), Jaccard 0.600, rank-biased overlap 0.601\n"
    );
    let told = json_of(&[
        "diff",
        db,
        "home,near@1",
        "far",
        "--user",
        user,
        "--top",
        "2",
        "--exclude",
        "B056",
        "--filter",
        "price < 58",
    ]);
    assert_eq!(told["first"]["generations"], json!({"far": 1, "near": 1}));
    assert_eq!(told["second"], json!({"name": "far", "generation": 1}));
    assert_eq!(told["comparison"]["rbo"], 1.0);
    assert_eq!(told["comparison"]["items"][1]["id"], "B055");
    // The comparison has committed nothing.
    let kept = json_of(&["generations", db, "near"]);
    let active: Vec<&Value> = kept["generations"].as_array().unwrap().iter().collect();
    assert_eq!(active[0]["active"], false);
    assert_eq!(active[1]["active"], true);
}

#[test]
fn answers_for_many_users_are_summarised() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let lines: String = (1..7)
        .map(|at| format!("{{\"price\": {}}}\n", at * 10))
        .collect();
    let users = write_file(dir.path(), "users.jsonl", &lines);
    let users = format!("@{}", users.to_str().unwrap());
    let told = json_of(&["diff", db, "near@1", "near", "--user", &users, "--top", "3"]);
    let summary = &told["summary"];
    assert_eq!(summary["users"], 6);
    // The user of price 60 wants the dearest items by both.
    assert_eq!(summary["mean_overlap_share"], 1.0 / 6.0);
    assert_eq!(
        (&summary["same_order"], &summary["same_first"]),
        (&json!(1.0 / 6.0), &json!(1.0 / 6.0))
    );
    assert_eq!(
        summary["movers"][0],
        json!({
            "id": "B059", "change": 5.0, "entered": 5, "left": 0, "rose": 0, "fell": 0
        })
    );
    let shown = run_with(&["diff", db, "near@1", "near", "--user", "-"], &lines);
    assert!(
        shown.out.contains("users                     6\n"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("\nB059  +"), "{}", shown.out);
    let alike = run(&["diff", db, "home", "home", "--user", "[{\"price\":1}]"]);
    assert!(alike.out.contains("100.0 % of users"), "{}", alike.out);
    let bad = lines + "{\"price\": \"dear\"}\n";
    let bad = run_with(&["diff", db, "near@1", "near", "--user", "-"], &bad);
    assert_eq!(bad.exit, 1);
    assert!(bad.err.contains("user 7 of the batch"), "{}", bad.err);
}

#[test]
fn states_that_cannot_be_compared_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    for (first, user, exit, says) in [
        (
            "near@9",
            "{}",
            3,
            "space \"near\" keeps no generation 9; it keeps 1, 2",
        ),
        ("none", "{}", 3, "there is no space or ensemble \"none\""),
        ("home@1", "{}", 1, "hint: as in home,far@1"),
        (
            "near@x",
            "{}",
            2,
            "the number of a generation expected after @",
        ),
        (
            "near",
            "[]",
            2,
            "--user: a JSON object of features expected",
        ),
        ("near", "{oops}", 2, "--user: the argument is not JSON"),
    ] {
        let run = run(&["diff", db, first, "near", "--user", user]);
        assert_eq!(run.exit, exit, "{first}: {}", run.err);
        assert!(run.err.contains(says), "{first}: {}", run.err);
    }
}

/// Pairs of two users, with a blank line.
const PAIRS: &str = "\
{\"user\":{\"price\":20,\"user_id\":7},\"positive\":\"B020\"}
{\"user\":{\"price\":20,\"user_id\":\"7\"},\"positive\":\"B021\",\"known\":[\"B019\"]}

{\"user\":{\"price\":40,\"user_id\":\"u8\"},\"positive\":\"B050\"}
";

#[test]
fn pairs_are_mined_into_json_lines() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let pairs = write_file(dir.path(), "pairs.jsonl", PAIRS);
    let pairs = pairs.to_str().unwrap();
    // Their field user_id is not one that the towers know.
    let refused = run(&["mine", db, "near@1", "--pairs", pairs]);
    assert_eq!(refused.exit, 1);
    assert!(
        refused.err.contains("pair 1: the user: "),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("--skip-bad skips such pairs"));

    let space = ["mine", db, "near", "--pairs"];
    let options = ["--ranks", "1..3", "--every-rank", "--known-by", "user_id"];
    let mined = run(&[&space[..], &[pairs], &options[..]].concat());
    assert_eq!(mined.exit, 0, "{}", mined.err);
    let lines: Vec<Value> = mined
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        json!({
            "pair": 0, "generation": 2, "user": {"price": 20, "user_id": 7},
            "positive": "B020", "positive_score": 400.0, "positive_rank": null, "hard_positive": true,
            "negatives": [
                {"id": "B059", "rank": 1, "score": 1180.0},
                {"id": "B058", "rank": 2, "score": 1160.0},
                {"id": "B057", "rank": 3, "score": 1140.0},
            ]
        })
    );
    let few = run(&[
        &space[..],
        &[
            pairs,
            "--ranks",
            "30..40",
            "--hard-beyond",
            "10",
            "--only-hard",
        ],
    ]
    .concat());
    assert_eq!(few.out.lines().count(), 2, "B050 is tenth: {}", few.out);
    assert_eq!(few.out.matches("\"rank\"").count(), 8);

    let out = dir.path().join("mined.jsonl");
    let told = json_of(
        &[
            &space[..],
            &[pairs, "--out", out.to_str().unwrap(), "--ranks", "1..9"],
        ]
        .concat(),
    );
    assert_eq!(told["pairs"], 3);
    assert_eq!(
        (&told["negatives"], &told["hard_positives"]),
        (&json!(12), &json!(3))
    );
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 3);
}

#[test]
fn pairs_are_mined_into_parquet() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let lines = PAIRS.to_owned() + "{\"user\":{\"price\":1},\"positive\":\"B070\"}\n";
    let pairs = write_file(dir.path(), "pairs.jsonl", &lines);
    let lines = dir.path().join("mined.jsonl");
    let table = dir.path().join("mined.parquet");
    let mine = |out: &Path, ranks: &str| {
        let (pairs, out) = (pairs.to_str().unwrap(), out.to_str().unwrap());
        json_of(&[
            "mine",
            db,
            "near",
            "--pairs",
            pairs,
            "--ranks",
            ranks,
            "--per-pair",
            "2",
            "--out",
            out,
        ])
    };
    mine(&lines, "12..20");
    let told = mine(&table, "12..20");
    assert_eq!(told["negatives"], 8);
    let reader = SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
    let about = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    let about: Vec<_> = about
        .iter()
        .map(|pair| (&*pair.key, pair.value.clone().unwrap()))
        .collect();
    assert!(about.contains(&("twinspire.space", "near".to_owned())));
    assert!(about.contains(&("twinspire.generation", "2".to_owned())));
    let mut rows = reader.get_row_iter(None).unwrap();
    let text = std::fs::read_to_string(&lines).unwrap();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for negative in line["negatives"].as_array().unwrap() {
            let row = rows.next().unwrap().unwrap();
            let cells: Vec<Value> = row
                .get_column_iter()
                .map(|(_, field)| plain(field))
                .collect();
            let expected = [
                &line["pair"],
                &json!(line["user"].to_string()),
                &line["positive"],
                &line["positive_rank"],
                &line["positive_score"],
                &line["hard_positive"],
                &negative["id"],
                &negative["rank"],
                &negative["score"],
            ];
            assert_eq!(cells.iter().collect::<Vec<_>>(), expected);
        }
    }
    assert!(rows.next().is_none());

    // So deep nothing is left: a row for each pair, and the positive's rank is known.
    mine(&table, "100..200");
    let reader = SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 4);
    let last: Vec<Value> = rows[3]
        .get_column_iter()
        .map(|(_, field)| plain(field))
        .collect();
    assert_eq!(
        last[2..],
        [
            json!("B070"),
            json!(41),
            json!(20.0),
            json!(false),
            json!(null),
            json!(null),
            json!(null)
        ]
    );
    // No unfinished file is left in the directory.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
}

fn plain(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::Float(value) => json!(f64::from(*value)),
        Field::Str(text) => json!(text),
        other => json!(format!("a column of another type: {other}")),
    }
}

#[test]
fn bad_pairs_are_refused_or_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let db = &*shop(dir.path());
    let lines = "{\"user\":{\"price\":20},\"positive\":\"B020\"}\n\
                 {\"user\":{\"price\":20},\"positive\":\"none\"}\n\
                 {\"user\":7,\"positive\":\"B020\"}\n\
                 {\"user\":{\"price\":\"dear\"},\"positive\":\"B020\"}\n\
                 {\"user\":{\"price\":30},\"positive\":\"B030\"}\n";
    let out = dir.path().join("mined.jsonl");
    let out = out.to_str().unwrap();
    let mine = ["mine", db, "near", "--pairs", "-", "--ranks", "2..4"];
    let stopped = run_with(&[&mine[..], &["--out", out]].concat(), lines);
    assert_eq!(stopped.exit, 3);
    assert!(
        stopped.err.contains("pair 2: there is no item \"none\""),
        "{}",
        stopped.err
    );
    assert!(!Path::new(out).exists());
    let arguments = [&mine[..], &["--out", out, "--skip-bad", "--json"]].concat();
    let passed = run_with(&arguments, lines);
    assert_eq!(passed.exit, 0, "{}", passed.err);
    let told: Value = serde_json::from_str(&passed.out).unwrap();
    assert_eq!(
        (&told["pairs"], &told["passed_over"]),
        (&json!(2), &json!(3))
    );
    let says = "standard input, line 3: field `user`: expected an object of the user's features";
    assert!(passed.err.contains(says), "{}", passed.err);

    for (arguments, exit, says) in [
        (
            &["mine", db, "home", "--pairs", "-"][..],
            1,
            "name one of them: ",
        ),
        (
            &["mine", db, "near", "--pairs", "-", "--known-by", "id"],
            2,
            "--known-by reads the pairs twice",
        ),
        (
            &["mine", db, "near", "--pairs", "/no/such.jsonl"],
            3,
            "cannot be read",
        ),
        (
            &["mine", db, "near", "--pairs", "-", "--ranks", "0..4"],
            2,
            "two ascending ranks of at least 1 expected",
        ),
        (
            &["mine", db, "near", "--pairs", "-", "--filter", "prize < 3"],
            2,
            "did you mean `price`",
        ),
    ] {
        let run = run(arguments);
        assert_eq!(run.exit, exit, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
    }
    let pairs = write_file(dir.path(), "pairs.jsonl", PAIRS);
    let pairs = pairs.to_str().unwrap();
    let nobody = run(&["mine", db, "near", "--pairs", pairs, "--known-by", "uid"]);
    assert_eq!(nobody.exit, 2);
    assert!(
        nobody
            .err
            .contains("has a string or a number in the field \"uid\""),
        "{}",
        nobody.err
    );
}
