//! Questions of each kind, answered and refused.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use sutra_protocol::http::{Gate, Intent, ReasonRequest, ReasonResponse, RefusalCode};
use sutra_protocol::{AssociationType, ConceptId};

use super::*;
use crate::fixture::Graph;

use AssociationType::{Causal, Compositional, Hierarchical, Semantic};

fn ask_with(graph: &Graph, request: ReasonRequest) -> ReasonResponse {
    let never = || false;
    let budget = Budget::until(&never);
    let context = Context { id: "answer-1".into(), budget: &budget, elapsed_ms: &|| 1.5, suggest: None };
    reason(graph, &request, context)
}

fn ask(graph: &Graph, query: &str) -> ReasonResponse {
    ask_with(graph, ReasonRequest { query: query.into(), ..ReasonRequest::default() })
}

fn ask_at(graph: &Graph, query: &str, gate: Gate) -> ReasonResponse {
    ask_with(graph, ReasonRequest { query: query.into(), gate: Some(gate), ..ReasonRequest::default() })
}

fn answer(graph: &Graph, query: &str) -> String {
    let response = ask(graph, query);
    response.answer.unwrap_or_else(|| panic!("{query}: {:?}", response.because))
}

fn code(response: &ReasonResponse) -> RefusalCode {
    assert!(!response.known && response.answer.is_none() && response.answers.is_empty() && response.confidence == 0.0);
    assert!(!response.gate.passed);
    let because = response.because.as_ref().unwrap();
    assert!(because.message.ends_with('.'), "{}", because.message);
    because.code
}

/// Medicine, law and finance, both ways round.
fn library() -> Graph {
    let mut graph = Graph::default();
    let label = graph.statement("Aspirin is a nonsteroidal anti-inflammatory drug.", "https://example.org/aspirin-label.pdf");
    let content = "aspirin, acetylsalicylic acid: a drug that relieves pain and thins the blood";
    let aspirin = graph.learn_as(content, None, &["acetylsalicylic acid"]);
    let nsaid = graph.learn_as("NSAID", None, &["nonsteroidal anti-inflammatory drug"]);
    graph.associate(aspirin, Hierarchical, "is_a", nsaid, 0.95, &[label]);
    graph.link("analgesic", Hierarchical, "hyponym", "NSAID", 0.9);
    graph.link("NSAID", Semantic, "is_not_a", "opioid", 0.9);
    graph.link("morphine", Hierarchical, "hypernym", "opioid", 1.0);
    graph.link("opioid", Hierarchical, "Kind-Of", "analgesic", 0.9);
    graph.link("heart", Compositional, "has_part", "aorta", 1.0);
    graph.link("left ventricle", Compositional, "part_holonym", "heart", 0.9);
    graph.link("aorta", Compositional, "part of", "heart", 0.75);
    graph.link("spleen", Compositional, "part_of", "heart", 0.3);
    graph.link("European Union", Compositional, "member_meronym", "France", 1.0);
    graph.link("Ireland", Compositional, "member_of", "European Union", 0.9);
    graph.link("mortgage", Hierarchical, "", "loan", 1.0);
    graph.link("loan", Hierarchical, "hyponym", "overdraft", 0.9);
    graph.link("Nile", Hierarchical, "instance_hypernym", "river", 1.0);
    graph.link("river", Hierarchical, "hypernym", "body of water", 1.0);
    graph.link("NSAID", Causal, "causes", "gastric bleeding", 0.9);
    graph
}

#[test]
fn define_quotes_the_content_and_names_the_classes() {
    let graph = library();
    let response = ask(&graph, "What is aspirin?");
    assert_eq!(
        response.answer.as_deref(),
        Some("aspirin: \"a drug that relieves pain and thins the blood\". It is a kind of NSAID.")
    );
    assert_eq!((response.intent, response.known, response.confidence), (Intent::Define, true, 0.95));
    assert_eq!(response.answers.len(), 2);
    assert_eq!(response.paths[0].hops.len(), 0);
    assert_eq!(response.sources.len(), 2, "the entry itself, and the statement behind its class");
    assert_eq!(response.sources[1].source.as_ref().unwrap().uri, "https://example.org/aspirin-label.pdf");
    assert_eq!(
        response.paths[1].hops[0].evidence[0].content.as_deref(),
        Some("Aspirin is a nonsteroidal anti-inflammatory drug.")
    );
    assert_eq!(answer(&graph, "what is the Nile"), "Nile is an instance of river.");
    assert_eq!((response.id.as_str(), response.elapsed_ms, response.partial), ("answer-1", 1.5, false));
}

