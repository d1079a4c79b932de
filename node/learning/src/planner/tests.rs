use sutra_protocol::SemanticType;
use sutra_protocol::http::{LearnAssociation, Mention, OnConflict};

use super::*;
use crate::fixture::Known;

fn id(content: &str, key: Option<&str>) -> ConceptId {
    ConceptId::derive(&Namespace::default(), content, key)
}

/// Drugs, of which two are called "aspirin" and one "ASA".
fn drugs() -> Known {
    Known::default()
        .with("acetylsalicylic acid", Some("RXCUI:1191"), &["aspirin", "ASA"])
        .with("Aspirin: a trade mark of Bayer", Some("TM:1"), &[])
        .with("ibuprofen", None, &[])
        .with("ibuprofen: a propionic acid derivative", None, &[])
}

fn teach(content: &str) -> LearnRequest {
    LearnRequest { content: content.into(), ..LearnRequest::default() }
}

fn to(reference: Reference) -> LearnAssociation {
    match reference {
        Reference::Id(id) => LearnAssociation { target: Some(id), ..LearnAssociation::default() },
        Reference::Key(key) => LearnAssociation { target_key: Some(key.to_string()), ..LearnAssociation::default() },
        Reference::Content(content) => {
            LearnAssociation { target_content: Some(content.to_string()), ..LearnAssociation::default() }
        }
    }
}

fn plan(known: &Known, requests: &[LearnRequest]) -> Vec<Result<Learn, Refusal>> {
    let (namespace, mut overlay) = (Namespace::default(), Overlay::default());
    let mut planner = Planner::new(&namespace, known, &mut overlay);
    requests.iter().map(|request| planner.learn(request)).collect()
}

fn targets(learn: &Learn) -> Vec<ConceptId> {
    learn.associations.iter().map(|association| association.key.target).collect()
}

#[test]
fn a_target_is_found_by_id_key_content_and_name_or_refused() {
    let acid = id("acetylsalicylic acid", Some("RXCUI:1191"));
    let table = [
        (Reference::Id(acid), Ok(acid)),
        (
            Reference::Id(ConceptId::from_u128(7)),
            Err("associations[0].target: concept 00000000000000000000000000000007 does not exist"),
        ),
        (Reference::Key("RXCUI:1191".into()), Ok(acid)),
        (Reference::Key("RXCUI:0".into()), Err("associations[0].target_key: a concept with the key \"RXCUI:0\" does not exist")),
        (Reference::Content(" asa ".into()), Ok(acid)),
        // Its exact content wins over the other concept that is called so.
        (Reference::Content("ibuprofen".into()), Ok(id("ibuprofen", None))),
        (Reference::Content("paracetamol".into()), Ok(id("paracetamol", None))),
        (
            Reference::Content("aspirin".into()),
            Err(
                "associations[0].target_content: a concept called \"aspirin\" may be any of 2 concepts; name it by its id or key",
            ),
        ),
    ];
    for (reference, expected) in table {
        let request = LearnRequest { associations: vec![to(reference.clone())], ..teach("headaches are treated") };
        let planned = plan(&drugs(), &[request]).remove(0);
        match (planned, expected) {
            (Ok(learn), Ok(target)) => {
                assert_eq!(targets(&learn), [target], "{reference}");
                let created: Vec<_> = learn.targets.iter().map(|concept| &*concept.content).collect();
                assert_eq!(created, if target == id("paracetamol", None) { vec!["paracetamol"] } else { vec![] }, "{reference}");
            }
            (Err(refusal), Err(message)) => assert_eq!(refusal.to_string(), message),
            (planned, expected) => panic!("{reference}: {planned:?}, not {expected:?}"),
        }
    }
}

#[test]
fn an_ambiguous_name_reports_every_candidate() {
    let request = LearnRequest { associations: vec![to(Reference::Content("Aspirin".into()))], ..teach("bleeding") };
    let Err(Refusal::Ambiguous { candidates, .. }) = plan(&drugs(), &[request]).remove(0) else { panic!("it is ambiguous") };
    let mut both = [id("acetylsalicylic acid", Some("RXCUI:1191")), id("Aspirin: a trade mark of Bayer", Some("TM:1"))];
    both.sort();
    assert_eq!(candidates, both);
}

