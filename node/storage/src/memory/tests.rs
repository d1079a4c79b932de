//! The state machine against what a teacher expects, and its maps against plain ones.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use proptest::prelude::*;
use sutra_protocol::command::{Amend, Applied, Command, Edit, Learn, LogIndex, Operation, Outcome, Rejection};
use sutra_protocol::http::{NamespaceSettings, OnConflict};
use sutra_protocol::{
    AsOf, Association, AssociationFilter, ConceptId, Direction, Knowledge, Namespace, Source, Timestamp, Validity,
};

use sutra_segment::Source as _;

use super::*;
use crate::fixture::{aspirin, associate, association, command, entity, id, key, learn, repeatable, shared};

/// A state, and a clock that ticks with each command.
#[derive(Default)]
struct Ward {
    state: State,
    now: i64,
}

impl Ward {
    fn apply(&mut self, command: &Command) -> Applied {
        self.now += 1;
        let index = LogIndex(self.now as u64);
        self.state.applied = index;
        self.state.apply(index, Timestamp::from_micros(self.now), command)
    }

    /// Applies a command of one operation that is not rejected.
    fn ok(&mut self, command: &Command) -> Outcome {
        self.apply(command).outcomes.remove(0).unwrap()
    }

    fn rejected(&mut self, command: &Command) -> Rejection {
        self.apply(command).outcomes.remove(0).unwrap_err()
    }

    fn teach(&mut self, contents: &[&str]) {
        for content in contents {
            self.ok(&learn(entity(content)));
        }
    }

    fn view(&self) -> View {
        self.view_at(None, self.now)
    }

    fn view_at(&self, known_at: Option<i64>, valid_at: i64) -> View {
        let at = Timestamp::from_micros;
        let as_of = AsOf { valid_at: Some(at(valid_at)), known_at: known_at.map(at) };
        let graph = self.state.namespaces.get(&Namespace::default()).cloned().unwrap_or_else(|| Graph::new(LogIndex(0)).into());
        View::new(Namespace::default(), as_of, graph, KeyRange::WHOLE)
    }

    fn counts(&self) -> (u64, u64, u64) {
        let counts = self.state.namespaces.get(&Namespace::default()).map(|graph| graph.counts).unwrap_or_default();
        (counts.concepts, counts.associations, counts.vectors)
    }

    fn treats(&self) -> Option<Association> {
        self.view().association(&key("aspirin", "treats", "headache"))
    }
}

fn retract(content: &str) -> Command {
    command(Operation::Retract(id(content)))
}

fn learn_with(concept: sutra_protocol::command::NewConcept, on_conflict: Option<OnConflict>) -> Command {
    command(Operation::Learn(Box::new(Learn { concept, on_conflict, targets: Vec::new(), associations: Vec::new() })))
}

#[test]
fn a_retracted_statement_takes_what_rests_on_it_alone() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache", "The label says so.", "A trial says so."]);
    ward.ok(&associate("aspirin", "treats", "headache", 0.5, &["The label says so.", "A trial says so."]));
    assert_eq!(ward.counts(), (4, 1, 0));

    let taught = ward.now;
    assert_eq!(ward.ok(&retract("The label says so.")), Outcome::Retracted { associations: 0 });
    let evidence = ward.treats().unwrap().evidence;
    assert_eq!(evidence.len(), 1);
    assert_eq!(ward.ok(&retract("A trial says so.")), Outcome::Retracted { associations: 1 });
    assert_eq!(ward.treats(), None);
    assert_eq!(ward.counts(), (2, 0, 0));

    let before = ward.view_at(Some(taught), ward.now).association(&key("aspirin", "treats", "headache")).unwrap();
    assert_eq!(before.evidence.len(), 2);
    assert_eq!(ward.view_at(Some(taught), ward.now).retracted_at(id("A trial says so.")), Some(Timestamp::from_micros(ward.now)));
}

#[test]
fn learn_delete_learn_resurrects_nothing() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache"]);
    ward.ok(&associate("aspirin", "treats", "headache", 0.5, &[]));
    assert_eq!(ward.ok(&retract("headache")), Outcome::Retracted { associations: 1 });
    ward.teach(&["headache"]);
    assert_eq!(ward.treats(), None);
    assert_eq!(ward.view().concept(id("headache")).unwrap().incarnation, 2);
    assert_eq!(ward.view().degree(id("aspirin")).out, 0);
    assert_eq!(
        ward.ok(&associate("aspirin", "treats", "headache", 0.5, &[])),
        Outcome::Associated { created: true, confidence: 0.5 }
    );
    assert_eq!(ward.counts(), (2, 1, 0));
}

