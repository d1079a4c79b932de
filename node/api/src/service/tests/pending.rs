use std::time::Duration;

use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::http::{LearnBatchRequest, LearnResult};
use sutra_protocol::{ApiError, AssociationKey, AssociationType, ErrorCode, Label, Namespace, Validity};
use tokio::time::Instant;

use super::super::{Caller, Read};
use super::fixture::{Node, caller, id, node, repeating, teach};

/// A concept that the shard at this place keeps.
fn kept_by(node: &Node, shard: usize) -> NewConcept {
    let range = node.shards()[shard].store().range();
    let mut contents = (0..).map(|number| format!("substance {number}"));
    let content = contents.find(|content| range.keeps(id(content, None))).unwrap();
    NewConcept::bare(&Namespace::default(), &content, None)
}

#[tokio::test]
async fn who_can_wait_no_longer_is_told_that_what_was_taught_is_committed_and_will_be_whole() {
    let node = node();
    let [concept, target] = [0, 3].map(|shard| kept_by(&node, shard));
    let (source, taught) = (concept.id, concept.content.clone());
    let (kind, label, validity) = (AssociationType::Semantic, Label::from("mentions"), Validity::ALWAYS);
    let key = AssociationKey { source, kind, label, target: target.id, validity };
    let mentions = NewAssociation { key, confidence: 1.0, strength: 1.0, evidence: Vec::new() };
    let learn = Learn { concept, on_conflict: None, targets: vec![target], associations: vec![mentions] };
    let hurried = Caller { deadline: Instant::now() + Duration::from_millis(700), ..caller() };
    let (namespace, asserted_by, operations) =
        (Namespace::default(), hurried.asserted_by.clone(), vec![Operation::Learn(Box::new(learn))]);
    let command = Command { namespace, asserted_by, request: None, operations, foreign: Vec::new() };
    node.service.ready_to_write(&hurried).await.unwrap();
    // Between the planning of a command and its effects the shard that they are for takes nothing any more.
    node.shards()[3].group().stop().await;
    let outcome = node.service.submit(&hurried, command).await;
    let refused = outcome.and_then(|all| all.into_iter().next().unwrap().map_err(ApiError::from)).unwrap_err();
    assert_eq!((refused.code, &refused.details.unwrap()["outcome"]), (ErrorCode::DeadlineExceeded, &"pending".into()));
    assert_eq!(node.service.store_stats().effects_pending, 1, "it is still to be delivered");
    let view = node.service.pin(&Read::default(), caller().reading()).unwrap();
    let seen = view.read(|view| Ok(sutra_protocol::Knowledge::concept(view, source))).unwrap();
    assert_eq!(seen.unwrap().content, taught);
}

#[tokio::test]
async fn what_is_too_much_to_be_forwarded_is_refused_and_stores_nothing() {
    let node = node();
    let items: Vec<_> = (0..3).map(|at| teach(&format!("{at} {}", "scan ".repeat(1 << 20)))).collect();
    let request = LearnBatchRequest { items, ..LearnBatchRequest::default() };
    let error = node.service.learn_batch(&repeating("k", 1), request.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TooLarge, "{error:?}");
    assert_eq!(node.service.store_stats().concepts, 0);
    // Nobody has to remember it whole: it goes in parts.
    let done = node.service.learn_batch(&caller(), request).await.unwrap().body;
    assert!(done.results.iter().all(|result| matches!(result, LearnResult::Learned(_))), "{done:?}");
}