#[test]
fn later_items_see_earlier_ones_by_id_key_and_name() {
    let dog = LearnRequest { key: Some("n1".into()), aliases: vec!["hound".into()], ..teach("dog: a canine") };
    let dog_id = id("dog: a canine", Some("n1"));
    for reference in [Reference::Id(dog_id), Reference::Key("n1".into()), Reference::Content("Hound".into())] {
        let later = LearnRequest { associations: vec![to(reference.clone())], ..teach("poodles bark") };
        let planned = plan(&Known::default(), &[dog.clone(), later]);
        assert_eq!(targets(planned[1].as_ref().unwrap()), [dog_id], "{reference}");
    }
    let early = LearnRequest { associations: vec![to(Reference::Key("n1".into()))], ..teach("poodles bark") };
    assert!(matches!(plan(&Known::default(), &[early, dog])[0], Err(Refusal::NotFound { .. })));
}

#[test]
fn a_refused_item_leaves_nothing_for_later_ones() {
    let bad = LearnRequest { key: Some("n1".into()), associations: vec![to(Reference::Key("none".into()))], ..teach("dog") };
    let later = LearnRequest { associations: vec![to(Reference::Key("n1".into()))], ..teach("poodles bark") };
    let planned = plan(&Known::default(), &[bad, later]);
    assert!(planned[0].is_err() && planned[1].is_err());
}

#[test]
fn a_target_that_two_items_create_is_carried_by_both() {
    let item = |content| LearnRequest { associations: vec![to(Reference::Content("pain".into())); 2], ..teach(content) };
    let planned = plan(&Known::default(), &[item("aspirin"), item("ibuprofen")]);
    for learn in planned {
        let learn = learn.unwrap();
        assert_eq!(learn.targets.len(), 1);
        assert_eq!(targets(&learn), [id("pain", None); 2]);
    }
}

#[test]
fn a_statement_does_not_mean_itself_by_the_name_it_begins_with() {
    let request = LearnRequest { associations: vec![to(Reference::Content("poodle".into()))], ..teach("poodle: a dog") };
    let known = Known::default().with("poodle: a dog", None, &[]);
    for known in [Known::default(), known] {
        assert_eq!(targets(plan(&known, std::slice::from_ref(&request))[0].as_ref().unwrap()), [id("poodle", None)]);
    }
    let itself = LearnRequest { associations: vec![to(Reference::Content("poodle: a dog".into()))], ..teach("poodle: a dog") };
    assert_eq!(targets(plan(&Known::default(), &[itself])[0].as_ref().unwrap()), [id("poodle: a dog", None)]);
}

#[test]
fn what_is_left_out_takes_its_default() {
    let sure = LearnAssociation { confidence: Some(0.9), strength: Some(0.5), ..to(Reference::Content("pain".into())) };
    let request = LearnRequest {
        confidence: Some(0.7),
        associations: vec![to(Reference::Content("pain".into())), sure],
        ..teach("  aspirin treats pain ")
    };
    let learn = plan(&Known::default(), &[request]).remove(0).unwrap();
    assert_eq!(&*learn.concept.content, "aspirin treats pain");
    assert_eq!((learn.concept.semantic_type, learn.concept.strength, learn.concept.validity), (None, None, None));
    let weights: Vec<_> = learn.associations.iter().map(|association| (association.confidence, association.strength)).collect();
    assert_eq!(weights, [(0.7, 1.0), (0.9, 0.5)]);
    assert!(learn.associations.iter().all(|association| association.evidence == [learn.concept.id]));
}

