use rmpv::Value;

use super::*;
use crate::http::ConceptRef;
use crate::tcp::AssocType;
use crate::{AssociationType, AttributeValue};

/// The MessagePack of what a client would write as this JSON.
fn packed(json: &str) -> Vec<u8> {
    fn value(json: serde_json::Value) -> Value {
        match json {
            serde_json::Value::Object(map) => {
                Value::Map(map.into_iter().map(|(name, entry)| (name.into(), value(entry))).collect())
            }
            serde_json::Value::Array(list) => Value::Array(list.into_iter().map(value).collect()),
            other => rmpv::ext::to_value(other).unwrap(),
        }
    }
    let mut payload = Vec::new();
    rmpv::encode::write_value(&mut payload, &value(serde_json::from_str(json).unwrap())).unwrap();
    payload
}

fn request(json: &str) -> Request {
    Incoming::decode(&packed(json)).request.unwrap().1
}

fn message(json: &str) -> String {
    Incoming::decode(&packed(json)).request.unwrap_err().message
}

#[test]
fn the_options_of_the_original_protocol_are_understood() {
    let Request::LearnConceptV2(learn) = request(
        r#"{"LearnConceptV2": {"content": "aspirin", "options": {"generate_embedding": true, "embedding_model": null,
            "extract_associations": true, "analyze_semantics": true, "min_association_confidence": 0.5,
            "max_associations_per_concept": 10, "strength": 0.7, "confidence": 0.9}}}"#,
    ) else {
        panic!("another request")
    };
    assert_eq!((learn.content.as_str(), learn.strength, learn.confidence), ("aspirin", Some(0.7), Some(0.9)));
    let options = learn.options.unwrap();
    assert_eq!((options.max_associations, options.min_confidence, options.embed), (Some(10), Some(0.5), None));
}

