//! A process of its own, four writers, SIGKILL at a random moment: everything acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use sutra_disk::Random;
use sutra_protocol::association::{AssociationKey, Label};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::{AssociationType, ConceptId, Knowledge, Namespace, Validity};
use sutra_storage::{Store, StoreConfig, View};

use super::budget::{is_soak, number};
use super::seen::NOW;

/// Set for the process that is to be killed: the data directory.
const DIR: &str = "SUTRA_KILL_DIR";
/// The number of the round, for the same process.
const ROUND: &str = "SUTRA_KILL_ROUND";
/// Concepts that others are associated with.
const HUBS: u64 = 7;

/// What a writer was told is stored.
#[derive(Clone, Copy, Debug)]
struct Written {
    round: u64,
    writer: u64,
    number: u64,
}

impl Written {
    fn content(self) -> String {
        format!("Ward {}, round {}: finding {} of the patient.", self.writer, self.round, self.number)
    }

    fn association(self) -> AssociationKey {
        let id = |content: &str| ConceptId::derive(&Namespace::default(), content, None);
        AssociationKey {
            source: id(&self.content()),
            kind: AssociationType::Causal,
            label: Label::from("indicates"),
            target: id(&hub(self.number % HUBS)),
            validity: Validity::ALWAYS,
        }
    }

    fn command(self) -> Command {
        let namespace = Namespace::default();
        let learn = Learn {
            concept: NewConcept::bare(&namespace, &self.content(), None),
            on_conflict: None,
            targets: vec![NewConcept::bare(&namespace, &hub(self.number % HUBS), None)],
            associations: vec![NewAssociation { key: self.association(), confidence: 0.75, strength: 1.0, evidence: Vec::new() }],
        };
        Command {
            namespace,
            asserted_by: "ward".into(),
            request: None,
            operations: vec![Operation::Learn(Box::new(learn))],
            foreign: Vec::new(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.strip_prefix("stored ")?.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { round: next()?, writer: next()?, number: next()? })
    }
}

fn hub(number: u64) -> String {
    format!("diagnosis {number}")
}

fn config(dir: &Path) -> StoreConfig {
    // Small enough that checkpoints, compactions and new log files happen all the time.
    StoreConfig { log_file_bytes: 64 << 10, delta_bytes: 128 << 10, ..StoreConfig::at(dir) }
}

/// Writes until it is killed, and says what is stored.
fn write_for_ever(dir: &Path, round: u64) {
    let store = Store::open(config(dir)).unwrap();
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let store = &store;
            threads.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for number in 0.. {
                    runtime.block_on(store.submit(Written { round, writer, number }.command())).unwrap();
                    // One write, so that no line is mixed with another's.
                    std::io::stdout().lock().write_all(format!("stored {round} {writer} {number}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}

/// This test in a process of its own.
fn writers(dir: &Path, round: u64) -> Child {
    let mut process = Process::new(std::env::current_exe().unwrap());
    process.args(["--exact", "adversary::kill::nothing_acknowledged_is_lost_by_sigkill", "--nocapture"]);
    process.env(DIR, dir).env(ROUND, round.to_string()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_sigkill() {
    if let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) {
        return write_for_ever(&dir, number(ROUND).unwrap());
    }
    let (rounds, end) = if is_soak() { (50, None) } else { (u64::MAX, Some(Instant::now() + Duration::from_secs(60))) };
    let seed = number("SUTRA_SEED").unwrap_or(31);
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut stored: Vec<Written> = Vec::new();
    let mut round = 0;
    while round < rounds && end.is_none_or(|end| Instant::now() < end) {
        let mut child = writers(dir.path(), round);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = 1 + random.below(1_500);
        let mut told = 0;
        while told < enough {
            let Some(Ok(line)) = lines.next() else { panic!("round {round}: the writers ended by themselves") };
            stored.extend(Written::parse(&line));
            told += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // A line may be cut by the kill: then nobody was told.
        stored.extend(lines.map_while(Result::ok).filter_map(|line| Written::parse(&line)));
        check(dir.path(), &stored, round, seed);
        round += 1;
    }
    eprintln!("kill: {round} rounds, {} acknowledged", stored.len());
    assert!(stored.len() > 100);
}

fn check(dir: &Path, stored: &[Written], round: u64, seed: u64) {
    let store = Store::open(config(dir)).unwrap_or_else(|error| panic!("round {round}, seed {seed}: {error}"));
    let view: View = store.view(&Namespace::default(), NOW).unwrap();
    for written in stored {
        let key = written.association();
        let concept = view.concept(key.source).unwrap_or_else(|| panic!("round {round}, seed {seed}: {written:?} is lost"));
        assert_eq!(*concept.content, written.content());
        let association = view.association(&key).unwrap_or_else(|| panic!("round {round}, seed {seed}: {key:?} is lost"));
        assert_eq!(association.confidence, 0.75, "{written:?}");
    }
    assert!(view.damage().is_none(), "{:?}", view.damage());
}
