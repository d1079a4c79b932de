use std::collections::BTreeMap;

use sutra_protocol::http::{
    AssociateBatchRequest, AssociateResult, ConceptRef, DissociateRequest, LearnAssociation, LearnBatchRequest, LearnOptions,
    LearnRequest, LearnResult, Mention, NamespaceSettings, OnConflict, PatchRequest,
};
use sutra_protocol::{AttributeValue, ErrorCode, Knowledge, Namespace, Source};
use tokio::time::Instant;

use super::super::{Caller, Read, Token};
use super::fixture::{associate, called, caller, id, node, teach, to, to_key};

#[tokio::test]
async fn a_statement_is_learned_with_its_associations_and_quoted_as_their_evidence() {
    let node = node();
    let source = Source { uri: "label.pdf".into(), title: None, page: Some(3), offset: None };
    let request = LearnRequest {
        confidence: Some(0.9),
        source: Some(source.clone()),
        associations: vec![to("pain", "treats")],
        mentions: vec![Mention { start: 1, end: 8, key: Some("RXCUI:1191".into()), semantic_type: None }],
        ..teach(" aspirin treats pain ")
    };
    let answer = node.learn(request).await;
    assert_eq!(answer.id, id("aspirin treats pain", None));
    assert!(answer.created && answer.index.0 > 0);
    let [treats, mentions] = answer.associations.as_slice() else { panic!("two associations") };
    assert_eq!((treats.source_content.as_str(), treats.target_content.as_str()), ("aspirin treats pain", "pain"));
    assert_eq!((treats.target, treats.confidence), (id("pain", None), 0.9));
    assert_eq!(mentions.target, id("aspirin", Some("RXCUI:1191")));
    assert_eq!(treats.evidence[0].content.as_deref(), Some("aspirin treats pain"));
    assert_eq!(treats.evidence[0].source, Some(source));
    let found = node.service.concept(&caller(), &Read::default(), answer.id).await.unwrap();
    assert_eq!((found.body.degree.out, found.version), (2, answer.recorded_at));
    assert_eq!(found.body.asserted_by, "anonymous");
}

#[tokio::test]
async fn what_can_not_be_done_is_refused_by_name() {
    let node = node();
    let embed = LearnOptions { embed: Some(true), ..LearnOptions::default() };
    let error = node.refused(LearnRequest { options: Some(embed), ..teach("a") }).await;
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::InvalidArgument, Some("options.embed")));
    let error = node.refused(teach("  ")).await;
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::InvalidArgument, Some("content")));
    let missing = LearnRequest { associations: vec![to("b", ""), to_key("none", "")], ..teach("a") };
    let error = node.refused(missing).await;
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::NotFound, Some("associations[1].target_key")));
    let keyed = LearnRequest { key: Some("k".into()), ..teach("one") };
    node.learn(keyed.clone()).await;
    let other = LearnRequest { content: "two".into(), ..keyed };
    let error = node.refused(other.clone()).await;
    assert_eq!(
        (error.code, error.details.unwrap()["id"].as_str()),
        (ErrorCode::Conflict, Some(&*id("one", Some("k")).to_string()))
    );
    let to_itself = LearnAssociation { target: Some(id("one", Some("k"))), ..LearnAssociation::default() };
    let replacing =
        LearnRequest { on_conflict: Some(OnConflict::Replace), associations: vec![to("b", ""), to_itself], ..other.clone() };
    let error = node.refused(replacing).await;
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::Conflict, Some("associations[1].target")));
    assert_eq!(error.details.unwrap()["id"], id("one", Some("k")).to_string());
    let merged = node.learn(LearnRequest { on_conflict: Some(OnConflict::Merge), ..other }).await;
    assert_eq!((merged.id, merged.created), (id("one", Some("k")), false));
    assert_eq!(node.counts().await.0, 1, "nothing of a refused request is stored");
}

#[tokio::test]
async fn an_ambiguous_target_is_a_conflict_with_its_candidates() {
    let node = node();
    for content in ["Mercury: a planet", "Mercury: a metal"] {
        node.learn(teach(content)).await;
    }
    let error = node.refused(LearnRequest { associations: vec![to("mercury", "about")], ..teach("it is hot") }).await;
    assert_eq!((error.code, error.param.as_deref()), (ErrorCode::Conflict, Some("associations[0].target_content")));
    let details = error.details.unwrap();
    let mut candidates: Vec<_> =
        details["candidates"].as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap()).collect();
    candidates.sort_unstable();
    assert_eq!(candidates, ["Mercury: a metal", "Mercury: a planet"]);
}