#[test]
fn mentions_are_linked_by_key_then_name_else_created() {
    let mention = |start, end, key: Option<&str>| Mention {
        start,
        end,
        key: key.map(Into::into),
        semantic_type: Some(SemanticType::Event),
    };
    let content = "ASA (aspirin) relieves a headache, says the headache clinic";
    let request = LearnRequest {
        mentions: vec![
            mention(0, 3, None),
            mention(5, 12, Some("TM:1")),
            mention(25, 33, None),
            mention(44, 52, None),
            mention(53, 59, Some("ORG:9")),
        ],
        ..teach(content)
    };
    let learn = plan(&drugs(), std::slice::from_ref(&request)).remove(0).unwrap();
    let acid = id("acetylsalicylic acid", Some("RXCUI:1191"));
    let mark = id("Aspirin: a trade mark of Bayer", Some("TM:1"));
    let (headache, clinic) = (id("headache", None), id("clinic", Some("ORG:9")));
    assert_eq!(targets(&learn), [acid, mark, headache, clinic]);
    assert!(learn.associations.iter().all(|association| association.key.label.as_str() == "mentions"));
    let created: Vec<_> = learn.targets.iter().map(|concept| (concept.id, concept.semantic_type)).collect();
    assert_eq!(created, [(headache, Some(SemanticType::Event)), (clinic, Some(SemanticType::Event))]);

    let vague = LearnRequest { mentions: vec![mention(5, 12, None)], ..request.clone() };
    let refusal = plan(&drugs(), &[vague]).remove(0).unwrap_err();
    assert_eq!(refusal.field(), "mentions[0]");
    let blank = LearnRequest { mentions: vec![mention(3, 4, None)], ..request };
    assert_eq!(plan(&drugs(), &[blank]).remove(0), Err(Refusal::Blank { at: 0 }));
}

#[test]
fn the_holder_of_a_key_merges_gives_way_or_stays() {
    let holder = id("acetylsalicylic acid", Some("RXCUI:1191"));
    let new = id("aspirin tablets", Some("RXCUI:1191"));
    for (on_conflict, source, seen) in [
        (None, new, holder),
        (Some(OnConflict::Error), new, holder),
        (Some(OnConflict::Merge), holder, holder),
        (Some(OnConflict::Replace), new, new),
    ] {
        let taught = LearnRequest {
            key: Some("RXCUI:1191".into()),
            on_conflict,
            associations: vec![to(Reference::Content("pain".into()))],
            ..teach("aspirin tablets")
        };
        let later = LearnRequest { associations: vec![to(Reference::Key("RXCUI:1191".into()))], ..teach("it is sold") };
        let planned = plan(&drugs(), &[taught, later]);
        assert_eq!(planned[0].as_ref().unwrap().associations[0].key.source, source, "{on_conflict:?}");
        assert_eq!(targets(planned[1].as_ref().unwrap()), [seen], "{on_conflict:?}");
    }
}

#[test]
fn the_ends_of_an_association_must_exist_to_be_taught_but_not_to_be_retracted() {
    let (namespace, mut overlay, known) = (Namespace::default(), Overlay::default(), drugs());
    let mut planner = Planner::new(&namespace, &known, &mut overlay);
    let unknown = ConceptRef::Id(ConceptId::from_u128(7));
    let ibuprofen = ConceptRef::Content { content: "ibuprofen".into() };
    let request = AssociateRequest {
        source: ibuprofen.clone(),
        target: unknown.clone(),
        kind: None,
        label: None,
        confidence: None,
        strength: None,
        valid_from: None,
        valid_to: None,
        evidence: Vec::new(),
        namespace: None,
    };
    assert_eq!(planner.associate(&request).unwrap_err().field(), "target");
    let acid = ConceptRef::Key { key: "RXCUI:1191".into() };
    let unproven = AssociateRequest { target: acid, evidence: vec![ConceptRef::Id(ConceptId::from_u128(8))], ..request };
    assert_eq!(planner.associate(&unproven).unwrap_err().field(), "evidence[0]");
    let taught = planner.associate(&AssociateRequest { evidence: Vec::new(), ..unproven }).unwrap();
    assert_eq!((taught.confidence, taught.key.target), (1.0, id("acetylsalicylic acid", Some("RXCUI:1191"))));

    let retracted = DissociateRequest {
        source: ibuprofen,
        target: unknown,
        kind: None,
        label: None,
        valid_from: None,
        valid_to: None,
        namespace: None,
    };
    assert_eq!(planner.dissociate(&retracted).unwrap().target, ConceptId::from_u128(7));
    let unknown_name = ConceptRef::Content { content: "naproxen".into() };
    assert_eq!(
        planner.dissociate(&DissociateRequest { target: unknown_name, ..retracted }).unwrap_err().field(),
        "target.content"
    );
}
