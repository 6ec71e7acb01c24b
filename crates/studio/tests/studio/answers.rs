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