#[tokio::test]
async fn a_batch_keeps_its_good_items_and_names_the_bad_ones() {
    let node = node();
    let ward: Namespace = "ward-7".parse().unwrap();
    let items = vec![
        LearnRequest { key: Some("k".into()), ..teach("one") },
        teach(""),
        LearnRequest { associations: vec![to_key("k", "follows")], ..teach("two") },
        LearnRequest { associations: vec![to_key("none", "")], ..teach("three") },
        LearnRequest { namespace: Some(ward.clone()), ..teach("elsewhere") },
        LearnRequest { namespace: Some(ward.clone()), associations: vec![to_key("k", "")], ..teach("four") },
    ];
    let request = LearnBatchRequest { items, ..LearnBatchRequest::default() };
    let answer = node.service.learn_batch(&caller(), request).await.unwrap();
    let codes = answer.body.results.iter().map(|result| match result {
        LearnResult::Refused { error } => Some(error.code),
        LearnResult::Learned(_) => None,
    });
    let (invalid, missing) = (Some(ErrorCode::InvalidArgument), Some(ErrorCode::NotFound));
    assert_eq!(codes.collect::<Vec<_>>(), [None, invalid, None, missing, None, missing]);
    assert_eq!(node.service.namespace(&caller(), &ward).await.unwrap().concepts, 1);
    assert_eq!(answer.token.position(sutra_storage::SHARD), Some(node.service.stats().index));

    let many = LearnBatchRequest { items: vec![teach("x"); 1_001], ..LearnBatchRequest::default() };
    let error = node.service.learn_batch(&caller(), many).await.unwrap_err();
    assert_eq!(error.param.as_deref(), Some("items"));
    let none = node.service.learn_batch(&caller(), LearnBatchRequest::default()).await.unwrap();
    assert!(none.body.results.is_empty());
}

