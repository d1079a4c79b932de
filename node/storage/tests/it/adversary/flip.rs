//! Every byte of every file of a small store, flipped: the right answers, or an error that names the file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sutra_disk::{Disk, DiskCall, Failure, Fault, Random, SimulatedDisk, Snapshot, When};
use sutra_storage::{Store, StoreConfig};

use super::budget::{is_soak, number};
use super::model::{Model, Ward};
use super::scene;
use super::seen::{NOW, Seen};
use super::trial::{Trial, chain};

/// How long it goes on where it isn't told to try every byte.
const SAMPLED: Duration = Duration::from_secs(20);

/// How many of what is wrong with a file are told.
const TOLD: u64 = 3;

/// A closed store, and what is in it.
struct Closed {
    snapshot: Snapshot,
    files: Vec<(PathBuf, u64)>,
    model: Model,
}

impl Closed {
    /// A store with several segments, a manifest, and a log with entries behind them.
    fn new(seed: u64) -> Self {
        let mut trial = Trial::new(seed);
        for _ in 0..3 {
            (0..6).for_each(|_| trial.write(3));
            trial.checkpoint();
        }
        (0..4).for_each(|_| trial.write(2));
        // Closing would leave nothing in the log; so it can't write a segment, and marks the log as whole with all that is in it.
        trial.disk.fault(Fault::new(DiskCall::Create, Failure::Full, When::From(1)).on("/segments/"));
        trial.close();
        trial.disk.sync_all();
        let disk = trial.disk.snapshot().disk(seed);
        let files: Vec<_> = disk.paths().into_iter().map(|path| (path.clone(), disk.size(&path).unwrap())).collect();
        for kind in ["IDENTITY", "MANIFEST", "DURABLE", "/wal/", "/segments/"] {
            let there = files.iter().any(|(path, bytes)| path.to_string_lossy().contains(kind) && *bytes > 0);
            assert!(there, "no {kind} among {files:?}");
        }
        let closed = Self { snapshot: disk.snapshot(), files, model: trial.model.clone() };
        closed.answers(&closed.snapshot.disk(1), Path::new("/store")).expect("what is not damaged is right");
        closed
    }

    /// Opens a store whose `file` has this byte flipped, and asks it everything; what is wrong, if anything is.
    fn flipped(&self, file: &Path, offset: u64, mask: u8) -> Result<(), String> {
        let disk = self.snapshot.disk(1);
        disk.flip(file, offset, mask).unwrap();
        match catch_unwind(AssertUnwindSafe(|| self.answers(&disk, file))) {
            Ok(outcome) => outcome,
            Err(_) => Err("it panics".into()),
        }
    }

    fn answers(&self, disk: &SimulatedDisk, file: &Path) -> Result<(), String> {
        // Of a file that is gone its name is enough: nobody knows that it was in that folder.
        let name = match disk.size(file) {
            Ok(_) => file.display().to_string(),
            Err(_) => file.file_stem().unwrap().to_string_lossy().into_owned(),
        };
        let names_it = |text: String| match text.contains(&name) {
            true => Ok(()),
            false => Err(format!("the error does not name the file: {text}")),
        };
        let config = StoreConfig { disk: Arc::new(disk.clone()), on_fatal: Arc::new(|_| {}), ..StoreConfig::at("/store") };
        let store = match Store::open(config) {
            Ok(store) => store,
            Err(error) => return names_it(chain(&error)),
        };
        for namespace in scene::namespaces() {
            let view = store.view(namespace, NOW).unwrap();
            let seen = Seen::of(&view, 50);
            if let Some(damage) = view.damage() {
                return names_it(damage.to_string());
            }
            let nothing = Ward::default();
            let right = self.model.wards.get(namespace).unwrap_or(&nothing).seen(namespace, NOW);
            if let Some(difference) = seen.differs(&right) {
                return Err(format!("wrong and no word of it: {difference}"));
            }
        }
        match store.failure() {
            Some(failure) => names_it(failure),
            None => Ok(()),
        }
    }
}

#[test]
fn a_flipped_byte_is_the_right_answer_or_an_error_that_names_the_file() {
    let seed = number("SUTRA_SEED").unwrap_or(11);
    let closed = Closed::new(seed);
    let every_byte = is_soak();
    let mut random = Random::new(seed);
    let files: Vec<_> = closed.files.iter().filter(|(path, bytes)| *bytes > 0 && !path.ends_with("LOCK")).collect();
    let share = SAMPLED / files.len() as u32;
    let mut wrong = Vec::new();
    for (file, bytes) in files {
        let end = Instant::now() + share;
        let (mut tried, mut failed) = (0, 0);
        // Sampled, the whole file is passed over again and again, each time at other offsets.
        let stride = if every_byte { 1 } else { 97.min(*bytes) };
        'file: for _ in 0..if every_byte { 1 } else { stride } {
            for offset in (random.below(stride)..*bytes).step_by(stride as usize) {
                let mask = if tried % 2 == 0 { 1 << random.below(8) } else { 1 + random.below(255) as u8 };
                if let Err(why) = closed.flipped(file, offset, mask) {
                    failed += 1;
                    if failed <= TOLD {
                        wrong.push(format!("{} with byte {offset} of {bytes} xor {mask:#04x}: {why}", file.display()));
                    }
                }
                tried += 1;
                if !every_byte && Instant::now() > end {
                    break 'file;
                }
            }
        }
        eprintln!("flips: {tried} in {} of {bytes} bytes, {failed} of them wrong", file.display());
        assert!(tried > 0);
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_cut_short_or_gone_is_an_error_that_names_it_or_nothing_is_missing() {
    let closed = Closed::new(12);
    let mut random = Random::new(12);
    let mut wrong = Vec::new();
    for (file, bytes) in closed.files.iter().filter(|(path, _)| !path.ends_with("LOCK")) {
        let cuts = [None, Some(0), Some(bytes / 2), Some(bytes.saturating_sub(1)), Some(random.below(*bytes))];
        for cut in cuts {
            let disk = closed.snapshot.disk(1);
            match cut {
                None => disk.remove(file).unwrap(),
                Some(len) => disk.open(file, sutra_disk::Open::Write).unwrap().set_len(len).unwrap(),
            }
            disk.sync_all();
            if let Err(why) = closed.answers(&disk, file) {
                wrong.push(format!("{} of {bytes} bytes cut to {cut:?}: {why}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
