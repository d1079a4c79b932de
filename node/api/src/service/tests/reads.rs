use sutra_protocol::filter::{Filter, Leaf};
use sutra_protocol::http::{ConceptRef, LearnRequest, PathRequest, SearchMode, SearchRequest};
use sutra_protocol::{AttributeValue, Direction, ErrorCode};

use super::super::{NeighborsQuery, Read};
use super::fixture::{Node, associate, called, caller, id, node, path, teach, to};

/// a → b → c → d, and a hub with 30 leaves that points at a.
async fn chain_and_hub() -> Node {
    let node = node();
    node.learn(LearnRequest { associations: vec![to("b", "next")], ..teach("a") }).await;
    node.learn(LearnRequest { associations: vec![to("c", "next")], ..teach("b") }).await;
    node.learn(LearnRequest { associations: vec![to("d", "next")], ..teach("c") }).await;
    let leaves = (0..30).map(|at| to(&format!("leaf {at}"), "holds"));
    node.learn(LearnRequest { associations: leaves.chain([to("a", "points")]).collect(), ..teach("hub") }).await;
    node
}

#[tokio::test]
async fn neighbours_come_by_hop_direction_type_label_and_id_whatever_the_page() {
    let node = chain_and_hub().await;
    let ask = |query| {
        let service = node.service.clone();
        async move { service.neighbors(&caller(), &Read::default(), id("a", None), query).await }
    };
    let three = NeighborsQuery { hops: Some(3), ..NeighborsQuery::default() };
    let whole = ask(three.clone()).await.unwrap();
    assert_eq!(whole.cursor, None);
    let order: Vec<_> = whole.neighbors.iter().map(|n| (n.hop, n.direction == Direction::In, n.label.clone(), n.id)).collect();
    assert!(order.is_sorted());
    assert_eq!(order.len(), 34);
    assert_eq!((whole.neighbors[0].content.as_str(), whole.neighbors[1].content.as_str()), ("b", "hub"));
    assert_eq!(whole.neighbors[0].evidence[0].content.as_deref(), Some("a"));
    let mut paged = Vec::new();
    let mut cursor = None;
    loop {
        let page = ask(NeighborsQuery { limit: Some(5), cursor, ..three.clone() }).await.unwrap();
        assert!(page.neighbors.len() <= 5);
        paged.extend(page.neighbors);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole.neighbors);
    let out = NeighborsQuery { direction: Some(Direction::Out), hops: Some(2), labels: vec!["next".into()], ..three };
    let contents: Vec<_> = ask(out).await.unwrap().neighbors.into_iter().map(|neighbor| neighbor.content).collect();
    assert_eq!(contents, ["b", "c"]);
    for (query, param) in [
        (NeighborsQuery { hops: Some(4), ..NeighborsQuery::default() }, "hops"),
        (NeighborsQuery { limit: Some(0), ..NeighborsQuery::default() }, "limit"),
        (NeighborsQuery { cursor: Some("?".into()), ..NeighborsQuery::default() }, "cursor"),
    ] {
        let error = ask(query).await.unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), (ErrorCode::InvalidArgument, Some(param)));
    }
    let missing = node.service.neighbors(&caller(), &Read::default(), id("none", None), NeighborsQuery::default()).await;
    assert_eq!(missing.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn of_parallel_associations_a_neighbour_shows_the_surest() {
    let node = node();
    node.learn(teach("a")).await;
    node.learn(teach("b")).await;
    for (confidence, valid_from) in [(0.4, None), (0.9, Some("2020-01-01T00:00:00Z".parse().unwrap())), (0.6, None)] {
        let mut request = associate(called("a"), called("b"), "x");
        (request.confidence, request.valid_from) = (Some(confidence), valid_from);
        node.service.associate(&caller(), request).await.unwrap();
    }
    let page = node.service.neighbors(&caller(), &Read::default(), id("a", None), NeighborsQuery::default()).await.unwrap();
    let confidences: Vec<_> = page.neighbors.iter().map(|neighbor| neighbor.confidence).collect();
    assert_eq!(confidences, [0.9]);
}

#[tokio::test]
async fn a_search_is_filtered_bounded_and_by_words_only() {
    let node = node();
    for (content, dose) in [("aspirin tablet", 100), ("aspirin effervescent tablet", 500)] {
        let attributes = [("dose".to_owned(), AttributeValue::Integer(dose))].into();
        node.learn(LearnRequest { attributes, ..teach(content) }).await;
    }
    let search = SearchRequest { query: "aspirin".into(), ..SearchRequest::default() };
    let all = node.service.search(&caller(), search.clone()).await.unwrap().results;
    assert_eq!(all.len(), 2);
    assert!(all[0].score >= all[1].score);
    let leaf = Leaf { field: "attributes.dose".into(), gte: Some(AttributeValue::Integer(200)), ..Leaf::default() };
    let filtered = SearchRequest { filter: Some(Filter::Leaf(leaf)), ..search.clone() };
    let found = node.service.search(&caller(), filtered).await.unwrap().results;
    assert_eq!(found.iter().map(|hit| hit.content.as_str()).collect::<Vec<_>>(), ["aspirin effervescent tablet"]);
    let one = SearchRequest { k: Some(1), ..search.clone() };
    assert_eq!(node.service.search(&caller(), one).await.unwrap().results.len(), 1);
    let strict = SearchRequest { min_score: Some(all[0].score + 1.0), ..search.clone() };
    assert!(node.service.search(&caller(), strict).await.unwrap().results.is_empty());
    let vector = SearchRequest { mode: Some(SearchMode::Vector), ..search };
    assert_eq!(node.service.search(&caller(), vector).await.unwrap_err().param.as_deref(), Some("mode"));
}

#[tokio::test]
async fn a_path_is_found_between_named_concepts() {
    let node = chain_and_hub().await;
    let request = path(called("a"), called("d"));
    let answer = node.service.path(&caller(), request.clone()).await.unwrap();
    assert!(answer.found && !answer.partial && (1..=4).contains(&answer.shards_accessed));
    let contents: Vec<_> = answer.paths[0].concepts.iter().map(|concept| concept.content.as_str()).collect();
    assert_eq!(contents, ["a", "b", "c", "d"]);
    let shallow = PathRequest { max_depth: Some(2), ..request.clone() };
    assert!(!node.service.path(&caller(), shallow).await.unwrap().found);
    let error = node.service.path(&caller(), PathRequest { end: called("e"), ..request }).await.unwrap_err();
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::NotFound, Some("end.content")));
}

