//! What the API answers over a socket, with hostile records and requests.

use crate::client::Running;
use serde_json::{Value, json};

#[test]
fn a_recall_answers_with_records_and_the_exact_answer() {
    let studio = Running::start();
    let asked = json!({
        "side": {"name": "clip"},
        "query": {"vector": [0.0, 0.9]},
        "search": {"k": 2},
        "exact_beside": true,
    });
    let answer = studio.post("/api/recall", &asked).json();
    assert_eq!(answer["hits"][0]["id"], "a");
    assert_eq!(answer["exact"]["missed"], json!([]));
    assert!(
        answer["code"]["shell"]
            .as_str()
            .unwrap()
            .contains("--vector '[0.0,0.9]'")
    );
    let page = studio.get("/api/items?filter=price%20%3C%2050").json();
    assert_eq!(page["items"][0]["title"], "red shoes");
}

#[test]
fn metrics_are_those_of_the_database_and_of_this_process() {
    let studio = Running::start();
    let asked =
        json!({"side": {"name": "clip"}, "query": {"vector": [0.0, 0.9]}, "search": {"k": 2}});
    assert_eq!(studio.post("/api/recall", &asked).status, 200);
    let answer = studio.get("/metrics");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in [
        "twinspire_database_items 2",
        "twinspire_space_items{space=\"clip\"} 2",
        "# TYPE twinspire_recalls_total counter",
        "# HELP twinspire_recalls_total Answers of a space or an ensemble; of a shard, contributions to answers.",
        "# TYPE twinspire_recall_seconds histogram",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
    let counted = text.lines().find_map(|line| {
        let rest = line.strip_prefix("twinspire_recalls_total{target=\"clip\"} ")?;
        rest.parse::<f64>().ok()
    });
    assert!(counted >= Some(1.0), "{text}");
    // As strict as all other addresses.
    assert_eq!(
        studio
            .get_with("/metrics", "Sec-Fetch-Site: cross-site\r\n")
            .status,
        403
    );
    assert_eq!(studio.post("/metrics", &json!({})).status, 405);
}

#[test]
fn hostile_records_and_requests_come_back_as_json_alone() {
    let studio = Running::start();
    let hostile = "</script><img src=x onerror=alert(1)>\u{202e}\u{0}";
    let record = json!({"id": hostile, "title": hostile, hostile: {hostile: [hostile]}});
    studio.database.items().put(&record).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let page = studio.get("/api/items?search=onerror").json();
    assert_eq!(page["items"][0], record);
    for answer in [
        studio.get("/api/item?id=%3Cscript%3Ealert(1)%3C/script%3E"),
        studio.get("/api/%3Cscript%3E"),
        studio.post("/api/recall", &json!("<script>")),
        studio.post(
            "/api/recall",
            &json!({"side": {"name": "<script>"}, "query": {"similar": "a"}, "search": {}}),
        ),
    ] {
        assert!(answer.status >= 400);
        assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(document["error"]["message"].is_string());
    }
}