#[test]
fn a_batch_has_contents_or_items() {
    let Request::LearnBatch(batch) = request(r#"{"LearnBatch": {"contents": ["a", "b"], "options": {"confidence": 0.5}}}"#)
    else {
        panic!("another request")
    };
    assert_eq!(
        batch.items.iter().map(|item| (item.content.as_str(), item.confidence)).collect::<Vec<_>>(),
        [("a", Some(0.5)), ("b", Some(0.5))]
    );
    assert_eq!(
        message(r#"{"LearnBatch": {"items": [{"content": "a"}, {"content": "b", "options": {"strength": "much"}}]}}"#),
        "items[1].options.strength is the text \"much\"; expected f64"
    );
    assert!(message(r#"{"LearnBatch": {"items": [{"content": "a"}], "contents": ["b"]}}"#).contains("both"));
    let many = format!(r#"{{"LearnBatch": {{"contents": [{}]}}}}"#, vec!["\"a\""; 1001].join(","));
    assert_eq!(message(&many), "contents has 1001 entries; at most 1000 are allowed");
}

#[test]
fn original_ids_are_keys() {
    let Request::LearnConcept(learn) =
        request(r#"{"LearnConcept": {"concept_id": "drug-1", "content": "aspirin", "embedding": [1, 0.5]}}"#)
    else {
        panic!("another request")
    };
    assert_eq!((learn.key.as_deref(), learn.vector), (Some("drug-1"), Some(vec![1.0, 0.5])));
    let Request::LearnWithEmbedding(learn) =
        request(r#"{"LearnWithEmbedding": {"id": "d", "content": "x", "embedding": [], "metadata": {"n": 1}, "timestamp": 5}}"#)
    else {
        panic!("another request")
    };
    assert_eq!((learn.key.as_deref(), learn.vector), (Some("d"), None));
    assert_eq!(learn.attributes["timestamp"], AttributeValue::Integer(5));
    let Request::LearnAssociation(association) = request(
        r#"{"LearnAssociation": {"source_id": "drug-1", "target_id": "00000000000000000000000000000007", "assoc_type": 1}}"#,
    ) else {
        panic!("another request")
    };
    assert_eq!(association.assoc_type, Some(AssocType(AssociationType::Causal)));
    let associate = association.into_http().unwrap();
    assert_eq!(associate.source, ConceptRef::Key { key: "drug-1".into() });
    assert!(matches!(associate.target, ConceptRef::Id(_)));
}

#[test]
fn every_request_may_have_the_common_fields() {
    let incoming = Incoming::decode(&packed(
        r#"{"id": 7, "TextSearch": {"query": "pain", "namespace": "ward", "timeout_ms": 250, "known_at": "2026-01-01T00:00:00Z"}}"#,
    ));
    assert_eq!(incoming.id, Some(RequestId(7.into())));
    let (common, request) = incoming.request.unwrap();
    assert_eq!((common.namespace.as_str(), common.timeout_ms, common.valid_at), ("ward", 250, None));
    assert!(common.known_at.is_some());
    assert_eq!(request.name(), "TextSearch");
    assert!(message(r#"{"GetStats": {"timeout_ms": 0}}"#).starts_with("timeout_ms is refused"));
    assert!(message(r#"{"ClearCollection": {"namespace": "../x"}}"#).starts_with("namespace is refused"));
}

#[test]
fn what_is_not_served_is_named() {
    assert_eq!(message(r#"{"QueryBySemantic": {"filter": {}, "limit": 3}}"#), "QueryBySemantic is not available in this version");
    assert_eq!(message(r#""DropEverything""#), "there is no request named \"DropEverything\"");
    let Request::FindPathSemantic(path) = request(
        r#"{"FindPathSemantic": {"start_id": "a", "end_id": "b", "filter": {"required_terms": ["x"], "min_confidence": 0.2}}}"#,
    ) else {
        panic!("another request")
    };
    assert_eq!(path.into_http().unwrap_err().message, "filter.required_terms is not available in this version");
    let Request::FindPathSemantic(path) = request(
        r#"{"FindPathSemantic": {"start_id": "a", "end_id": "b", "filter": {"required_terms": [], "min_confidence": 0.2}}}"#,
    ) else {
        panic!("another request")
    };
    assert_eq!(path.into_http().unwrap().min_confidence, Some(0.2));
}

#[test]
fn a_malformed_request_keeps_its_number_if_that_is_readable() {
    let incoming = Incoming::decode(&packed(r#"{"QueryConcept": ["x"], "id": 3}"#));
    assert_eq!(incoming.id, Some(RequestId(3.into())));
    assert_eq!(incoming.request.unwrap_err().message, "the fields of \"QueryConcept\" are a list; expected a map");
    assert!(Incoming::decode(&[0xc1]).request.is_err());
}

#[test]
fn a_vector_search_of_the_original_protocol_is_understood() {
    let Request::VectorSearch(search) = request(r#"{"VectorSearch": {"query_vector": [0.5, -1], "k": 3, "ef_search": 50}}"#)
    else {
        panic!("another request")
    };
    let search = crate::http::SearchRequest::from(*search);
    assert_eq!((search.vector.as_deref(), search.k), (Some(&[0.5, -1.0][..]), Some(3)));
    assert_eq!(search.validate(), Ok(()));
}

#[test]
fn two_requests_are_the_same_whatever_the_order_of_their_fields_and_however_long_somebody_waits() {
    let digest = |json: &str| Incoming::decode(&packed(json)).request.unwrap().0.digest;
    let one = digest(r#"{"LearnConceptV2": {"content": "aspirin", "request_id": "order-17"}, "id": 1}"#);
    assert_eq!(one, digest(r#"{"LearnConceptV2": {"request_id": "order-17", "timeout_ms": 5, "content": "aspirin"}, "id": 2}"#));
    for other in [
        r#"{"LearnConceptV2": {"content": "aspirine", "request_id": "order-17"}}"#,
        r#"{"LearnConcept": {"concept_id": "a", "content": "aspirin", "request_id": "order-17"}}"#,
        r#"{"LearnConceptV2": {"content": "aspirin", "request_id": "order-17", "namespace": "ward-7"}}"#,
    ] {
        assert_ne!(one, digest(other), "{other}");
    }
    assert_eq!(digest(r#"{"LearnConceptV2": {"content": "aspirin"}}"#), 0, "nobody needs it");
}