#[tokio::test]
async fn ids_and_recent_concepts_come_in_pages_and_in_order() {
    let node = chain_and_hub().await;
    let (all, none) = node.service.concept_ids(&caller(), &Read::default(), None, 1_000).await.unwrap();
    assert_eq!((all.len(), none), (35, None));
    let mut paged = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let (ids, next) = node.service.concept_ids(&caller(), &Read::default(), cursor.as_deref(), 10).await.unwrap();
        paged.extend(ids);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
    node.learn(teach("last")).await;
    let recent = node.service.recent(&caller(), &Read::default(), 1).await.unwrap();
    assert_eq!(recent[0].content, "last");
    assert!(node.service.recent(&caller(), &Read::default(), 0).await.is_err());
}

#[tokio::test]
async fn a_node_tells_how_it_is() {
    let node = chain_and_hub().await;
    let stats = node.service.stats();
    assert_eq!((node.counts().await, stats.dropped), ((35, 34), 0));
    assert!(stats.written > 0);
    assert!(node.service.is_ready() && node.service.health().healthy);
    node.service.set_draining();
    assert_eq!((node.service.health().status.as_str(), node.service.is_ready()), ("draining", false));
    let shards = node.service.health_detail().shards;
    assert_eq!(shards.iter().map(|shard| shard.concepts).sum::<u64>(), stats.concepts);
    node.service.flush(&caller()).await.unwrap();
    assert_eq!(node.service.info().node, "node-0");
}

#[tokio::test]
async fn a_name_is_resolved_to_the_one_concept_that_has_it() {
    let node = node();
    node.learn(LearnRequest { key: Some("k".into()), ..teach("Mercury: a planet") }).await;
    node.learn(teach("Mercury: a metal")).await;
    let resolve = |reference| {
        let service = node.service.clone();
        async move { service.resolve(&caller(), &Read::default(), &reference).await.map_err(|error| error.code) }
    };
    let (planet, metal) = (id("Mercury: a planet", Some("k")), id("Mercury: a metal", None));
    assert_eq!(resolve(ConceptRef::Key { key: "k".into() }).await, Ok(planet));
    assert_eq!(resolve(ConceptRef::Id(metal)).await, Ok(metal));
    assert_eq!(resolve(ConceptRef::Content { content: "Mercury: a metal".into() }).await, Ok(metal));
    assert_eq!(resolve(ConceptRef::Content { content: "Mercury".into() }).await, Err(ErrorCode::Conflict));
    assert_eq!(resolve(ConceptRef::Id(id("Venus", None))).await, Err(ErrorCode::NotFound));
}