#[test]
fn a_relearned_concept_keeps_its_associations() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache"]);
    ward.ok(&associate("aspirin", "treats", "headache", 0.5, &[]));
    ward.teach(&["aspirin"]);
    ward.ok(&learn_with(aspirin(), Some(OnConflict::Replace)));
    assert!(ward.treats().is_some());
}

#[test]
fn a_repeated_association_raises_nothing_and_another_source_does() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache"]);
    for (content, uri) in [("Page 1 says so.", "label.pdf"), ("Page 9 says so.", "label.pdf"), ("So it was seen.", "trial.pdf")] {
        let mut statement = entity(content);
        statement.source = Some(Source { uri: uri.into(), title: None, page: None, offset: None });
        ward.ok(&learn(statement));
    }
    let confidence = |ward: &mut Ward, evidence: &str, confidence| match ward.ok(&associate(
        "aspirin",
        "treats",
        "headache",
        confidence,
        &[evidence],
    )) {
        Outcome::Associated { confidence, .. } => confidence,
        other => panic!("{other:?}"),
    };
    assert_eq!(confidence(&mut ward, "Page 1 says so.", 0.5), 0.5);
    assert_eq!(confidence(&mut ward, "Page 1 says so.", 0.5), 0.5);
    assert_eq!(confidence(&mut ward, "Page 9 says so.", 0.25), 0.5);
    assert_eq!(confidence(&mut ward, "So it was seen.", 0.5), 0.75);
    assert_eq!(confidence(&mut ward, "So it was seen.", 0.25), 0.625);
}

#[test]
fn a_citation_is_never_replaced_silently() {
    let from = |uri: &str| {
        let mut statement = entity("Aspirin inhibits COX-1.");
        statement.source = Some(Source { uri: uri.into(), title: None, page: Some(3), offset: None });
        statement
    };
    let mut ward = Ward::default();
    let id = from("label.pdf").id;
    let source = |ward: &Ward| ward.view().concept(id).unwrap().source.clone().unwrap().uri;
    ward.ok(&learn(from("label.pdf")));
    ward.ok(&learn(from("label.pdf")));
    ward.ok(&learn(entity("Aspirin inhibits COX-1.")));
    assert_eq!(ward.rejected(&learn(from("trial.pdf"))), Rejection::SourceDiffers { id });
    ward.ok(&learn_with(from("trial.pdf"), Some(OnConflict::Merge)));
    assert_eq!(source(&ward), "label.pdf");
    ward.ok(&learn_with(from("trial.pdf"), Some(OnConflict::Replace)));
    assert_eq!(source(&ward), "trial.pdf");
}

#[test]
fn evidence_is_never_surer_than_its_statement() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache", "Somebody said so."]);
    ward.ok(&associate("aspirin", "treats", "headache", 0.9, &["Somebody said so."]));
    let amend = Amend {
        id: id("Somebody said so."),
        expected: None,
        aliases: None,
        attributes: BTreeMap::new(),
        confidence: Some(0.25),
        valid_from: Edit::Keep,
        valid_to: Edit::Keep,
    };
    ward.ok(&command(Operation::Amend(Box::new(amend))));
    assert_eq!(ward.treats().unwrap().confidence, 0.25);
}

#[test]
fn a_rejected_operation_leaves_no_trace() {
    let mut ward = Ward::default();
    let lost = associate("aspirin", "treats", "headache", 0.5, &[]);
    assert_eq!(ward.rejected(&lost), Rejection::NoConcept { role: "source", id: id("aspirin") });
    assert!(ward.state.namespaces.is_empty(), "no namespace was made for it");
    ward.teach(&["aspirin"]);
    assert_eq!(ward.rejected(&lost), Rejection::NoConcept { role: "target", id: id("headache") });
    let learn = Learn {
        concept: entity("ibuprofen"),
        on_conflict: None,
        targets: vec![entity("fever")],
        associations: vec![association("ibuprofen", "treats", "headache", 1.0, &[])],
    };
    assert!(matches!(ward.rejected(&command(Operation::Learn(Box::new(learn)))), Rejection::NoConcept { role: "target", .. }));
    assert_eq!(ward.counts(), (1, 0, 0));
    assert!(ward.view().named("ibuprofen").is_empty() && ward.view().named("fever").is_empty());
}