#[test]
fn a_name_alone_is_no_definition() {
    let mut graph = library();
    graph.learn("Basel III");
    assert_eq!(code(&ask(&graph, "What is Basel III?")), RefusalCode::NoPath);
}

#[test]
fn yes_by_a_chain_of_kinds_in_both_encodings() {
    let graph = library();
    let response = ask(&graph, "Is aspirin an analgesic?");
    assert_eq!(response.answer.as_deref(), Some("Yes: aspirin is a kind of NSAID; NSAID is a kind of analgesic."));
    assert_eq!(response.confidence, 0.95 * 0.9);
    assert_eq!((response.answers[0].content.as_str(), response.answers[0].paths.as_slice()), ("yes", &[0][..]));
    assert_eq!(response.asked.relation.as_deref(), Some("kind_of"));
    assert_eq!(response.asked.entities[0].name, "aspirin");
    assert_eq!(answer(&graph, "are mortgages loans"), "Yes: mortgage is a kind of loan.");
    assert_eq!(
        answer(&graph, "is the Nile a body of water"),
        "Yes: Nile is an instance of river; river is a kind of body of water."
    );
    assert_eq!(answer(&graph, "is aspirin an acetylsalicylic acid"), "Yes: both names stand for the concept \"aspirin\".");
}

#[test]
fn a_chain_never_goes_down_again() {
    let graph = library();
    // Both are analgesics, which makes neither the other.
    let response = ask(&graph, "is an opioid an NSAID");
    assert_eq!(code(&response), RefusalCode::NoPath);
    assert!(response.paths.is_empty());
    assert_eq!(code(&ask(&graph, "is an analgesic an opioid")), RefusalCode::NoPath);
}

#[test]
fn an_instance_of_an_instance_is_no_instance() {
    let mut graph = library();
    graph.link("river", Hierarchical, "instance_of", "geographical term", 1.0);
    assert_eq!(code(&ask(&graph, "is the Nile a geographical term")), RefusalCode::NoPath);
    assert!(ask(&graph, "is a river a geographical term").known);
}

#[test]
fn no_only_by_a_stored_negation_of_a_wider_class() {
    let graph = library();
    let response = ask(&graph, "Is aspirin an opioid?");
    let chain = "aspirin is a kind of NSAID; NSAID is not a kind of opioid";
    assert_eq!(response.answer, Some(format!("No: {chain}.")));
    assert_eq!((response.known, response.confidence), (true, 0.95 * 0.9));
    assert_eq!(response.answers[0].content, "no");
    assert_eq!(answer(&graph, "Is aspirin morphine?"), format!("No: {chain}; morphine is a kind of opioid."));
    // "NSAID is not an opioid" says nothing about analgesics at large, though every opioid is one.
    assert!(ask(&graph, "is an NSAID an analgesic").answer.unwrap().starts_with("Yes"));
    assert_eq!(code(&ask(&graph, "is a loan an opioid")), RefusalCode::NoPath);
}

#[test]
fn a_negated_instance_says_nothing_about_kinds() {
    let mut graph = library();
    graph.link("river", Hierarchical, "not_instance_of", "canal", 1.0);
    assert_eq!(answer(&graph, "is a river a canal"), "No: river is not an instance of canal.");
    assert_eq!(code(&ask(&graph, "is the Nile a canal")), RefusalCode::NoPath);
}

#[test]
fn yes_and_no_is_a_contradiction_and_both_are_shown() {
    let mut graph = library();
    let statement = graph.statement("Tramadol is an opioid and an NSAID.", "https://example.org/forum");
    let (tramadol, opioid, nsaid) = (graph.learn("tramadol"), graph.learn("opioid"), graph.learn_as("NSAID", None, &[]));
    graph.associate(tramadol, Hierarchical, "is_a", opioid, 0.9, &[statement]);
    graph.associate(tramadol, Hierarchical, "is_a", nsaid, 0.9, &[statement]);
    let response = ask(&graph, "is tramadol an opioid");
    assert_eq!(code(&response), RefusalCode::Contradicted);
    assert_eq!(response.paths.len(), 2);
    let told: Vec<_> = response.against.iter().map(|objection| (objection.statement, objection.reason.as_str())).collect();
    // One entry a statement, each with what it says itself.
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], (statement, "It says no: tramadol is a kind of NSAID. It says yes: tramadol is a kind of opioid."));
    assert!(told[1].1.starts_with("It says no: ") && told[1].1.contains(" is not a kind of "), "{told:?}");
    assert!(response.against.iter().all(|objection| response.sources.iter().any(|source| source.id == objection.statement)));

    // A doubtful negation speaks against the answer without taking it back.
    let doubt = graph.statement("Some doubt that a mortgage is a loan.", "https://example.org/blog");
    let (mortgage, loan) = (graph.learn("mortgage"), graph.learn("loan"));
    graph.associate(mortgage, Hierarchical, "is_not_a", loan, 0.1, &[doubt]);
    let response = ask(&graph, "is a mortgage a loan");
    assert!(response.known);
    assert_eq!(response.against[0].statement, doubt);
    assert_eq!((response.consensus.paths, response.consensus.supporting), (2, 1));
}

