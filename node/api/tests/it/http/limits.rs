use serde_json::{Value, json};

use crate::grid::Node;

/// One over each bound: path, body, code, and what the message has to say.
fn one_over() -> Vec<(&'static str, Value, &'static str, &'static str, String)> {
    let x = |count: usize| "x".repeat(count);
    let learn = |field: &str, value: Value| {
        let mut body = json!({"content": "a"});
        body[field] = value;
        body
    };
    let many = |count: usize, item: Value| Value::Array(vec![item; count]);
    let attributes = |count: usize| Value::Object((0..count).map(|at| (format!("a{at}"), json!(1))).collect());
    let names = |count: usize| Value::Object((0..count).map(|at| (format!("a{at}"), json!("0".repeat(32)))).collect());
    let ends = |extra: Value| {
        let mut body = json!({"source": {"key": "a"}, "target": {"key": "b"}});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let invalid = "invalid_argument";
    vec![
        ("/v1/learn", json!({"content": x((10 << 20) + 1)}), "too_large", "content", "10485761 bytes; at most 10485760".into()),
        ("/v1/learn", json!({"content": ""}), invalid, "content", "empty".into()),
        ("/v1/learn", learn("key", json!(x(513))), invalid, "key", "513 bytes; at most 512".into()),
        (
            "/v1/learn",
            learn("aliases", many(101, json!("x"))),
            invalid,
            "aliases",
            "more than 100 entries; at most 100 are".into(),
        ),
        ("/v1/learn", learn("aliases", json!([x(4097)])), invalid, "aliases[0]", "4097 bytes; at most 4096".into()),
        (
            "/v1/learn",
            learn("attributes", attributes(101)),
            invalid,
            "attributes",
            "more than 100 entries; at most 100 are".into(),
        ),
        ("/v1/learn", learn("attributes", json!({"a": x(65537)})), invalid, "attributes.a", "65537 bytes; at most 65536".into()),
        ("/v1/learn", learn("attributes", json!({x(513): 1})), invalid, "attributes", "513 bytes; at most 512".into()),
        (
            "/v1/learn",
            learn("attributes", json!({"a": 9223372036854775808_u64})),
            invalid,
            "attributes.a",
            "9223372036854775807".into(),
        ),
        (
            "/v1/learn",
            learn("vector", many(4097, json!(0.5))),
            invalid,
            "vector",
            "more than 4096 entries; at most 4096 are".into(),
        ),
        ("/v1/learn", learn("vector", json!([])), invalid, "vector", "0 dimensions; 1 to 4096".into()),
        ("/v1/learn", learn("confidence", json!(1.01)), invalid, "confidence", "1.01; it must be a number from 0 to 1".into()),
        ("/v1/learn", learn("strength", json!(-0.01)), invalid, "strength", "-0.01; it must be a number from 0 to 1".into()),
        ("/v1/learn", learn("namespace", json!("n".repeat(64))), invalid, "namespace", "1 to 63".into()),
        (
            "/v1/learn",
            learn("associations", json!([{"target_key": "a", "label": x(513)}])),
            invalid,
            "associations[0].label",
            "513 bytes".into(),
        ),
        (
            "/v1/learn",
            learn("associations", many(1_001, json!({"target_key": "a"}))),
            invalid,
            "associations",
            "more than 1000 entries; at most 1000 are".into(),
        ),
        ("/v1/learn", learn("associations", json!([{}])), invalid, "associations[0].target", "exactly one".into()),
        ("/v1/learn", learn("mentions", json!([{"start": 0, "end": 2}])), invalid, "mentions[0].start", "0..2".into()),
        ("/v1/learn", learn("source", json!({"uri": "u", "page": 0})), invalid, "source.page", "pages are counted from 1".into()),
        ("/v1/learn", learn("source", json!({"uri": x(4097)})), invalid, "source.uri", "4097 bytes; at most 4096".into()),
        (
            "/v1/learn/batch",
            json!({"items": many(1001, json!({"content": "a"}))}),
            invalid,
            "items",
            "more than 1000 entries; at most 1000 are".into(),
        ),
        (
            "/v1/associate/batch",
            json!({"items": many(1001, ends(json!({})))}),
            invalid,
            "items",
            "more than 1000 entries; at most 1000 are".into(),
        ),
        ("/v1/associate", ends(json!({"label": x(513)})), invalid, "label", "513 bytes; at most 512".into()),
        (
            "/v1/associate",
            ends(json!({"evidence": many(1001, json!("0".repeat(32)))})),
            invalid,
            "evidence",
            "more than 1000 entries; at most 1000 are".into(),
        ),
        ("/v1/search", json!({"query": "a", "k": 1001}), invalid, "k", "1001; it must be from 1 to 1000".into()),
        ("/v1/search", json!({"query": x((64 << 10) + 1)}), invalid, "query", "65537 bytes; at most 65536".into()),
        (
            "/v1/path",
            json!({"start": {"key": "a"}, "end": {"key": "b"}, "max_depth": 21}),
            invalid,
            "max_depth",
            "21; it must be from 1 to 20".into(),
        ),
        (
            "/v1/path",
            json!({"start": {"key": "a"}, "end": {"key": "b"}, "max_paths": 101}),
            invalid,
            "max_paths",
            "101; it must be from 1 to 100".into(),
        ),
        (
            "/v1/path",
            json!({"start": {"key": "a"}, "end": {"key": "b"}, "labels": many(1001, json!("x"))}),
            invalid,
            "labels",
            "more than 1000 entries".into(),
        ),
        (
            "/v1/path",
            json!({"start": {"key": "a"}, "end": {"key": "b"}, "types": many(1001, json!("causal"))}),
            invalid,
            "types",
            "more than 1000 entries".into(),
        ),
        (
            "/v1/learn",
            learn("mentions", many(1_001, json!({"start": 0, "end": 1}))),
            invalid,
            "mentions",
            "more than 1000 entries; at most 1000 are".into(),
        ),
        (
            "/v1/search",
            json!({"query": "a", "filter": {"field": "key", "in": many(1001, json!("x"))}}),
            invalid,
            "filter.in",
            "more than 1000 entries".into(),
        ),
        (
            "/v1/search",
            json!({"query": "a", "filter": {"not": {"all": many(1001, json!({"field": "key", "eq": "x"}))}}}),
            invalid,
            "filter.not.all",
            "more than 1000 entries".into(),
        ),
        ("/v1/reason", json!({"query": "a", "bind": names(1001)}), invalid, "bind", "more than 1000 entries".into()),
        ("/v1/reason", json!({"query": "a", "max_depth": 21}), invalid, "max_depth", "21; it must be from 1 to 20".into()),
        ("/v1/reason", json!({"query": "a", "paths": 0}), invalid, "paths", "0; it must be from 1 to 100".into()),
    ]
}

#[tokio::test]
async fn one_over_a_bound_is_refused_with_the_field_the_value_and_the_bound() {
    let node = Node::start().await;
    for (path, body, code, param, said) in one_over() {
        let error = node.post(path, body).await.refused(code);
        assert_eq!(error["param"], param, "{path}: {error}");
        assert!(error["message"].as_str().unwrap().contains(&said), "{path}: {said}: {error}");
    }
    assert_eq!(node.get("/stats").await.ok()["written"], 0, "nothing was stored");
}

#[tokio::test]
async fn what_stands_at_its_bound_is_taken() {
    let node = Node::start().await;
    let attributes: Value =
        (0..100).map(|at| (format!("a{at}"), json!("x".repeat(100)))).collect::<serde_json::Map<_, _>>().into();
    let aliases: Vec<_> = (0..100).map(|at| format!("{at}{}", "x".repeat(4090))).collect();
    let body = json!({"content": "é".repeat(5 << 20), "key": "k".repeat(512), "aliases": aliases, "attributes": attributes});
    // Normalising 10 MiB takes an unoptimised build a while.
    node.post("/v1/learn?timeout_ms=120000", body).await.ok();
    let items = vec![json!({"content": "a"}); 1000];
    let results = node.post("/v1/learn/batch", json!({"items": items})).await.ok();
    assert_eq!(results["results"].as_array().unwrap().len(), 1000);
}