#[test]
fn a_learned_concept_is_the_evidence_of_its_associations() {
    let mut ward = Ward::default();
    let learn = Learn {
        concept: entity("ibuprofen"),
        on_conflict: None,
        targets: vec![entity("fever")],
        associations: vec![association("ibuprofen", "treats", "fever", 0.9, &[])],
    };
    let Outcome::Learned { created: true, associations, .. } = ward.ok(&command(Operation::Learn(Box::new(learn)))) else {
        panic!("not created")
    };
    assert_eq!(associations[0].target_content, shared("fever"));
    assert_eq!(associations[0].evidence[0].ground, sutra_protocol::Ground::Statement(id("ibuprofen")));
    assert_eq!(ward.counts(), (2, 1, 0));
}

#[test]
fn a_key_names_one_content() {
    let keyed = |content: &str| sutra_protocol::command::NewConcept::bare(&Namespace::default(), content, Some("RXCUI:1191"));
    let mut ward = Ward::default();
    ward.ok(&learn(keyed("aspirin")));
    let holder = keyed("aspirin").id;
    let other = keyed("acetylsalicylic acid");
    assert_eq!(ward.rejected(&learn(other.clone())), Rejection::KeyTaken { key: shared("RXCUI:1191"), holder });

    let merged = ward.ok(&learn_with(other.clone(), Some(OnConflict::Merge)));
    assert!(matches!(merged, Outcome::Learned { id, created: false, .. } if id == holder));
    assert_eq!(ward.view().named("Acetylsalicylic  Acid"), [holder]);

    let replaced = ward.ok(&learn_with(other.clone(), Some(OnConflict::Replace)));
    assert!(matches!(replaced, Outcome::Learned { id, created: true, .. } if id == other.id));
    assert_eq!(ward.view().keyed("RXCUI:1191"), Some(other.id));
    assert_eq!(ward.view().concept(holder), None);
    assert_eq!(ward.view_at(Some(2), 2).keyed("RXCUI:1191"), Some(holder));
    assert_eq!(ward.rejected(&learn_with(other.clone(), Some(OnConflict::Error))), Rejection::Exists { id: other.id });
}

#[test]
fn what_holds_only_then_is_seen_only_then() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache"]);
    let at = Timestamp::from_micros;
    let mut timed = association("aspirin", "treats", "headache", 1.0, &[]);
    timed.key.validity = Validity { from: Some(at(100)), to: Some(at(200)) };
    ward.ok(&command(Operation::Associate(timed)));
    let out =
        |valid_at| ward.view_at(None, valid_at).expand(&[id("aspirin")], Direction::Both, &AssociationFilter::default())[0].len();
    assert_eq!([out(99), out(100), out(199), out(200)], [0, 1, 1, 0]);
    let graph = ward.state.namespaces.get(&Namespace::default()).cloned().unwrap();
    let whenever = View::new(Namespace::default(), AsOf { valid_at: None, known_at: None }, graph, KeyRange::WHOLE);
    assert_eq!(whenever.degree(id("aspirin")).out, 1);
}

#[test]
fn a_repeated_request_gets_its_first_answer() {
    let mut ward = Ward::default();
    let first = ward.apply(&repeatable(learn(aspirin()), "order-7", 1));
    ward.ok(&retract("aspirin"));
    let again = ward.apply(&repeatable(learn(aspirin()), "order-7", 1));
    assert_eq!(again, Applied { repeated: true, ..first });
    assert_eq!(ward.view().concept(id("aspirin")), None, "the repetition taught nothing");
    assert_eq!(ward.rejected(&repeatable(learn(entity("iron")), "order-7", 2)), Rejection::KeyReused);
}

#[test]
fn a_checkpoint_leaves_out_requests_whose_hour_is_over_by_the_log_s_time() {
    const HOUR: i64 = 3_600_000_000;
    let mut ward = Ward::default();
    ward.ok(&repeatable(learn(aspirin()), "order-7", 7));
    ward.now += HOUR / 2;
    ward.ok(&repeatable(learn(entity("warfarin")), "order-8", 7));
    let keys = |ward: &mut Ward| {
        ward.state.freeze();
        ward.state.sessions.entries().into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&mut ward), ["order-7", "order-8"]);
    ward.now += HOUR / 2 + 1;
    // It is not repeatable itself.
    ward.teach(&["heparin"]);
    assert_eq!(keys(&mut ward), ["order-8"]);
}

