use reqwest::Method;
use serde_json::json;

use crate::grid::{Answer, Node};

#[tokio::test]
async fn a_sane_request_id_is_echoed_in_replies_and_errors() {
    let node = Node::start().await;
    let ask = |path: &str, id: &str| Answer::of(node.ask(Method::GET, path).header("X-Request-Id", id));
    assert_eq!(ask("/livez", "ward-7/42").await.header("x-request-id"), "ward-7/42");
    assert_eq!(ask("/nowhere", "ward-7/42").await.refused("not_found")["request_id"], "ward-7/42");
    assert_ne!(ask("/livez", "two words").await.header("x-request-id"), "two words");
    let (first, second) = (node.get("/livez").await, node.get("/livez").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_explained() {
    let node = Node::start().await;
    for path in ["/", "/v2/learn", "/v1", "/v1/learn/", "/concept", "/%ff"] {
        node.get(path).await.refused("not_found");
    }
    let answer = node.get("/v1/learn").await;
    answer.refused("method_not_allowed");
    assert_eq!(answer.header("allow"), "POST");
    let answer = node.post("/concept/abc", json!({})).await;
    answer.refused("method_not_allowed");
    let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
    Answer::of(node.ask(Method::OPTIONS, "/v1/learn")).await.refused("method_not_allowed");
    let head = Answer::of(node.ask(Method::HEAD, "/v1/stats")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let node = Node::start().await;
    let send = |body: &'static [u8]| {
        Answer::of(node.ask(Method::POST, "/v1/learn").header("Content-Type", "application/json").body(body))
    };
    assert!(send(b"{\"content\": ").await.blames("content").contains("not JSON"));
    assert!(send(b"").await.blames("body").contains("empty"));
    assert_eq!(send(b"{\"content\": \"\xff\"}").await.blames("body"), "the body is not UTF-8 at byte 13");
    assert!(send(b"{\"content\": \"a\", \"confidence\": NaN}").await.blames("confidence").contains("not JSON"));
    assert!(send(b"{\"content\": \"a\", \"confidence\": 1e999}").await.blames("confidence").contains("out of range"));
    assert!(send(b"{\"content\": 7}").await.blames("content").contains("expected a string"));
    assert!(send(b"{").await.blames("body").contains("not JSON"));
    for (body, field) in [
        (&b"[]"[..], "body"),
        (b"[\"hello\", \"pk1\"]", "body"),
        (b"{\"content\": \"a\", \"source\": [\"u\", \"t\"]}", "source"),
        (b"{\"content\": \"a\", \"associations\": [[\"x\"]]}", "associations[0]"),
    ] {
        assert!(send(body).await.blames(field).contains("sequence, expected an object"));
    }
    node.post("/v1/learn/batch", json!([[["x"]]])).await.blames("body");
    node.post("/v1/learn/batch", json!({"items": [["x"]]})).await.blames("items[0]");
    node.post("/v1/search", json!({"query": "a", "filter": ["x"]})).await.blames("filter");
    node.post("/v1/path", json!({"start": ["k"], "end": {"key": "k"}})).await.blames("start");
    assert_eq!(send(b"{\"content\": \"a\", \"kolor\": 1, \"x\": 2}").await.blames("kolor"), "unknown fields kolor, x");
    assert!(
        send(b"{\"content\": \"a\", \"content\": \"b\"}").await.refused("invalid_argument")["message"]
            .as_str()
            .unwrap()
            .contains("duplicate")
    );
    assert_eq!(node.get("/stats").await.ok()["concepts"], 0);
}

#[tokio::test]
async fn the_kind_of_a_body_is_checked() {
    let node = Node::start().await;
    let send = |name: &str, value: &str| {
        Answer::of(node.ask(Method::POST, "/v1/learn").header(name, value).body("{\"content\": \"a\"}"))
    };
    assert!(send("Content-Type", "text/xml").await.blames("Content-Type").contains("text/xml"));
    assert!(send("Content-Encoding", "gzip").await.blames("Content-Encoding").contains("gzip"));
    send("Content-Type", "application/json; charset=utf-8").await.ok();
    send("Content-Type", "application/merge-patch+json").await.ok();
    send("Accept", "*/*").await.ok();
}

#[tokio::test]
async fn query_parameters_are_read_strictly() {
    let node = Node::start().await;
    let id = node.learn(json!({"content": "a"})).await;
    let path = format!("/v1/concept/{id}");
    assert!(node.get(&format!("{path}?namespcae=a&x=1")).await.blames("namespcae").contains("\"x\""));
    assert!(node.get(&format!("{path}?namespace=a&namespace=b")).await.blames("namespace").contains("2 times"));
    node.get(&format!("{path}?namespace=%ff")).await.blames("query");
    for timeout in ["0", "300001", "soon", "-1", "1.5"] {
        node.get(&format!("{path}?timeout_ms={timeout}")).await.blames("timeout_ms");
    }
    node.get(&format!("{path}?timeout_ms=300000&namespace=default")).await.ok();
    node.post("/v1/search?async=true", json!({"query": "a"})).await.blames("async");
}