#[tokio::test]
async fn associations_are_taught_and_retracted_between_concepts_that_exist() {
    let node = node();
    for content in ["aspirin", "bleeding"] {
        node.learn(teach(content)).await;
    }
    let causes = associate(called("aspirin"), ConceptRef::Id(id("bleeding", None)), "causes");
    let items = vec![causes.clone(), associate(called("ibuprofen"), called("aspirin"), "like")];
    let request = AssociateBatchRequest { items, namespace: None };
    let results = node.service.associate_batch(&caller(), request).await.unwrap().body.results;
    assert!(matches!(&results[0], AssociateResult::Associated(done) if done.created && done.confidence == 1.0));
    assert!(matches!(&results[1], AssociateResult::Refused { error } if error.param.as_deref() == Some("source.content")));
    assert!(!node.service.associate(&caller(), causes).await.unwrap().body.created);

    let association =
        node.service.association(&caller(), &Read::default(), &called("aspirin"), &called("bleeding")).await.unwrap();
    assert_eq!(association.unwrap().key.label.as_str(), "causes");
    let gone = DissociateRequest {
        source: called("aspirin"),
        target: called("bleeding"),
        kind: None,
        label: Some("causes".into()),
        valid_from: None,
        valid_to: None,
        namespace: None,
    };
    assert!(node.service.dissociate(&caller(), gone.clone()).await.unwrap().body.deleted);
    assert!(!node.service.dissociate(&caller(), gone).await.unwrap().body.deleted);
    let association =
        node.service.association(&caller(), &Read::default(), &called("aspirin"), &called("bleeding")).await.unwrap();
    assert_eq!(association, None);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_heeds_if_match() {
    let node = node();
    let learned = node.learn(teach("aspirin")).await;
    let namespace = Namespace::default();
    let patch = PatchRequest {
        aliases: Some(vec!["ASA".into()]),
        attributes: BTreeMap::from([("dose".into(), Some(AttributeValue::Integer(500)))]),
        ..PatchRequest::default()
    };
    let first =
        node.service.patch(&caller(), &namespace, learned.id, Some(learned.recorded_at), patch.clone()).await.unwrap().body;
    assert_eq!((first.aliases, first.attributes.len()), (vec!["ASA".to_owned()], 1));
    let patch = PatchRequest { confidence: Some(0.5), ..PatchRequest::default() };
    let error =
        node.service.patch(&caller(), &namespace, learned.id, Some(learned.recorded_at), patch.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PreconditionFailed);
    let second = node.service.patch(&caller(), &namespace, learned.id, None, patch.clone()).await.unwrap().body;
    assert_eq!((second.confidence, second.aliases.len()), (0.5, 1));
    let error = node.service.patch(&caller(), &namespace, id("none", None), None, patch).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn what_is_retracted_is_gone_now_and_was_known_then() {
    let node = node();
    let statement = LearnRequest { associations: vec![to("pain", "treats")], ..teach("aspirin treats pain") };
    let learned = node.learn(statement).await;
    let retracted = node.service.retract(&caller(), &Namespace::default(), learned.id).await.unwrap().body;
    assert_eq!((retracted.deleted, retracted.retracted), (true, 1));
    let error = node.service.concept(&caller(), &Read::default(), learned.id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    let then = Read { known_at: Some(learned.recorded_at), ..Read::default() };
    let found = node.service.concept(&caller(), &then, learned.id).await.unwrap().body;
    assert_eq!((found.retracted_at, found.degree.out), (Some(retracted.recorded_at), 1));
    let error = node.service.retract(&caller(), &Namespace::default(), learned.id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn namespaces_are_made_by_teaching_or_setting_and_dropped_whole() {
    let node = node();
    let ward: Namespace = "ward-7".parse().unwrap();
    assert_eq!(node.service.namespace(&caller(), &ward).await.unwrap_err().code, ErrorCode::NotFound);
    let settings = NamespaceSettings { history_retention_seconds: Some(60), ..NamespaceSettings::default() };
    let set = node.service.set_namespace(&caller(), &ward, settings.clone()).await.unwrap().body;
    assert_eq!((set.name, set.settings, set.concepts), (ward.clone(), settings, 0));
    let zero = NamespaceSettings { history_retention_seconds: Some(0), ..NamespaceSettings::default() };
    assert_eq!(node.service.set_namespace(&caller(), &ward, zero).await.unwrap_err().code, ErrorCode::InvalidArgument);
    node.learn(LearnRequest { namespace: Some(ward.clone()), ..teach("a") }).await;
    assert_eq!(node.service.drop_namespace(&caller(), &ward).await.unwrap().body.concepts, 1);
    assert_eq!(node.service.drop_namespace(&caller(), &ward).await.unwrap_err().code, ErrorCode::NotFound);
    assert!(node.service.namespaces(&caller()).await.unwrap().namespaces.is_empty());
}

#[tokio::test]
async fn a_caller_whose_time_is_over_stores_nothing() {
    let node = node();
    let late = Caller { deadline: Instant::now(), ..caller() };
    let error = node.service.learn(&late, teach("a")).await.unwrap_err();
    assert_eq!((error.code, error.details.unwrap()["outcome"].as_str()), (ErrorCode::DeadlineExceeded, Some("none")));
    assert_eq!(node.counts().await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_future_is_waited_for_until_the_deadline() {
    let node = node();
    let early = Caller { token: Some(Token::at(sutra_storage::SHARD, sutra_protocol::command::LogIndex(99))), ..caller() };
    let error = node.service.concept(&early, &Read::default(), id("a", None)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::DeadlineExceeded);
    let strange = Caller { token: Some(Token::at(7, sutra_protocol::command::LogIndex(1))), ..caller() };
    let error = node.service.concept(&strange, &Read::default(), id("a", None)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn an_item_of_a_batch_meets_what_an_earlier_one_did_by_way_of_a_key() {
    let node = node();
    for round in 0..8 {
        let key = format!("drug-{round}");
        let old = node.learn(LearnRequest { key: Some(key.clone()), ..teach(&format!("ibuprofen {round}")) }).await;
        let to_old = LearnAssociation { target: Some(old.id), ..LearnAssociation::default() };
        let item = |content: &str| LearnRequest { key: Some(key.clone()), ..teach(content) };
        let items = vec![
            LearnRequest {
                on_conflict: Some(OnConflict::Replace),
                associations: vec![to(&format!("fever {round}"), "treats")],
                ..item(&format!("Ibuprofen {round}, 400 mg"))
            },
            LearnRequest { associations: vec![to_old], ..teach(&format!("old label {round}")) },
            LearnRequest { associations: vec![to_key(&key, "names")], ..teach(&format!("label {round}")) },
        ];
        let batch = LearnBatchRequest { items, ..LearnBatchRequest::default() };
        let done = node.service.learn_batch(&caller(), batch).await.unwrap().body;
        let [LearnResult::Learned(new), LearnResult::Refused { error }, LearnResult::Learned(label)] = &done.results[..] else {
            panic!("{done:?}")
        };
        assert_eq!(error.code, ErrorCode::NotFound, "it gave way: {error:?}");
        assert_ne!(new.id, old.id);
        assert_eq!(label.associations.len(), 1);
        let state = node.service.pin(&Read::default(), caller().reading()).unwrap();
        let named = state.read(|view| Ok(view.keyed(&key))).unwrap();
        assert_eq!(named, Some(new.id));
    }
}