#[test]
fn a_request_is_judged_by_the_log_s_time_and_not_by_that_of_one_command() {
    const HOUR: i64 = 3_600_000_000;
    let mut ward = Ward::default();
    let once = repeatable(learn(aspirin()), "order-7", 7);
    ward.ok(&once);
    ward.now += HOUR + 1;
    ward.teach(&["warfarin"]);
    // Stamped by a leader that had not seen that yet. A replica that has made a checkpoint knows nothing of the request.
    ward.now = HOUR / 2;
    assert!(!ward.apply(&once).repeated);
}

#[test]
fn vectors_have_one_dimension() {
    let with = |content, numbers: &[f32]| {
        let mut concept = entity(content);
        concept.vector = Some(numbers.into());
        learn(concept)
    };
    let mut ward = Ward::default();
    ward.ok(&with("aspirin", &[0.5, 0.5]));
    assert_eq!(ward.rejected(&with("iron", &[0.5])), Rejection::Dimension { expected: 2, found: 1 });
    assert_eq!(ward.counts(), (1, 0, 1));
}

#[test]
fn an_older_version_is_not_amended() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin"]);
    let amend = |expected: i64, confidence| {
        let expected = Some(Timestamp::from_micros(expected));
        let (id, aliases, attributes) = (id("aspirin"), None, BTreeMap::new());
        let (valid_from, valid_to) = (Edit::Keep, Edit::Keep);
        command(Operation::Amend(Box::new(Amend { id, expected, aliases, attributes, confidence, valid_from, valid_to })))
    };
    ward.ok(&amend(1, Some(0.5)));
    assert_eq!(ward.rejected(&amend(1, Some(0.25))), Rejection::Changed { id: id("aspirin") });
    assert_eq!(ward.view_at(Some(1), 1).concept(id("aspirin")).unwrap().confidence, 1.0);
}

#[test]
fn search_sees_what_its_view_sees() {
    let mut ward = Ward::default();
    ward.teach(&["aspirin relieves pain", "ibuprofen relieves pain"]);
    let before = ward.view();
    ward.ok(&retract("aspirin relieves pain"));
    let found = |view: &View| view.search("aspirin", 10, &|_| true).unwrap().len();
    assert_eq!((found(&before), found(&ward.view()), found(&ward.view_at(Some(2), 2))), (1, 0, 1));
    ward.teach(&["aspirin relieves pain"]);
    assert_eq!((found(&before), found(&ward.view())), (1, 1));
    assert_eq!(ward.view().search("pain", 1, &|concept| concept.content.starts_with("ibu")).unwrap().len(), 1);
}

#[test]
fn a_retracted_text_weighs_no_words_any_more() {
    let score = |ward: &Ward| ward.view().search("ibuprofen", 1, &|_| true).unwrap()[0].score;
    let mut ward = Ward::default();
    ward.teach(&["ibuprofen relieves pain"]);
    let alone = score(&ward);
    ward.teach(&["ibuprofen and aspirin are sold without prescription"]);
    assert_ne!(score(&ward), alone);
    ward.ok(&retract("ibuprofen and aspirin are sold without prescription"));
    assert_eq!(score(&ward), alone);
}

#[test]
fn a_dropped_namespace_forgets_everything() {
    let mut ward = Ward::default();
    let first = repeatable(learn(aspirin()), "order-7", 1);
    ward.apply(&first);
    assert_eq!(ward.ok(&command(Operation::DropNamespace)), Outcome::NamespaceDropped { concepts: 1 });
    assert!(!ward.apply(&first).repeated);
    let settings = NamespaceSettings { history_retention_seconds: Some(60), ..NamespaceSettings::default() };
    assert_eq!(ward.ok(&command(Operation::SetNamespace(settings))), Outcome::NamespaceSet { created: false });
}

