//! From a directory to a state: manifest, heads of segments, the log behind them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;
use sutra_vector::{Scalar, Shape};
use sutra_wal::offline::Reach;
use sutra_wal::{GroupState, Log, LogConfig, LogPoint};

use crate::datadir::DataDir;
use crate::entry::{self, Entry};
use crate::error::OpenError;
use crate::keeper::{segment_path, sweep};
use crate::manifest::{self, Configuration, FileEntry, Manifest, ManifestError, NamespaceEntry};
use crate::memory::{Graph, Layer, State};
use crate::reconciler::{GROUP, TERM};
use crate::replica::configuration_of;
use crate::store::StoreConfig;

/// The number of the one replica of a grid that has one node.
const REPLICA: u64 = 1;

/// An open directory, and what it holds.
pub(crate) struct Opened {
    pub(crate) dir: Arc<DataDir>,
    pub(crate) log: Log,
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) state: State,
}

/// Opens a directory. No record of a segment is read: the time it takes follows the log's tail, not the store.
pub(crate) fn open(config: &StoreConfig) -> Result<Opened, OpenError> {
    let dir = DataDir::open(Arc::clone(&config.disk), &config.dir, None)?;
    let disk = Arc::clone(dir.disk());
    let manifest = manifest_or_first(&dir)?;
    if manifest.configuration.is_some() {
        return Err(OpenError::Replica { dir: dir.path().into() });
    }
    let (segments, mut state) = checkpointed(&dir, &manifest)?;
    let log = LogConfig { replay_after: BTreeMap::from([(GROUP, manifest.applied)]), ..log_config(config, &dir) };
    let mut is_replica = false;
    let log = Log::open(Arc::clone(&disk), log, |group, index, payload| {
        is_replica |= group != GROUP || configuration_of(payload)?.is_some();
        if is_replica { Err("it is one of a grid of several nodes".into()) } else { replay(&mut state, index, payload) }
    });
    // It is no damage that a log of several groups does not read as one.
    if is_replica {
        return Err(OpenError::Replica { dir: dir.path().into() });
    }
    let log = log?;
    state.term = TERM;
    whole(&state, &manifest, log.group(GROUP).as_ref())?;
    sweep(&*disk, &dir.segments(), &manifest).map_err(OpenError::io("clear", dir.segments()))?;
    Ok(Opened { dir: Arc::new(dir), log, manifest, segments, state })
}

/// How the log of a directory is written.
pub(crate) fn log_config(config: &StoreConfig, dir: &DataDir) -> LogConfig {
    LogConfig { file_bytes: config.log_file_bytes, durability: config.durability, ..LogConfig::at(dir.path(), dir.store_id()) }
}

/// The manifest of a directory, which gets one if it never had any.
pub(crate) fn manifest_or_first(dir: &DataDir) -> Result<Manifest, OpenError> {
    if let Some(manifest) = manifest_in(dir)? {
        return Ok(manifest);
    }
    let manifest = first(dir.grid_id(), dir.store_id());
    manifest.write(&**dir.disk(), dir.path())?;
    Ok(manifest)
}

/// Opens the replica that a directory holds, as of its last checkpoint: the consensus applies what its log has behind that, as far
/// as it is committed.
pub(crate) fn replica(dir: &Arc<DataDir>, log: &Log) -> Result<Opened, OpenError> {
    let Some(manifest) = manifest_in(dir)? else {
        return Err(ManifestError::Missing { file: manifest::path(dir.path()) }.into());
    };
    let (segments, state) = checkpointed(dir, &manifest)?;
    if let Some(purged) = log.group(GROUP).and_then(|group| group.purged)
        && state.point().is_none_or(|point| point.index < purged.index)
    {
        let last = log.group(GROUP).and_then(|group| group.last).map_or(LogIndex(0), |point| point.index);
        return Err(OpenError::Gap { applied: manifest.applied, purged: purged.index, last });
    }
    sweep(&**dir.disk(), &dir.segments(), &manifest).map_err(OpenError::io("clear", dir.segments()))?;
    Ok(Opened { dir: Arc::clone(dir), log: log.clone(), manifest, segments, state })
}

/// What a directory holds, read without changing anything in it.
pub(crate) fn read(dir: &DataDir) -> Result<State, OpenError> {
    let disk = &**dir.disk();
    // Without a manifest its first opening was cut short.
    let Some(manifest) = manifest_in(dir)? else { return Ok(State::default()) };
    let (_, mut state) = checkpointed(dir, &manifest)?;
    let after = BTreeMap::from([(GROUP, manifest.applied)]);
    let entry = |group, index, payload: &[u8]| if group == GROUP { replay(&mut state, index, payload) } else { Ok(()) };
    let groups = sutra_wal::offline::read(disk, dir.path(), dir.store_id(), Reach::Recorded, &after, entry)?;
    whole(&state, &manifest, groups.iter().find(|group| group.group == GROUP))?;
    Ok(state)
}

/// The manifest of a directory; `None`: it was never opened to the end.
fn manifest_in(dir: &DataDir) -> Result<Option<Manifest>, OpenError> {
    let disk = &**dir.disk();
    let manifest = Manifest::read(disk, dir.path())?;
    // It is there before the log is, and for ever.
    if manifest.is_none() && sutra_wal::is_there(disk, dir.path()).map_err(OpenError::io("look for a log in", dir.path()))? {
        return Err(ManifestError::Missing { file: manifest::path(dir.path()) }.into());
    }
    Ok(manifest)
}

