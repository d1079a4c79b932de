//! Every row of the TCP interface, and its errors.

use serde_json::{Value, json};

use crate::node::fresh;

fn invalid((code, message): (String, String)) -> String {
    assert_eq!(code, "invalid_argument", "{message}");
    message
}

#[test]
fn a_concept_is_learned_read_and_retracted() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let fields = json!({"content": "aspirin: a drug", "type": "definitional", "confidence": 0.5, "attributes": {"dose": 500},
        "options": {"generate_embedding": true, "strength": 0.25}});
    let learned = client.call("LearnConceptV2", fields.clone());
    assert_eq!((&learned["created"], learned["index"].as_u64().is_some()), (&json!(true), true));
    assert!(learned["shard"].is_u64());
    // The flag of the original protocol asks for an embedding if there is an embedder; a vector that is brought along is one.
    assert_eq!(learned["embedded"], json!(false));
    let brought = client.call("LearnConceptV2", json!({"content": "a vector", "namespace": "vectors", "vector": [0.5, 0.5]}));
    assert_eq!(brought["embedded"], json!(true));
    assert!(invalid(client.fails("LearnConceptV2", json!({"content": "x", "options": {"embed": true}}))).contains("embed"));
    assert_eq!(client.call("LearnConceptV2", fields)["created"], json!(false));

    let id = learned["concept_id"].as_str().unwrap();
    let found = client.call("QueryConcept", json!({"concept_id": id}));
    assert_eq!(
        found,
        json!({"found": true, "concept_id": id, "content": "aspirin: a drug", "strength": 0.25, "confidence": 0.5,
            "attributes": {"dose": 500}, "semantic_type": "definitional"})
    );
    assert_eq!(client.call("QueryConcept", json!({"id": id}))["found"], json!(true));
    assert_eq!(client.call("DeleteConcept", json!({"id": id}))["id"], json!(id));
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id}))["found"], json!(false));
    assert_eq!(client.fails("DeleteConcept", json!({"concept_id": id})).0, "not_found");
    assert!(invalid(client.fails("QueryConcept", json!({}))).contains("concept_id"));
    assert!(invalid(client.fails("LearnConceptV2", json!({}))).contains("content"));
    assert!(invalid(client.fails("LearnConceptV2", json!({"content": "x", "confidence": 2}))).contains("confidence"));
}

#[test]
fn a_batch_tells_which_items_failed() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let learned = client.call("LearnBatch", json!({"contents": ["one", "two"]}));
    assert_eq!((learned["concept_ids"].as_array().unwrap().len(), &learned["errors"]), (2, &json!([])));

    client.call("LearnConceptV2", json!({"content": "three", "key": "k"}));
    let items = json!([{"content": "four", "key": "k"}, {"content": "five"}]);
    let learned = client.call("LearnBatch", json!({ "items": items }));
    assert_eq!(learned["concept_ids"][0], Value::Null);
    assert!(learned["concept_ids"][1].is_string());
    assert_eq!((&learned["errors"][0]["at"], &learned["errors"][0]["code"]), (&json!(0), &json!("conflict")));
    assert!(invalid(client.fails("LearnBatch", json!({"contents": vec!["x"; 1001]}))).contains("1001"));
}

#[test]
fn the_original_requests_take_ids_as_keys() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    // An original client made ids of its own, which may look like ours.
    let own = "0123456789abcdef0123456789abcdef";
    let learned =
        client.call("LearnConcept", json!({"concept_id": own, "content": "fever", "embedding": [0.5, 1], "strength": 1}));
    assert!(learned["sequence"].is_u64());
    let named = client.call(
        "LearnWithEmbedding",
        json!({"id": "drug-1", "content": "aspirin", "embedding": [1.0, 0.0], "metadata": {"route": "oral"}, "timestamp": 17}),
    );
    let learned =
        client.call("LearnAssociation", json!({"source_id": "drug-1", "target_id": own, "assoc_type": 1, "confidence": 0.5}));
    assert!(learned["sequence"].is_u64());

    let found = client.call("GetAssociation", json!({"source_id": "drug-1", "target_id": own}));
    assert_eq!(
        (&found["found"], &found["assoc_type"], &found["confidence"], &found["label"], &found["source_id"]),
        (&json!(true), &json!(1), &json!(0.5), &json!(""), &named["concept_id"])
    );
    let absent = client.call("GetAssociation", json!({"source_id": own, "target_id": "drug-1"}));
    assert_eq!((&absent["found"], &absent["source_id"]), (&json!(false), &json!(own)));
    let read = client.call("QueryConcept", json!({"concept_id": "drug-1"}));
    assert_eq!((&read["content"], &read["attributes"]), (&json!("aspirin"), &json!({"route": "oral", "timestamp": 17})));

    assert_eq!(client.fails("LearnAssociation", json!({"source_id": "drug-1", "target_id": "nobody"})).0, "not_found");
    assert!(invalid(client.fails("LearnAssociation", json!({"source_id": "drug-1"}))).contains("target_id"));
    let bad = json!({"source_id": "drug-1", "target_id": own, "assoc_type": 5});
    assert!(invalid(client.fails("LearnAssociation", bad)).starts_with("assoc_type"));
    assert!(invalid(client.fails("LearnConcept", json!({"content": "x", "embedding": ["a"]}))).starts_with("embedding[0]"));
}

