//! The great store of the goals: a million concepts, five million associations, a vector each. Made once, kept until the program
//! that makes it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::generator::{DIMENSION, Generator};
use crate::process::{Engine, Order, Watch, quiet};
use crate::progress;
use crate::setting::Setting;

/// Concepts are loaded in steps, between which the log's size is seen.
const STEP: usize = 20_000;
/// How long graphs over a million vectors may take.
const GRAPHS: Duration = Duration::from_secs(60 * 60);

/// A store at rest: everything is in segments, and they are merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Great {
    /// Its data directory.
    pub(crate) data: PathBuf,
    pub(crate) concepts: usize,
    pub(crate) associations: usize,
    /// Of the contents.
    pub(crate) content_bytes: usize,
    pub(crate) vector_numbers: usize,
    /// Most anonymous memory of the engine's process while it was loaded.
    pub(crate) loading_anonymous: u64,
    /// Most anonymous memory while it was merged and its graphs were built.
    pub(crate) compacting_anonymous: u64,
    pub(crate) compacting_seconds: f64,
}

impl Great {
    /// The store of so many concepts, made if it is not there.
    pub(crate) fn of(setting: &Setting, concepts: usize) -> anyhow::Result<Self> {
        let home = setting.scratch().join(format!("great-{concepts}-{}-{:08x}", setting.seed, ourselves()?));
        let about = home.join("about.json");
        if let Ok(bytes) = fs::read(&about) {
            return serde_json::from_slice(&bytes).with_context(|| format!("read {}", about.display()));
        }
        sweep(setting.scratch(), &format!("great-{concepts}-"))?;
        let data = home.join("data");
        fs::create_dir_all(&data).with_context(|| format!("make {}", data.display()))?;
        let great = make(setting, data, concepts)?;
        // Written last: a store that is half made is made again.
        fs::write(&about, serde_json::to_vec(&great)?).with_context(|| format!("write {}", about.display()))?;
        Ok(great)
    }

    /// What the disk has given to it, but for the log.
    pub(crate) fn disk_bytes(&self) -> anyhow::Result<u64> {
        disk::allocated(&self.data, "wal")
    }
}

fn make(setting: &Setting, data: PathBuf, concepts: usize) -> anyhow::Result<Great> {
    progress::step(format_args!("making a store of {concepts} concepts, once"));
    let started = Instant::now();
    let mut engine = Engine::start(&data, setting.seed)?;
    let watch = Watch::start(engine.id());
    for first in (0..concepts).step_by(STEP) {
        let end = concepts.min(first + STEP);
        let tail = engine.order(Order::Load { first, end })?;
        if end.is_multiple_of(5 * STEP) || end == concepts {
            let seconds = started.elapsed().as_secs_f64();
            progress::step(format_args!("{end} concepts after {seconds:.0} s, log {} MiB", tail.log_bytes >> 20));
        }
    }
    engine.order(Order::Checkpoint)?;
    let loading_anonymous = watch.stop()?.anonymous;
    progress::step("merging its segments");
    let (watch, before) = (Watch::start(engine.id()), Instant::now());
    engine.order(Order::Compact)?;
    let compacting_seconds = before.elapsed().as_secs_f64();
    progress::step("waiting for its graphs");
    quiet(engine.id(), GRAPHS)?;
    let compacting_anonymous = watch.stop()?.anonymous;
    engine.close()?;
    let Sizes { associations, content_bytes } = Sizes::of(&Generator::new(setting.seed, false), concepts);
    Ok(Great {
        data,
        concepts,
        associations,
        content_bytes,
        vector_numbers: concepts * DIMENSION,
        loading_anonymous,
        compacting_anonymous,
        compacting_seconds,
    })
}

/// What the caller gave, counted again here: the engine's process only answers when it is done.
struct Sizes {
    associations: usize,
    content_bytes: usize,
}

impl Sizes {
    fn of(generator: &Generator, concepts: usize) -> Self {
        let mut sizes = Self { associations: 0, content_bytes: 0 };
        for index in 0..concepts {
            sizes.associations += generator.associations(index).len();
            sizes.content_bytes += generator.content(index).len();
        }
        sizes
    }
}

/// A number that changes when this program does: another engine makes another store.
fn ourselves() -> anyhow::Result<u32> {
    let program = std::env::current_exe().context("find our own program")?;
    let bytes = fs::read(&program).with_context(|| format!("read {}", program.display()))?;
    Ok(crc32c::crc32c(&bytes))
}

/// Removes the stores of earlier programs.
fn sweep(scratch: &Path, prefix: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(scratch).with_context(|| format!("list {}", scratch.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path()).with_context(|| format!("remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}