/// The segments that a manifest names, and the state that they make.
pub(crate) fn checkpointed(dir: &DataDir, manifest: &Manifest) -> Result<(Vec<Arc<Segment>>, State), OpenError> {
    if manifest.store_id != dir.store_id() || manifest.grid_id != dir.grid_id() {
        return Err(OpenError::Strangers { identity: dir.identity_file(), manifest: manifest::path(dir.path()) });
    }
    let segments = manifest.files.iter().map(|file| segment(dir, file)).collect::<Result<Vec<_>, _>>()?;
    let state = restored(dir.path(), manifest, &segments)?;
    Ok((segments, state))
}

/// That nothing is missing of a state: what lies between the manifest and the log would be lost without a word.
fn whole(state: &State, manifest: &Manifest, group: Option<&GroupState>) -> Result<(), OpenError> {
    if let Some(damage) = state.damage() {
        return Err(OpenError::Damage(damage.clone()));
    }
    let index = |point: Option<LogPoint>| point.map_or(LogIndex(0), |point| point.index);
    let purged = index(group.and_then(|group| group.purged));
    let last = index(group.and_then(|group| group.last));
    if purged > manifest.applied || manifest.applied > last || state.applied != last {
        return Err(OpenError::Gap { applied: manifest.applied, purged, last });
    }
    Ok(())
}

/// The manifest of a directory that never had one.
pub(crate) fn first(grid_id: &str, store_id: &str) -> Manifest {
    Manifest {
        grid_id: grid_id.into(),
        store_id: store_id.into(),
        shard: GROUP.0,
        replica: REPLICA,
        range_start: Default::default(),
        range_end: None,
        epoch: 0,
        membership: vec![REPLICA],
        applied: LogIndex(0),
        applied_term: 0,
        configuration: None,
        clock: Default::default(),
        files: Vec::new(),
        graphs: Vec::new(),
        namespaces: Vec::new(),
        sessions: Vec::new(),
        scrubs: Vec::new(),
        next_file: 1,
    }
}

fn segment(dir: &DataDir, entry: &FileEntry) -> Result<Arc<Segment>, OpenError> {
    named(&**dir.disk(), segment_path(&dir.segments(), entry.id), dir.store_id(), entry)
}

/// Opens the segment that a manifest names.
pub(crate) fn named(disk: &dyn Disk, path: PathBuf, store_id: &str, entry: &FileEntry) -> Result<Arc<Segment>, OpenError> {
    let segment = Segment::open(disk, &path, store_id)?;
    if segment.root() != entry.root || segment.bytes() != entry.bytes || segment.id().0 != entry.id {
        return Err(OpenError::OtherSegment { file: path });
    }
    Ok(segment)
}

pub(crate) fn restored(dir: &Path, manifest: &Manifest, segments: &[Arc<Segment>]) -> Result<State, OpenError> {
    let mut state = State {
        sessions: crate::memory::Sessions::restore(manifest.sessions.clone()),
        scrubs: manifest.scrubs.iter().cloned().collect(),
        applied: manifest.applied,
        term: manifest.applied_term,
        configuration: manifest.configuration.clone().map(Arc::new),
        clock: manifest.clock,
        ..State::default()
    };
    for entry in &manifest.namespaces {
        let damaged = |reason: String| ManifestError::Damaged { file: manifest::path(dir), reason };
        let mut graph = Graph::new(entry.born);
        graph.settings = entry.settings.clone();
        graph.counts = entry.counts;
        graph.forgotten_to = entry.forgotten_to;
        graph.shape = shape(entry).map_err(damaged)?;
        let layers = entry.segments.iter().map(|id| {
            let segment = segments.iter().find(|segment| segment.id().0 == *id);
            let layer = segment.and_then(|segment| Layer::of(segment, &entry.name));
            layer.ok_or_else(|| damaged(format!("segment {id} has no part of namespace {}", entry.name)))
        });
        graph.parts = layers.collect::<Result<Vec<_>, _>>()?.into();
        state.namespaces.insert(entry.name.clone(), Arc::new(graph));
    }
    Ok(state)
}

fn shape(entry: &NamespaceEntry) -> Result<Option<Shape>, String> {
    let (Some(dimension), Some(scalar)) = (entry.dimension, &entry.scalar) else { return Ok(None) };
    let scalar: Scalar = scalar.parse().map_err(|_| format!("namespace {} stores vectors as {scalar}", entry.name))?;
    Shape::new(dimension, scalar).map(Some).map_err(|error| error.to_string())
}

pub(crate) fn replay(state: &mut State, index: LogIndex, payload: &[u8]) -> Result<(), String> {
    let entry: Entry = entry::decode(payload).map_err(|error| format!("the entry can't be read: {error}"))?;
    if let Some(told) = entry.index.filter(|told| *told != index) {
        return Err(format!("it says that it is entry {}, and stands in the place of entry {}", told.0, index.0));
    }
    let first = state.point().is_none() && index == LogIndex(0);
    if index.0 != state.applied.0 + 1 && !first {
        return Err(format!("entry {} follows entry {}", index.0, state.applied.0));
    }
    for stamped in &entry.commands {
        state.apply(index, stamped.recorded_at, &stamped.command);
    }
    if let Some(words) = entry.configuration {
        // Only the consensus asks for the term, and it reads its own log.
        state.configuration = Some(Arc::new(Configuration { index, term: 0, words }));
    }
    state.applied = index;
    Ok(())
}