#[test]
fn neighbours_and_paths_are_found() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let [dog, canine, mammal] = ["dog", "canine", "mammal"].map(|content| client.learn(content));
    for (source, target, confidence) in [(&dog, &canine, 0.5), (&canine, &mammal, 1.0)] {
        let fields =
            json!({"source_id": source, "target_id": target, "assoc_type": 3, "label": "hypernym", "confidence": confidence});
        client.call("LearnAssociation", fields);
    }
    let near = client.call("GetNeighbors", json!({"concept_id": canine}));
    assert_eq!(near["neighbor_ids"].as_array().unwrap().len(), 2);
    let near = client.call("GetNeighbors", json!({"concept_id": dog, "direction": "out", "types": [3], "hops": 2, "limit": 10}));
    assert_eq!(near["neighbor_ids"], json!([canine, mammal]));
    assert_eq!(near["neighbors"][0]["label"], json!("hypernym"));
    assert_eq!(client.call("GetNeighbors", json!({"concept_id": dog, "types": ["causal"]}))["neighbor_ids"], json!([]));
    assert_eq!(client.fails("GetNeighbors", json!({"concept_id": "nobody"})).0, "not_found");
    assert!(invalid(client.fails("GetNeighbors", json!({"concept_id": dog, "hops": 4}))).contains("hops"));

    let found = client.call("FindPath", json!({"start_id": dog, "end_id": mammal}));
    assert_eq!(found, json!({"found": true, "path": [dog, canine, mammal]}));
    let none = client.call("FindPath", json!({"start_id": dog, "end_id": mammal, "max_depth": 1}));
    assert_eq!(none, json!({"found": false, "path": []}));
    assert!(invalid(client.fails("FindPath", json!({"start_id": dog, "end_id": mammal, "max_depth": 21}))).contains("max_depth"));

    let semantic = |filter: Value| json!({"start_id": dog, "end_id": mammal, "max_paths": 2, "filter": filter});
    let found = client.call("FindPathSemantic", semantic(json!({"min_confidence": 0.5})));
    assert_eq!(found["paths"][0]["confidence"], json!(0.5));
    assert_eq!(client.call("FindPathSemantic", semantic(json!({"min_confidence": 0.6})))["paths"], json!([]));
    for (field, value) in
        [("semantic_type", json!("rule")), ("has_causal_relation", json!(true)), ("required_terms", json!(["x"]))]
    {
        let message = invalid(client.fails("FindPathSemantic", semantic(json!({ field: value }))));
        assert_eq!(message, format!("filter.{field} is not available in this version"));
    }

    let answer = client.call("Reason", json!({"query": "Is a dog a mammal?", "gate": "lenient"}));
    assert_eq!((&answer["known"], &answer["confidence"]), (&json!(true), &json!(0.5)), "{answer}");
    assert_eq!(answer["paths"][0]["concepts"][2]["id"], json!(mammal));
    let refused = client.call("Reason", json!({"query": "Is a unicorn a mammal?"}));
    assert_eq!((&refused["known"], &refused["because"]["code"]), (&json!(false), &json!("unknown_entity")));
    assert!(invalid(client.fails("Reason", json!({}))).contains("query"));
}

#[test]
fn concepts_are_searched_and_listed() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let ids = ["chronic pain", "pain relief", "fever"].map(|content| client.learn(content));
    let found = client.call("TextSearch", json!({"query": "pain", "limit": 5}));
    assert_eq!(found["results"].as_array().unwrap().len(), 2);
    assert_eq!(client.call("TextSearch", json!({"query": "nothing"}))["results"], json!([]));
    assert!(invalid(client.fails("TextSearch", json!({"query": "pain", "limit": 0}))).contains('0'));
    assert!(invalid(client.fails("TextSearch", json!({}))).contains("query"));

    let recent = client.call("ListRecent", json!({"limit": 2}));
    let contents: Vec<_> = recent["items"].as_array().unwrap().iter().map(|item| &item["content"]).collect();
    assert_eq!(contents, ["fever", "pain relief"]);
    assert!(invalid(client.fails("ListRecent", json!({"limit": 1001}))).contains("1001"));

    let first = client.call("GetAllConceptIds", json!({"limit": 2}));
    let rest = client.call("GetAllConceptIds", json!({"limit": 2, "cursor": first["cursor"]}));
    let mut all = [first["concept_ids"].as_array().unwrap().as_slice(), rest["concept_ids"].as_array().unwrap()].concat();
    assert_eq!((all.len(), &rest["cursor"]), (3, &Value::Null));
    all.sort_by_key(Value::to_string);
    let mut expected = ids.map(Value::from);
    expected.sort_by_key(Value::to_string);
    assert_eq!(all, expected);
    assert_eq!(client.call("GetAllConceptIds", json!({}))["concept_ids"].as_array().unwrap().len(), 3);
    assert!(!client.fails("GetAllConceptIds", json!({"cursor": "?"})).1.is_empty());
}