#[test]
fn what_is_said_and_unsaid_all_day_takes_memory_for_each_time_once() {
    const TIMES: usize = 500;
    let mut ward = Ward::default();
    ward.teach(&["aspirin", "headache"]);
    let mut said = Vec::new();
    for _ in 0..TIMES {
        ward.ok(&associate("aspirin", "treats", "headache", 0.9, &[]));
        said.push((ward.now, true));
        let gone = ward.ok(&command(Operation::Dissociate(key("aspirin", "treats", "headache"))));
        assert_eq!(gone, Outcome::Dissociated { deleted: true });
        said.push((ward.now, false));
    }
    for (now, is_said) in said {
        let view = ward.view_at(Some(now), ward.now);
        assert_eq!(view.association(&key("aspirin", "treats", "headache")).is_some(), is_said, "known at {now}");
    }
    let bytes = ward.state.delta_bytes();
    assert!(bytes < 40_000 + 1_000 * TIMES, "{bytes} bytes");
}

#[test]
fn history_beyond_its_retention_is_dropped() {
    let mut ward = Ward::default();
    ward.ok(&command(Operation::SetNamespace(NamespaceSettings {
        history_retention_seconds: Some(1),
        ..NamespaceSettings::default()
    })));
    ward.teach(&["aspirin"]);
    ward.ok(&retract("aspirin"));
    ward.now += 2_000_000;
    ward.teach(&["aspirin"]);
    assert_eq!(ward.view().concept(id("aspirin")).unwrap().incarnation, 2);
    let graph = &ward.state.namespaces[&Namespace::default()];
    let now = Timestamp::from_micros(ward.now);
    let written =
        Written { namespace: &Namespace::default(), shape: None, delta: &graph.delta, horizon: graph.forgotten_before(now) };
    let (_, row) = written.concepts().next().unwrap();
    let kept: Vec<_> = row.versions.iter().map(|version| version.concept.as_ref().map(|concept| concept.incarnation)).collect();
    assert_eq!(kept, [None, Some(2)]);
}

/// A change of a small world, for random histories.
#[derive(Clone, Debug)]
enum Step {
    Learn(u8),
    Retract(u8),
    Associate { source: u8, target: u8, label: u8, evidence: Option<u8> },
    Dissociate { source: u8, target: u8, label: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let concept = 0..6_u8;
    let ends = (concept.clone(), concept.clone(), 0..2_u8);
    prop_oneof![
        concept.clone().prop_map(Step::Learn),
        concept.clone().prop_map(Step::Retract),
        (ends.clone(), proptest::option::of(concept)).prop_map(|((source, target, label), evidence)| Step::Associate {
            source,
            target,
            label,
            evidence
        }),
        ends.prop_map(|(source, target, label)| Step::Dissociate { source, target, label }),
    ]
}

type Edge = (u8, u8, u8);

/// The same world in plain maps: each association with the evidence it rests on.
#[derive(Clone, Default)]
struct Plain {
    concepts: std::collections::BTreeSet<u8>,
    associations: BTreeMap<Edge, std::collections::BTreeSet<Option<u8>>>,
}

impl Plain {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Learn(concept) => {
                self.concepts.insert(concept);
            }
            Step::Retract(concept) => {
                self.concepts.remove(&concept);
                for evidence in self.associations.values_mut() {
                    evidence.remove(&Some(concept));
                }
                self.associations
                    .retain(|(source, target, _), evidence| !evidence.is_empty() && *source != concept && *target != concept);
            }
            Step::Associate { source, target, label, evidence } => {
                if [Some(source), Some(target), evidence].into_iter().flatten().all(|end| self.concepts.contains(&end)) {
                    self.associations.entry((source, target, label)).or_default().insert(evidence);
                }
            }
            Step::Dissociate { source, target, label } => {
                self.associations.remove(&(source, target, label));
            }
        }
    }
}

fn name(concept: u8) -> String {
    format!("substance {concept}")
}

fn of(step: &Step) -> Command {
    let label = |label: u8| ["treats", "causes"][usize::from(label)];
    match *step {
        Step::Learn(concept) => learn(entity(&name(concept))),
        Step::Retract(concept) => retract(&name(concept)),
        Step::Associate { source, target, label: at, evidence } => {
            let evidence = evidence.map(name);
            let evidence: Vec<_> = evidence.as_deref().into_iter().collect();
            associate(&name(source), label(at), &name(target), 0.5, &evidence)
        }
        Step::Dissociate { source, target, label: at } => {
            command(Operation::Dissociate(key(&name(source), label(at), &name(target))))
        }
    }
}

/// Concepts; associations as (source, target, label, pieces of evidence); how many are found from their targets.
type Picture = (Vec<ConceptId>, Vec<(ConceptId, ConceptId, String, usize)>, usize);

