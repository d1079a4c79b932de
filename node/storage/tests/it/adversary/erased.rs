//! What was erased is in no file any more, once the store says so.

use std::path::Path;

use sutra_disk::{Disk, SimulatedDisk};
use sutra_protocol::command::{Amend, Command, Learn, NewAssociation, NewConcept, Operation, RequestKey};
use sutra_protocol::{AssociationKey, AssociationType, AttributeValue, ConceptId, Label, Namespace, Source, Validity};

use super::budget::each_seed;
use super::trial::Trial;

/// What stands in every text of the patient's that is to be erased, and in no other.
const SECRET: &str = "Q7xKossuth";

fn command(operation: Operation) -> Command {
    let request = Some(RequestKey { key: format!("{:?}", std::mem::discriminant(&operation)), digest: 1 });
    Command {
        namespace: Namespace::default(),
        asserted_by: "dr.rao".into(),
        request,
        operations: vec![operation],
        foreign: Vec::new(),
    }
}

/// A patient, with a text of theirs in every field that holds text.
fn patient() -> NewConcept {
    let namespace = Namespace::default();
    let mut patient = NewConcept::bare(&namespace, &format!("Patient {SECRET} Béla"), Some(&format!("MRN:{SECRET}")));
    patient.aliases = vec![format!("{SECRET}, B.").into()];
    patient.attributes.insert("address".into(), AttributeValue::Text(format!("{SECRET} utca 7")));
    patient.attributes.insert(format!("phone of {SECRET}"), AttributeValue::Integer(361));
    patient.source = Some(Source { uri: format!("file:{SECRET}.pdf"), title: Some(SECRET.into()), page: None, offset: None });
    patient
}

/// Files that hold the bytes.
fn holders(disk: &SimulatedDisk) -> Vec<String> {
    // An index folds words.
    let texts = [SECRET.to_owned(), SECRET.to_lowercase()];
    let mut holders = Vec::new();
    // As of one moment: a merge may put files in the place of others meanwhile.
    let disk = disk.snapshot().disk(0);
    for path in disk.paths() {
        let bytes = disk.read(&path).unwrap();
        let holds = |text: &String| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if texts.iter().any(holds) {
            holders.push(path.display().to_string());
        }
    }
    holders
}

#[test]
fn what_was_erased_is_in_no_file() {
    let mut found_before = 0;
    each_seed("erased", 0.5, |seed| {
        let mut trial = Trial::new(seed);
        let id: ConceptId = patient().id;
        let headache = NewConcept::bare(&Namespace::default(), "headache", None);
        let key = AssociationKey {
            source: id,
            kind: AssociationType::Causal,
            label: Label::from("suffers from"),
            target: headache.id,
            validity: Validity::ALWAYS,
        };
        let learn = Learn {
            concept: patient(),
            on_conflict: None,
            targets: vec![headache],
            associations: vec![NewAssociation { key, confidence: 1.0, strength: 1.0, evidence: Vec::new() }],
        };
        let amend = Amend {
            id,
            expected: None,
            aliases: Some(vec![format!("{SECRET} the younger").into()]),
            attributes: Default::default(),
            confidence: Some(0.5),
            valid_from: Default::default(),
            valid_to: Default::default(),
        };
        let mut deeds = vec![Operation::Learn(Box::new(learn)), Operation::Amend(Box::new(amend))];
        if trial.random.one_in(2) {
            deeds.push(Operation::Retract(id));
        }
        for deed in deeds {
            for _ in 0..trial.random.below(3) {
                trial.bystander();
            }
            match trial.random.below(6) {
                0 => trial.checkpoint(),
                1 => trial.compact(),
                2 => {
                    trial.close();
                    trial.open();
                }
                _ => {}
            }
            trial.send(command(deed));
        }
        if trial.random.one_in(2) {
            trial.checkpoint();
        }
        found_before += holders(&trial.disk).len();
        let erased = trial.send(command(Operation::Erase(id)));
        if trial.random.one_in(3) {
            // The promise outlives a crash: the store goes on with it.
            trial.crash();
            trial.recover();
        }
        trial.scrub(erased.index);
        let holders = holders(&trial.disk);
        assert!(holders.is_empty(), "{holders:?} still hold it, {:?}", trial.disk.list(Path::new("/store")));
        trial.check();
        // Nor does it come back.
        trial.crash();
        trial.recover();
        trial.compact();
        let holders = self::holders(&trial.disk);
        assert!(holders.is_empty(), "{holders:?} hold it again");
        trial.close();
    });
    assert!(found_before > 0, "it was never on the disk, and nothing was shown");
}