#[test]
fn namespaces_are_separate_and_can_be_cleared() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let id = client.call("LearnConceptV2", json!({"content": "x", "namespace": "ward"}))["concept_id"].clone();
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id}))["found"], json!(false));
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id, "namespace": "ward"}))["found"], json!(true));
    let cleared = client.call("ClearCollection", json!({"namespace": "ward"}));
    assert_eq!(cleared["namespace"], json!("ward"));
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id, "namespace": "ward"}))["found"], json!(false));
    assert_eq!(client.call("ClearCollection", json!({"namespace": "never"}))["concepts"], json!(0));
    assert!(invalid(client.fails("ClearCollection", json!({"namespace": "../x"}))).starts_with("namespace"));
}

#[test]
fn a_read_may_look_back() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let id = client.learn("x");
    let before = client.call("ListRecent", json!({}))["items"][0]["created_at"].clone();
    client.call("DeleteConcept", json!({"concept_id": id}));
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id}))["found"], json!(false));
    assert_eq!(client.call("QueryConcept", json!({"concept_id": id, "known_at": before}))["found"], json!(true));
    assert!(invalid(client.fails("QueryConcept", json!({"concept_id": id, "known_at": "then"}))).starts_with("known_at"));
}

#[test]
fn the_node_tells_how_it_is() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    client.learn("x");
    client.send(&json!("Flush")).unwrap();
    assert_eq!(client.receive().unwrap(), json!({"FlushOk": {}}));
    let stats = client.call("GetStats", json!({}));
    assert_eq!((&stats["concepts"], &stats["edges"], &stats["dropped"]), (&json!(1), &json!(0), &json!(0)));
    for number in ["vectors", "written", "pending", "reconciliations", "uptime_seconds"] {
        assert!(stats[number].is_number(), "{number}: {stats}");
    }
    let health = client.call("HealthCheck", json!({}));
    assert_eq!((&health["healthy"], &health["status"]), (&json!(true), &json!("serving")));
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    for name in ["FindTemporalChain", "FindCausalChain", "FindContradictions", "QueryBySemantic"] {
        assert_eq!(invalid(client.fails(name, json!({}))), format!("{name} is not available in this version"));
    }
    assert_eq!(invalid(client.fails("DropEverything", json!({}))), "there is no request named \"DropEverything\"");
}

#[test]
fn what_the_grid_keeps_for_itself_is_not_written() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    for name in ["_grid", "_users"] {
        let id = "0".repeat(32);
        for (request, fields) in [
            ("LearnConceptV2", json!({"content": "a", "namespace": name})),
            ("LearnConcept", json!({"content": "a", "namespace": name})),
            ("DeleteConcept", json!({"concept_id": id, "namespace": name})),
        ] {
            let (code, message) = client.fails(request, fields);
            assert!(code == "permission_denied" && message.contains(name), "{request}: {code}: {message}");
        }
    }
}

#[test]
fn a_vector_is_searched_for_and_told_to_be_there() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let angina = client.call("LearnWithEmbedding", json!({"id": "K1", "content": "angina", "embedding": [0.8, 0.6]}));
    assert_eq!(angina["embedded"], json!(true));
    assert_eq!(
        client.call("LearnConcept", json!({"concept_id": "K2", "content": "fracture", "embedding": [0, -1]}))["embedded"],
        json!(true)
    );
    assert_eq!(client.call("LearnConcept", json!({"concept_id": "K3", "content": "ward 7"}))["embedded"], json!(false));
    let items = json!([{"content": "gout", "vector": [-1, 0]}, {"content": "ward 8"}, {"content": "x", "vector": [1]}]);
    let batch = client.call("LearnBatch", json!({ "items": items }));
    assert_eq!(batch["embedded"], json!([true, false, false]), "{batch}");

    let found = client.call("VectorSearch", json!({"query_vector": [4, 3], "k": 1, "ef_search": 50}));
    let results = found["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0][0]), (1, &angina["concept_id"]));
    assert!((results[0][1].as_f64().unwrap() - 1.0).abs() < 1e-3, "{found}");
    assert_eq!(client.call("VectorSearch", json!({"query_vector": [4, 3]}))["results"].as_array().unwrap().len(), 3);
    assert!(invalid(client.fails("VectorSearch", json!({"query_vector": [1]}))).starts_with("query_vector has 1 dimensions"));
    assert!(invalid(client.fails("VectorSearch", json!({}))).starts_with("query_vector has 0 dimensions"));
}
