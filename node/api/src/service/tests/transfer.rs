use sutra_protocol::http::{ConceptRef, LearnAssociation, LearnRequest, Mention};
use sutra_protocol::{AttributeValue, ErrorCode, Namespace, SemanticType, Source};

use super::super::Read;
use super::fixture::{associate, called, caller, id, node, teach, to, to_key};

/// One line per WordNet-like synset: each is a kind of the next one, and of the first.
fn synsets(count: usize) -> String {
    let line = |at: usize| {
        let next = (at + 1) % count;
        format!(
            r#"{{"content":"synset {at}: gloss","key":"n{at}","associations":[{{"target_key":"n{next}","type":"hierarchical","label":"hypernym"}},{{"target_key":"n0","label":"root"}}]}}"#
        )
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn forward_references_are_linked_when_their_target_comes() {
    let node = node();
    let report = node.import(&synsets(3_500)).await;
    assert_eq!((report.concepts, report.associations, report.errors_total), (3_500, 7_000, 0), "{:?}", report.errors);
    assert!(report.done && report.lines == 3_500);
    assert_eq!(node.counts().await, (3_500, 7_000));
    let last = node.service.concept(&caller(), &Read::default(), id("synset 3499: gloss", Some("n3499"))).await.unwrap().body;
    assert_eq!((last.degree.out, last.degree.into), (2, 1));
    let again = node.import(&synsets(3_500)).await;
    assert_eq!((again.concepts, again.associations), (3_500, 7_000));
    assert_eq!(node.counts().await.1, 7_000);
}

#[tokio::test]
async fn a_bad_line_is_reported_and_the_rest_goes_on() {
    let node = node();
    let lines = [
        r#"{"source":{"key":"b"},"target":{"key":"a"},"label":"late ends"}"#,
        r#"{"content":"a","key":"a"}"#,
        r#"{"content":"b","key":"b","associations":[{"target_key":"nowhere"},{"target_key":"nowhere else"},{"target_content":"c"}]}"#,
        "not json",
        "",
        r#"{"content":"other","key":"a"}"#,
        r#"{"content":"d","colour":"red"}"#,
        r#"{"content":"e","namespace":"ward-7"}"#,
        r#"{"content":"f","confidence":2}"#,
        r#"{"source":{"content":"Mercury"},"target":{"key":"a"}}"#,
        r#"{"content":"Mercury: a planet"}"#,
        r#"{"content":"Mercury: a metal"}"#,
    ];
    let report = node.import(&lines.join("\n")).await;
    let errors: Vec<_> = report.errors.iter().map(|error| (error.line, error.code)).collect();
    let invalid = ErrorCode::InvalidArgument;
    let expected = [
        (3, ErrorCode::NotFound),
        (4, invalid),
        (6, ErrorCode::Conflict),
        (7, invalid),
        (8, invalid),
        (9, invalid),
        (10, ErrorCode::Conflict),
    ];
    assert_eq!(errors, expected, "{:?}", report.errors);
    assert_eq!((report.lines, report.errors_total), (12, 7));
    assert_eq!((report.concepts, report.associations), (4, 2));
    assert_eq!(node.counts().await.0, 5, "a, b, c and both Mercuries");
}

#[tokio::test]
async fn an_import_reports_as_it_goes_and_counts_lines_refused_unread() {
    let node = node();
    let mut importer = node.service.import(caller(), Default::default()).unwrap();
    importer.refuse(ErrorCode::TooLarge, "the line is too long");
    importer.push(br#"{"content":"a"}"#).await.unwrap();
    let so_far = importer.report();
    assert_eq!((so_far.lines, so_far.errors_total, so_far.done), (2, 1, false));
    let (report, token) = importer.finish().await.unwrap();
    assert_eq!((report.concepts, report.errors[0].line), (1, 1));
    assert_eq!(token.position(sutra_storage::SHARD), Some(node.service.stats().index));
}

#[tokio::test]
async fn an_export_imported_and_exported_again_is_the_same() {
    let first = node();
    let statement = LearnRequest {
        key: Some("s1".into()),
        aliases: vec!["the aspirin rule".into()],
        semantic_type: Some(SemanticType::Rule),
        confidence: Some(0.123_456_789_012_345_67),
        strength: Some(0.25),
        attributes: [("year".to_owned(), AttributeValue::Integer(1897)), ("dose".to_owned(), AttributeValue::Float(0.1))].into(),
        vector: Some(vec![0.1, -2.5e-8, 3.0]),
        valid_from: Some("1897-08-10T00:00:00Z".parse().unwrap()),
        source: Some(Source { uri: "label.pdf".into(), title: Some("Label".into()), page: Some(2), offset: None }),
        associations: vec![LearnAssociation { confidence: Some(0.1), strength: Some(0.3), ..to("pain", "treats") }],
        mentions: vec![Mention { start: 0, end: 7, key: Some("RXCUI:1191".into()), semantic_type: None }],
        ..teach("aspirin treats pain")
    };
    first.learn(statement).await;
    first.learn(LearnRequest { associations: vec![to_key("s1", "supports")], ..teach("a trial showed it") }).await;
    // One association on a statement, on another one with another confidence, and on somebody's word.
    let ends = || (ConceptRef::Id(id("aspirin", Some("RXCUI:1191"))), ConceptRef::Id(id("pain", None)));
    for (confidence, evidence) in
        [(0.7, vec![id("a trial showed it", None)]), (0.05, vec![id("aspirin treats pain", Some("s1"))]), (0.3, vec![])]
    {
        let (source, target) = ends();
        let mut request = associate(source, target, "relieves");
        (request.confidence, request.evidence) = (Some(confidence), evidence.into_iter().map(ConceptRef::Id).collect());
        request.valid_from = Some("2000-01-01T00:00:00Z".parse().unwrap());
        first.service.associate(&caller(), request).await.unwrap();
    }
    let exported = first.export().await;
    assert_eq!(exported.lines().count(), 4 + 3 + 3, "{exported}");

    let second = node();
    let report = second.import(&exported).await;
    assert_eq!((report.concepts, report.errors_total), (4, 0), "{:?}", report.errors);
    assert_eq!(second.export().await, exported);
    assert_eq!(first.counts().await, second.counts().await);
}

#[tokio::test]
async fn an_export_can_be_imported_into_another_namespace() {
    let node = node();
    let statement = "aspirin treats pain";
    node.learn(LearnRequest { associations: vec![to("pain", "treats")], ..teach(statement) }).await;
    let keyed = LearnRequest { key: Some("S:2".into()), ..teach("A trial showed that aspirin treats pain.") };
    node.learn(LearnRequest { associations: vec![to(statement, "supports"), to("pain", "measures")], ..keyed }).await;
    // Another "pain": the exact content names the one without a key all the same.
    node.learn(LearnRequest { key: Some("C:1".into()), associations: vec![to_key("S:2", "found in")], ..teach("pain") }).await;
    let mut rests = associate(called(statement), ConceptRef::Key { key: "C:1".into() }, "relieves");
    rests.evidence = vec![ConceptRef::Key { key: "S:2".into() }, called(statement)];
    node.service.associate(&caller(), rests.clone()).await.unwrap();
    rests.evidence = vec![called(statement), ConceptRef::Key { key: "S:3".into() }];
    let unknown = node.service.associate(&caller(), rests).await.unwrap_err();
    assert_eq!((unknown.code, unknown.param.as_deref()), (ErrorCode::NotFound, Some("evidence[1].key")));

    let exported = node.export().await;
    let copy = "copy".parse::<Namespace>().unwrap();
    let report = node.import_into(copy.clone(), &exported).await;
    assert_eq!((report.concepts, report.associations, report.errors_total), (4, 5, 0), "{:?}", report.errors);
    let again = node.export_from(copy).await;
    let sorted = |lines: &str| {
        let mut lines: Vec<_> = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
        for line in &mut lines {
            if let Some(evidence) = line.get_mut("evidence").and_then(|evidence| evidence.as_array_mut()) {
                evidence.sort_by_key(ToString::to_string);
            }
        }
        lines.sort_by_key(ToString::to_string);
        lines
    };
    assert_eq!(sorted(&again), sorted(&exported));
    assert_eq!(node.import(&exported).await.errors_total, 0);
    assert_eq!(node.export().await, exported);
}

#[tokio::test]
async fn a_long_content_without_a_key_is_named_by_its_id() {
    let node = node();
    node.learn(LearnRequest { associations: vec![to("b", "next")], ..teach(&"é".repeat(256)) }).await;
    node.learn(LearnRequest { associations: vec![to("b", "next")], ..teach(&"é".repeat(257)) }).await;
    let exported = node.export().await;
    let named = |id: String| exported.lines().filter(|line| line.starts_with(&format!("{{\"source\":{id}"))).count();
    assert_eq!(named(format!("{{\"content\":\"{}\"}}", "é".repeat(256))), 1);
    assert_eq!(named(format!("\"{}\"", id(&"é".repeat(257), None))), 1);
    assert_eq!(node.import(&exported).await.errors_total, 0);
}

#[tokio::test]
async fn an_export_is_pinned() {
    let node = node();
    node.import(&synsets(2_000)).await;
    let exporter = node.service.export(&caller(), &Read::default()).await.unwrap();
    node.learn(teach("after the export began")).await;
    let mut lines = Vec::new();
    exporter.write(&mut lines).unwrap();
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 2_000 + 4_000);
}

#[tokio::test]
async fn an_exported_line_is_written_as_a_learn_body_is() {
    let node = node();
    let full = r#"{"content":"é \"a\"","key":"k","aliases":["b"],"type":"rule","confidence":0.5,"strength":0.25,"attributes":{"dose":500,"route":"oral"},"vector":[0.5,-1.0],"valid_from":"2000-01-01T00:00:00Z","valid_to":"2001-01-01T00:00:00Z","source":{"uri":"label.pdf","page":3}}"#;
    assert_eq!(node.import(full).await.errors_total, 0);
    let exported = node.export().await;
    let read: LearnRequest = serde_json::from_str(&exported).unwrap();
    assert_eq!(read, serde_json::from_str(full).unwrap());
    assert_eq!(exported, serde_json::to_string(&read).unwrap() + "\n");
}
