//! What is answered while a shard does not answer.

use std::time::Duration;

use sutra_protocol::http::{ReasonRequest, RefusalCode, SearchMode, SearchRequest};
use sutra_protocol::{ConceptId, ErrorCode, PlacementKey};

use super::super::Caller;
use super::fixture::{Node, called, caller, path, scattered, teach, to};

/// The shards of a node that has gone.
fn gone(node: &Node) -> Vec<(u64, sutra_protocol::KeyRange)> {
    let map = node.map();
    let of_it = map.shards.iter().filter(|shard| shard.replicas[0].node == "node-1");
    of_it.map(|shard| (shard.shard.0, shard.range())).collect()
}

fn search() -> SearchRequest {
    SearchRequest { query: "remedy".into(), mode: Some(SearchMode::Keyword), k: Some(100), ..SearchRequest::default() }
}

/// A caller who has a little time.
fn hurried() -> Caller {
    Caller::anonymous(Duration::from_secs(3))
}

#[tokio::test]
async fn without_a_shard_answers_are_partial_and_say_so_or_are_withheld() {
    let mut node = scattered();
    let remedies: Vec<ConceptId> = {
        let mut ids = Vec::new();
        for number in 0..40 {
            ids.push(node.learn(teach(&format!("remedy {number}"))).await.id);
        }
        ids
    };
    let mut aspirin = teach("aspirin");
    aspirin.associations = vec![to("analgesic", "hypernym")];
    node.learn(aspirin).await;
    let whole = node.service.search(&caller(), search()).await.unwrap();
    assert_eq!((whole.results.len(), whole.partial, whole.missing_shards), (40, false, vec![]));

    let gone = gone(&node);
    assert!(!gone.is_empty());
    let is_gone = |id: &ConceptId| gone.iter().any(|(_, range)| range.holds(PlacementKey::of_concept(*id)));
    node.lose("node-1");
    let partial = node.service.search(&hurried(), search()).await.unwrap();
    let mut found: Vec<ConceptId> = partial.results.iter().map(|hit| hit.id).collect();
    found.sort_unstable();
    let mut left: Vec<ConceptId> = remedies.iter().copied().filter(|id| !is_gone(id)).collect();
    left.sort_unstable();
    assert!(!left.is_empty() && left.len() < 40);
    assert_eq!(found, left, "what the other shards know");
    let shards: Vec<u64> = gone.iter().map(|(shard, _)| *shard).collect();
    assert_eq!((partial.partial, &partial.missing_shards), (true, &shards));
    let whole = Caller { partial: false, ..hurried() };
    let error = node.service.search(&whole, search()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.message.contains(&format!("shard {}", shards[0])), "{}", error.message);

    let read = Default::default();
    for remedy in remedies {
        let answer = node.service.concept(&hurried(), &read, remedy).await;
        match answer {
            Ok(found) => assert!(!is_gone(&remedy) && found.body.id == remedy),
            Err(error) => assert!(is_gone(&remedy) && error.code == ErrorCode::Unavailable, "{error:?}"),
        }
    }
    let question = ReasonRequest { query: "Is aspirin an analgesic?".into(), ..ReasonRequest::default() };
    let answer = node.service.reason(&hurried(), question).await.unwrap();
    let because = answer.because.unwrap();
    assert_eq!((answer.known, answer.answer, because.code), (false, None, RefusalCode::Partial), "{}", because.message);
    assert!(answer.partial && answer.missing_shards == shards && because.message.contains(&shards[0].to_string()));
    // Found or not: whoever can't be asked may know a shorter way.
    match node.service.path(&hurried(), path(called("aspirin"), called("analgesic"))).await {
        Ok(path) => assert!(path.partial && path.missing_shards == shards),
        Err(error) => assert_eq!(error.code, ErrorCode::Unavailable, "an end of it can't be found"),
    }
}