#[test]
fn relate_tells_the_surest_path_in_any_direction() {
    let graph = library();
    let response = ask(&graph, "How are gastric bleeding and aspirin related?");
    assert_eq!(response.answer.as_deref(), Some("gastric bleeding is caused by NSAID; aspirin is a kind of NSAID."));
    assert_eq!(response.confidence, 0.9 * 0.95);
    assert!(response.paths[0].hops.iter().all(|hop| hop.reversed));
    assert_eq!(code(&ask(&graph, "how is aspirin related to the European Union")), RefusalCode::NoPath);
}

#[test]
fn one_hop_questions_unite_both_encodings() {
    let graph = library();
    let response = ask(&graph, "What are the parts of the heart?");
    assert_eq!(response.answer.as_deref(), Some("heart has as parts: aorta and left ventricle."));
    let parts: Vec<(&str, f64)> = response.answers.iter().map(|part| (part.content.as_str(), part.confidence)).collect();
    assert_eq!(parts, [("aorta", 1.0), ("left ventricle", 0.9)]);
    assert_eq!(response.alternatives[0].content, "spleen");
    assert_eq!(response.confidence, 0.9);
    assert_eq!(answer(&graph, "what has the aorta as a part"), "aorta is a part of heart.");
    assert_eq!(answer(&graph, "what is the aorta a part of"), "aorta is a part of heart.");
    assert_eq!(
        answer(&graph, "what are the members of the European Union"),
        "European Union has as members: France and Ireland."
    );
    assert_eq!(answer(&graph, "what is France a member of"), "France is a member of European Union.");
    assert_eq!(answer(&graph, "what has Ireland as a member"), "Ireland is a member of European Union.");
    assert_eq!(answer(&graph, "what are the kinds of loans"), "Kinds of loan: mortgage and overdraft.");
    assert_eq!(answer(&graph, "what are the kinds of river"), "Instances of river: Nile.");
    assert_eq!(answer(&graph, "what is an overdraft a kind of"), "overdraft is a kind of loan.");
    for nothing in
        ["what are the parts of aspirin", "what has aspirin as a member", "what is a loan a kind of", "what is a kind of Nile"]
    {
        assert_eq!(code(&ask(&graph, nothing)), RefusalCode::NoPath, "{nothing}");
    }
}

#[test]
fn a_denied_part_is_withdrawn() {
    let mut graph = library();
    graph.link("aorta", Compositional, "not_part_of", "heart", 0.9);
    let response = ask(&graph, "what are the parts of the heart");
    assert_eq!(response.answer.as_deref(), Some("heart has as parts: left ventricle."));
    assert_eq!(response.against[0].reason, "It says: heart does not have aorta as a part.");
    assert_eq!(code(&ask(&graph, "what is the aorta a part of")), RefusalCode::Contradicted);
}

#[test]
fn many_answers_are_listed_shortly_and_kept_wholly() {
    let mut graph = Graph::default();
    (0..1_200).for_each(|number| drop(graph.link(&format!("article {number:04}"), Compositional, "part_of", "treaty", 1.0)));
    let response = ask(&graph, "what are the parts of the treaty");
    assert_eq!(response.answers.len(), ANSWERS);
    assert!(response.answer.unwrap().ends_with(" and 1190 more."));
    assert_eq!(response.paths.len(), 10);
}

