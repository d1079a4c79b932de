//! A small archive of a ward and of a law firm, whose files are then damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::{Disk, DiskCall, Failure, Fault, SimulatedDisk, When};
use sutra_protocol::association::{AssociationKey, Label};
use sutra_protocol::command::{Command, Learn, NewAssociation, NewConcept, Operation};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Association, AssociationType, Concept, ConceptId, Namespace, Validity};
use sutra_storage::offline::{self, Snapshot};
use sutra_storage::{Store, StoreConfig, View};
use tokio::runtime::Runtime;

pub(super) const DIR: &str = "/archive";

/// Both namespaces.
pub(super) fn namespaces() -> [Namespace; 2] {
    ["ward-7", "legal"].map(|name| name.parse().unwrap())
}

/// What is taught in each of the three checkpoints, and then in the log alone: (namespace, content, treated or cited).
const TAUGHT: [&[(usize, &str, &str)]; 4] = [
    &[
        (0, "aspirin", "headache"),
        (0, "warfarin", "atrial fibrillation"),
        (0, "Warfarin with aspirin raises the risk of bleeding.", "bleeding"),
        (1, "GDPR, article 17", "right to erasure"),
    ],
    &[(0, "paracetamol", "fever"), (1, "Basel III", "liquidity coverage ratio"), (1, "force majeure", "excuse")],
    &[(0, "metformin", "type 2 diabetes"), (0, "aspirin", "fever")],
    &[(0, "insulin glargine", "type 1 diabetes"), (1, "MiFID II", "best execution")],
];

/// A closed store on a disk that forgets nothing.
pub(super) struct Archive {
    pub(super) disk: SimulatedDisk,
    /// What a running node exports.
    pub(super) contents: Contents,
}

/// All that a namespace tells now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ward {
    pub(super) view: NamespaceView,
    pub(super) concepts: BTreeMap<ConceptId, Concept>,
    pub(super) associations: Vec<Association>,
}

pub(super) type Contents = BTreeMap<Namespace, Ward>;

/// How many of the checkpoints are written; what is left is in the log.
pub(super) fn archive(checkpoints: usize) -> Archive {
    let disk = SimulatedDisk::new(7);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    let runtime = runtime();
    let store = open(&disk);
    runtime.block_on(async {
        for (round, taught) in TAUGHT.iter().enumerate() {
            for (namespace, content, object) in *taught {
                store.submit(learn(&namespaces()[*namespace], content, object)).await.unwrap();
            }
            if round == 0 {
                // Enough for several blocks.
                for number in 0..40 {
                    let findings: Vec<_> = (0..200).map(|finding| format!("finding{}", 200 * number + finding)).collect();
                    let note = format!("Case {number}: {}", findings.join(" "));
                    store.submit(learn(&namespaces()[0], &note, "aspirin")).await.unwrap();
                }
            }
            if round == 1 {
                let gone = ConceptId::derive(&namespaces()[0], "bleeding", None);
                store.submit(command(&namespaces()[0], Operation::Retract(gone))).await.unwrap();
            }
            if round < checkpoints {
                store.checkpoint().await.unwrap();
            }
        }
        let contents = namespaces().map(|name| {
            let view = store.view(&name, AsOf { valid_at: None, known_at: None }).unwrap();
            (name.clone(), ward(&store.namespaces(), &name, &view))
        });
        // Closing would leave nothing in the log.
        disk.fault(Fault::new(DiskCall::Create, Failure::Full, When::From(1)).on("/segments/"));
        store.close().await;
        disk.heal();
        disk.sync_all();
        Archive { disk: disk.snapshot().disk(7), contents: contents.into() }
    })
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub(super) fn config(disk: &SimulatedDisk) -> StoreConfig {
    StoreConfig { disk: Arc::new(disk.clone()), log_file_bytes: 1_500, on_fatal: Arc::new(|_| {}), ..StoreConfig::at(DIR) }
}

pub(super) fn open(disk: &SimulatedDisk) -> Store {
    Store::open(config(disk)).unwrap()
}

pub(super) fn command(namespace: &Namespace, operation: Operation) -> Command {
    Command {
        namespace: namespace.clone(),
        asserted_by: "dr.rao".into(),
        request: None,
        operations: vec![operation],
        foreign: Vec::new(),
    }
}

/// Teaches a concept with a vector, its object, and that the one is about the other.
pub(super) fn learn(namespace: &Namespace, content: &str, object: &str) -> Command {
    let mut concept = NewConcept::bare(namespace, content, None);
    concept.vector = Some([content.len() as f32, 1.0, -2.0].into());
    let target = NewConcept::bare(namespace, object, None);
    let key = AssociationKey {
        source: concept.id,
        kind: AssociationType::Causal,
        label: Label::from("concerns"),
        target: target.id,
        validity: Validity::ALWAYS,
    };
    let association = NewAssociation { key, confidence: 0.9, strength: 1.0, evidence: Vec::new() };
    let learn = Learn { concept, on_conflict: None, targets: vec![target], associations: vec![association] };
    command(namespace, Operation::Learn(Box::new(learn)))
}

/// What a view tells, as far as an export goes.
pub(super) fn ward(told: &[NamespaceView], name: &Namespace, view: &View) -> Ward {
    assert_eq!(view.damage(), None);
    let concepts = view.concepts(None, usize::MAX).into_iter().map(|concept| (concept.id, Concept::clone(&concept)));
    Ward {
        view: told.iter().find(|view| view.name == *name).unwrap().clone(),
        concepts: concepts.collect(),
        associations: view.associations(None, usize::MAX),
    }
}

/// What a directory tells without being opened.
pub(super) fn read(snapshot: &Snapshot) -> Contents {
    let told = snapshot.namespaces();
    let each = told.iter().map(|view| {
        let pinned = snapshot.view(&view.name, AsOf { valid_at: None, known_at: None }).unwrap();
        (view.name.clone(), ward(&told, &view.name, &pinned))
    });
    each.collect()
}

impl Archive {
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    /// The same once more, on another disk.
    pub(super) fn copy(&self) -> Self {
        Self { disk: self.disk.snapshot().disk(7), contents: self.contents.clone() }
    }

    pub(super) fn verify(&self) -> offline::Report {
        offline::verify(self.disk(), Path::new(DIR)).unwrap()
    }

    /// Every file with its content.
    pub(super) fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.disk.paths().into_iter().map(|path| (path.clone(), self.disk.read(&path).unwrap())).collect()
    }

    /// Files below a folder, sorted; empty ones are left out.
    pub(super) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = Path::new(DIR).join(folder);
        self.disk.paths().into_iter().filter(|path| path.starts_with(&folder) && self.disk.size(path).unwrap() > 0).collect()
    }

    pub(super) fn size(&self, file: &Path) -> u64 {
        self.disk.size(file).unwrap()
    }

    /// Where these bytes are in a file.
    pub(super) fn find(&self, file: &Path, wanted: &[u8]) -> u64 {
        let bytes = self.disk.read(file).unwrap();
        bytes.windows(wanted.len()).position(|window| window == wanted).unwrap() as u64
    }

    pub(super) fn flip(&self, file: &Path, offset: u64) {
        self.disk.flip(file, offset, 0x20).unwrap();
    }

    pub(super) fn remove(&self, file: &Path) {
        self.disk.remove(file).unwrap();
        self.disk.sync_all();
    }
}
