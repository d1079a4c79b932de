use sutra_protocol::http::{LearnBatchRequest, LearnRequest, LearnResult};
use sutra_protocol::{ErrorCode, Namespace};

use super::fixture::{associate, called, caller, id, node, repeating, teach, to, to_key};

#[tokio::test]
async fn a_repeated_learn_gets_its_first_answer_whatever_has_changed() {
    let node = node();
    let request = LearnRequest { associations: vec![to("pain", "treats")], ..teach("aspirin treats pain") };
    let first = node.service.learn(&repeating("k", 1), request.clone()).await.unwrap();
    node.learn(teach("pain: a feeling")).await;
    node.service.retract(&caller(), &Namespace::default(), id("pain", None)).await.unwrap();
    node.learn(teach("Pain, a book")).await;
    let again = node.service.learn(&repeating("k", 1), request.clone()).await.unwrap();
    assert_eq!(again.body, first.body);
    assert_eq!(
        node.service.learn(&caller(), request.clone()).await.unwrap_err().code,
        ErrorCode::Conflict,
        "it is ambiguous by now"
    );
    let error = node.service.learn(&repeating("k", 2), request).await.unwrap_err();
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::Conflict, Some("Idempotency-Key")));
}

#[tokio::test]
async fn a_repeated_batch_repeats_its_errors_too() {
    let node = node();
    let ward: Namespace = "ward-7".parse().unwrap();
    let items = vec![
        LearnRequest { associations: vec![to_key("later", "")], ..teach("one") },
        teach("two"),
        LearnRequest { namespace: Some(ward.clone()), associations: vec![to_key("later", "")], ..teach("three") },
        teach(""),
    ];
    let request = LearnBatchRequest { items, ..LearnBatchRequest::default() };
    let first = node.service.learn_batch(&repeating("k", 1), request.clone()).await.unwrap().body;
    let refused = |result: &LearnResult| matches!(result, LearnResult::Refused { .. });
    assert_eq!(first.results.iter().map(refused).collect::<Vec<_>>(), [true, false, true, true]);
    for namespace in [Namespace::default(), ward] {
        node.learn(LearnRequest { key: Some("later".into()), namespace: Some(namespace), ..teach("late") }).await;
    }
    let again = node.service.learn_batch(&repeating("k", 1), request).await.unwrap().body;
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_repeated_retraction_is_not_not_found() {
    let node = node();
    let learned = node.learn(teach("aspirin")).await;
    let first = node.service.retract(&repeating("k", 1), &Namespace::default(), learned.id).await.unwrap();
    let again = node.service.retract(&repeating("k", 1), &Namespace::default(), learned.id).await.unwrap();
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn a_repeated_association_is_answered_though_its_ends_are_gone() {
    let node = node();
    node.learn(teach("a")).await;
    node.learn(teach("b")).await;
    let request = associate(called("a"), called("b"), "x");
    let first = node.service.associate(&repeating("k", 1), request.clone()).await.unwrap();
    node.service.retract(&caller(), &Namespace::default(), id("a", None)).await.unwrap();
    assert_eq!(node.service.associate(&repeating("k", 1), request).await.unwrap().body, first.body);
}

#[tokio::test]
async fn a_batch_that_may_be_repeated_may_be_the_first_with_vectors() {
    let node = node();
    let items =
        (0..6).map(|at| LearnRequest { vector: Some(vec![0.25, f32::from(at as u8), -1.0]), ..teach(&format!("scan {at}")) });
    let request = LearnBatchRequest { items: items.collect(), ..LearnBatchRequest::default() };
    let first = node.service.learn_batch(&repeating("k", 1), request.clone()).await.unwrap().body;
    assert!(first.results.iter().all(|result| matches!(result, LearnResult::Learned(_))), "{first:?}");
    assert_eq!(node.service.learn_batch(&repeating("k", 1), request).await.unwrap().body, first);
}