#[test]
fn an_unsure_answer_stays_below_the_gate_and_is_shown_as_the_nearest() {
    let mut graph = library();
    graph.link("bitcoin", Hierarchical, "is_a", "currency", 0.4);
    let response = ask(&graph, "is bitcoin a currency");
    assert_eq!(code(&response), RefusalCode::BelowGate);
    assert_eq!(response.because.unwrap().nearest[0].content, "Yes: bitcoin is a kind of currency.");
    assert_eq!((response.paths.len(), response.gate.confidence, response.gate.threshold), (1, 0.4, 0.5));
    assert!(ask_at(&graph, "is bitcoin a currency", Gate::Lenient).known);
    assert_eq!(code(&ask_at(&graph, "is a spleen a currency", Gate::Lenient)), RefusalCode::NoPath);
    for weak in ["how are bitcoin and currency related", "what is bitcoin", "what are the kinds of currency"] {
        let response = ask(&graph, weak);
        assert_eq!(code(&response), RefusalCode::BelowGate, "{weak}");
        assert!(!response.because.unwrap().nearest.is_empty() && !response.paths.is_empty(), "{weak}");
    }
    graph.link("euro", Hierarchical, "is_a", "currency", 0.7);
    assert!(ask(&graph, "is the euro a currency").known);
    assert_eq!(code(&ask_at(&graph, "is the euro a currency", Gate::Strict)), RefusalCode::BelowGate);
}

#[test]
fn unknown_names_are_named_and_suggestions_come_from_the_caller() {
    let mut graph = library();
    let response = ask(&graph, "Is ibuprofin an NSAID?");
    assert_eq!(code(&response), RefusalCode::UnknownEntity);
    assert_eq!(response.because.unwrap().message, "Nothing called \"ibuprofin\" is known.");
    assert_eq!(response.asked.entities[1].content.as_deref(), Some("NSAID"));

    let ibuprofen = graph.learn("ibuprofen");
    let never = || false;
    let budget = Budget::until(&never);
    let suggest = |name: &str| crate::linking::nearest(name, [(ibuprofen, "ibuprofen")], 5);
    let context = Context { id: String::new(), budget: &budget, elapsed_ms: &|| 0.0, suggest: Some(&suggest) };
    let request = ReasonRequest { query: "what is ibuprofin".into(), ..ReasonRequest::default() };
    assert_eq!(reason(&graph, &request, context).because.unwrap().nearest[0].id, ibuprofen);
}

#[test]
fn ambiguous_names_list_candidates_and_bind_settles_them() {
    let mut graph = library();
    let river = graph.learn("bank: sloping land beside a river");
    let money = graph.learn("bank, depository: an institution that takes deposits");
    graph.link("building society", Hierarchical, "is_a", "bank, depository: an institution that takes deposits", 1.0);
    let response = ask(&graph, "is a building society a bank");
    assert_eq!(code(&response), RefusalCode::AmbiguousEntity);
    let because = response.because.unwrap();
    assert_eq!(because.candidates.len(), 2);
    assert!(because.message.contains("2 concepts") && because.message.contains("`bind`"), "{}", because.message);
    let bind = |name: &str, id: ConceptId| {
        let query = "is a building society a bank".into();
        ask_with(&graph, ReasonRequest { query, bind: BTreeMap::from([(name.to_owned(), id)]), ..ReasonRequest::default() })
    };
    assert!(bind(&because.candidates[0].name, money).known);
    assert!(bind("BANK", money).known);
    assert_eq!(code(&bind("bank", river)), RefusalCode::NoPath);
    let dead = bind("bank", ConceptId::from_u128(5));
    assert_eq!(code(&dead), RefusalCode::UnknownEntity);
    assert!(dead.because.unwrap().message.contains("bound"));
}

#[test]
fn every_ambiguous_name_of_a_question_is_reported_at_once() {
    let mut graph = Graph::default();
    for content in ["seal: a marine mammal", "seal: a stamp", "mammal: an animal", "mammal: a software project"] {
        graph.learn(content);
    }
    let because = ask(&graph, "is a seal a mammal").because.unwrap();
    let names: Vec<&str> = because.candidates.iter().map(|candidate| candidate.name.as_str()).collect();
    assert_eq!(names, ["a seal", "a seal", "mammal", "mammal"]);
    assert!(because.message.contains("\"a seal\" may stand for 2 concepts; \"mammal\" may stand for 2 concepts"));
}

#[test]
fn candidates_are_capped_and_counted() {
    let mut graph = Graph::default();
    (0..60).for_each(|number| _ = graph.learn_as("John Smith", Some(&format!("MRN-{number}")), &[]));
    let because = ask(&graph, "who is John Smith").because.unwrap();
    assert_eq!((because.code, because.candidates.len()), (RefusalCode::AmbiguousEntity, 50));
    assert!(because.message.contains("60 concepts") && because.candidates[0].key.is_some());
}