/// What a view shows, in the plain world's words.
fn seen(view: &View) -> Picture {
    let concepts: Vec<_> = view.concepts(None, 100).iter().map(|concept| concept.id).collect();
    let associations = view.associations(None, 100).into_iter();
    let associations =
        associations.map(|one| (one.key.source, one.key.target, one.key.label.to_string(), one.evidence.len())).collect();
    let incoming = view.expand(&concepts, Direction::In, &AssociationFilter::default());
    (concepts, associations, incoming.iter().map(Vec::len).sum())
}

fn expected(plain: &Plain) -> Picture {
    let mut concepts: Vec<_> = plain.concepts.iter().map(|concept| id(&name(*concept))).collect();
    concepts.sort_unstable();
    let mut associations: Vec<_> = plain
        .associations
        .iter()
        .map(|((source, target, label), evidence)| {
            let label = ["treats", "causes"][usize::from(*label)].to_owned();
            (id(&name(*source)), id(&name(*target)), label, evidence.len())
        })
        .collect();
    associations.sort_by(|a, b| (a.0, &a.2, a.1).cmp(&(b.0, &b.2, b.1)));
    let count = associations.len();
    (concepts, associations, count)
}

proptest! {
    /// Any history leaves what plain maps hold, now and, with `known_at`, at each moment of it.
    #[test]
    fn histories_agree_with_plain_maps(steps in prop::collection::vec(step(), 1..60)) {
        let mut ward = Ward::default();
        let mut plain = Plain::default();
        let mut moments = Vec::new();
        for step in &steps {
            ward.apply(&of(step));
            plain.step(step);
            prop_assert_eq!(seen(&ward.view()), expected(&plain), "after {:?}", step);
            let counts = ward.counts();
            prop_assert_eq!((counts.0, counts.1), (plain.concepts.len() as u64, plain.associations.len() as u64));
            moments.push((ward.now, ward.view(), plain.clone()));
        }
        for (moment, pinned, plain) in moments {
            prop_assert_eq!(seen(&pinned), expected(&plain), "pinned at {}", moment);
            prop_assert_eq!(seen(&ward.view_at(Some(moment), ward.now)), expected(&plain), "known at {}", moment);
        }
    }
}

/// Readers that take snapshots while one thread writes each see one moment, whole: what is counted is there, in every order.
#[test]
fn snapshots_are_whole_while_somebody_writes() {
    const DRUGS: usize = 400;
    let published = ArcSwap::from_pointee(State::default());
    let is_over = AtomicBool::new(false);
    let drug = |at: usize| format!("drug {at}");
    std::thread::scope(|scope| {
        let readers = [1, 2].map(|_| {
            scope.spawn(|| {
                let (mut looks, mut last) = (0_u64, LogIndex(0));
                while !is_over.load(Ordering::Acquire) || looks == 0 {
                    let state = published.load_full();
                    assert!(state.applied >= last, "time goes on");
                    last = state.applied;
                    let Some(graph) = state.namespaces.get(&Namespace::default()) else { continue };
                    let as_of = AsOf { valid_at: None, known_at: None };
                    let view = View::new(Namespace::default(), as_of, Arc::clone(graph), KeyRange::WHOLE);
                    let concepts = view.concepts(None, usize::MAX);
                    assert!(concepts.is_sorted_by_key(|concept| concept.id));
                    assert_eq!(concepts.len() as u64, graph.counts.concepts);
                    assert_eq!(view.recent(usize::MAX).len() as u64, graph.counts.concepts);
                    assert_eq!(view.associations(None, usize::MAX).len() as u64, graph.counts.associations);
                    let arriving: u64 = concepts.iter().map(|concept| view.degree(concept.id).into).sum();
                    assert_eq!(arriving, graph.counts.associations);
                    looks += 1;
                }
                looks
            })
        });
        let mut ward = Ward::default();
        for at in 0..DRUGS {
            ward.teach(&[&drug(at)]);
            for (label, other) in [("interacts", at / 2), ("like", at / 3), ("like", at.saturating_sub(1))] {
                ward.ok(&associate(&drug(at), label, &drug(other), 0.9, &[]));
            }
            if at % 7 == 6 {
                // With all that rests on it.
                ward.ok(&retract(&drug(at - 3)));
                ward.teach(&[&drug(at - 3)]);
            }
            ward.state.applied = LogIndex(at as u64);
            published.store(Arc::new(ward.state.clone()));
        }
        is_over.store(true, Ordering::Release);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
}