#[test]
fn of_several_splits_the_known_one_is_meant_and_two_known_ones_are_ambiguous() {
    let mut graph = Graph::default();
    graph.link("guide dog", Hierarchical, "is_a", "dog", 1.0);
    assert!(ask(&graph, "are guide dogs dogs").known);
    graph.link("profit and loss", Semantic, "related_to", "tax", 1.0);
    assert!(ask(&graph, "how are profit and loss and tax related").known);
    graph.link("profit", Semantic, "related_to", "loss and tax", 1.0);
    let response = ask(&graph, "how are profit and loss and tax related");
    assert_eq!(code(&response), RefusalCode::AmbiguousEntity);
    assert!(ask(&graph, "how are \"profit and loss\" and tax related").known);
    let bind = ["profit", "loss and tax"].map(|name| (name.to_owned(), graph.learn(name)));
    let query = "how are profit and loss and tax related".into();
    assert!(ask_with(&graph, ReasonRequest { query, bind: BTreeMap::from(bind), ..ReasonRequest::default() }).known);
}

#[test]
fn other_questions_are_unsupported_and_say_what_is() {
    let graph = library();
    for question in ["why do banks fail?", "is it raining", "tell me a joke", "?", "aspirin"] {
        let response = ask(&graph, question);
        assert_eq!((code(&response), response.intent), (RefusalCode::UnsupportedQuestion, Intent::Unsupported), "{question}");
    }
}

#[test]
fn when_the_time_is_over_the_answer_is_a_deadline() {
    let graph = library();
    let late = || true;
    for query in ["is aspirin an analgesic", "what are the parts of the heart", "how are aspirin and NSAID related"] {
        let budget = Budget::until(&late);
        let context = Context { id: String::new(), budget: &budget, elapsed_ms: &|| 0.0, suggest: None };
        let response = reason(&graph, &ReasonRequest { query: query.into(), ..ReasonRequest::default() }, context);
        assert_eq!(code(&response), RefusalCode::Deadline, "{query}");
        assert!(response.partial);
    }
}

proptest! {
    /// Kinds and negations among six classes: what is said has to follow from what is stored in every world where it holds.
    #[test]
    fn yes_and_no_follow_from_what_is_stored(kinds in vec((0..6usize, 0..6usize), 0..9), denied in vec((0..6usize, 0..6usize), 0..3), x in 0..6usize, y in 0..6usize) {
        const NAMES: [&str; 6] = ["loan", "mortgage", "overdraft", "credit", "deposit", "bond"];
        let mut graph = Graph::default();
        NAMES.iter().for_each(|name| _ = graph.learn(name));
        for (at, (a, b)) in kinds.iter().enumerate() {
            // Every other one is stored the other way round.
            let (source, label, target) = if at % 2 == 0 { (a, "is_a", b) } else { (b, "hyponym", a) };
            graph.link(NAMES[*source], Hierarchical, label, NAMES[*target], 1.0);
        }
        denied.iter().for_each(|(a, b)| _ = graph.link(NAMES[*a], Hierarchical, "is_not_a", NAMES[*b], 1.0));
        let mut below = [[false; 6]; 6];
        (0..6).for_each(|at| below[at][at] = true);
        kinds.iter().for_each(|(a, b)| below[*a][*b] = true);
        for middle in 0..6 {
            for a in 0..6 {
                for b in 0..6 {
                    below[a][b] |= below[a][middle] && below[middle][b];
                }
            }
        }
        let yes = below[x][y];
        let no = denied.iter().any(|(a, b)| below[x][*a] && below[y][*b]);
        let query = format!("is {} a {}", NAMES[x], NAMES[y]);
        let response = ask_with(&graph, ReasonRequest { query, max_depth: Some(20), ..ReasonRequest::default() });
        match (yes, no) {
            (true, true) => prop_assert_eq!(code(&response), RefusalCode::Contradicted),
            (false, false) => prop_assert_eq!(code(&response), RefusalCode::NoPath),
            _ => {
                prop_assert_eq!(response.answers[0].content.as_str(), if yes { "yes" } else { "no" });
                prop_assert_eq!(response.confidence, 1.0);
                prop_assert!(response.against.is_empty());
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(query in "\\PC{0,60}", words in vec("(what|is|are|a|of|and|the|related|kind|aspirin|\"|how|part)", 0..14)) {
        let graph = library();
        ask(&graph, &query);
        ask(&graph, &words.join(" "));
    }
}
