//! From a directory to a state: manifest, heads of segments, the log behind them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;
use sutra_vector::{Scalar, Shape};
use sutra_wal::offline::Reach;
use sutra_wal::{GroupId, GroupState, Log, LogConfig, LogPoint};

use crate::datadir::DataDir;
use crate::directory::Directory;
use crate::entry::{self, Entry};
use crate::error::OpenError;
use crate::home::{self, Home};
use crate::keeper::{segment_path, sweep};
use crate::manifest::{self, Configuration, FileEntry, Manifest, ManifestError, NamespaceEntry};
use crate::memory::{Graph, Layer, State};
use crate::placement::Placement;
use crate::reconciler::TERM;
use crate::replica::configuration_of;
use crate::store::StoreConfig;
use crate::tenants::Tenants;

/// A shard's open place in a directory, and what it holds.
pub(crate) struct Opened {
    pub(crate) home: Arc<Home>,
    pub(crate) log: Log,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) manifest: Manifest,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) state: State,
}

/// Opens a directory that holds one shard and no other replica of it is anywhere. No record of a segment is read: the time it takes
/// follows the log's tail, not the store.
pub(crate) fn open(config: &StoreConfig) -> Result<Opened, OpenError> {
    let dir = Arc::new(DataDir::open(Arc::clone(&config.disk), &config.dir, None)?);
    let disk = Arc::clone(dir.disk());
    let of_several = || OpenError::Replica { dir: config.dir.clone() };
    if !home::others(&*disk, dir.path()).map_err(OpenError::io("list the shards of", dir.path()))?.is_empty() {
        return Err(of_several());
    }
    let home = Home::of(Arc::clone(&dir), GroupId::FIRST_SHARD);
    let manifest = match manifest_in(&home)? {
        Some(manifest) => manifest,
        None => begin(&home, &Placement::ALONE)?,
    };
    if manifest.configuration.is_some() {
        return Err(of_several());
    }
    let (segments, mut state) = checkpointed(&home, &manifest)?;
    let log = LogConfig { replay_after: BTreeMap::from([(home.shard(), manifest.applied)]), ..log_config(config, &dir) };
    let mut is_replica = false;
    let log = Log::open(Arc::clone(&disk), log, |group, index, payload| {
        is_replica |= group != home.shard() || configuration_of(payload)?.is_some();
        if is_replica { Err("it is one of a grid of several nodes".into()) } else { replay(&mut state, index, payload) }
    });
    // It is no damage that a log of several groups does not read as one.
    if is_replica {
        return Err(of_several());
    }
    let log = log?;
    state.term = TERM;
    whole(&state, &manifest, log.group(home.shard()).as_ref())?;
    swept(&home, &manifest)?;
    Ok(Opened { home: Arc::new(home), log, tenants: Arc::default(), manifest, segments, state })
}

/// How the log of a directory is written.
pub(crate) fn log_config(config: &StoreConfig, dir: &DataDir) -> LogConfig {
    LogConfig { file_bytes: config.log_file_bytes, durability: config.durability, ..LogConfig::at(dir.path(), dir.store_id()) }
}

/// Opens the replica of a shard that a directory holds, or begins one, as of its last checkpoint: the consensus applies what its log
/// has behind that, as far as it is committed.
pub(crate) fn replica(directory: &Directory, placement: &Placement) -> Result<Opened, OpenError> {
    let Directory { dir, log, tenants } = directory;
    let home = Home::of(Arc::clone(dir), GroupId(placement.shard));
    home.create()?;
    let group = log.group(home.shard());
    let manifest = match Manifest::read(&**home.disk(), home.folder())? {
        Some(manifest) => manifest,
        // It is there before anything of the group is in the log, and for ever.
        None if group.is_some() => return Err(ManifestError::Missing { file: manifest::path(home.folder()) }.into()),
        None => begin(&home, placement)?,
    };
    let (segments, state) = checkpointed(&home, &manifest)?;
    if let Some(purged) = group.as_ref().and_then(|group| group.purged)
        && state.point().is_none_or(|point| point.index < purged.index)
    {
        let last = group.and_then(|group| group.last).map_or(LogIndex(0), |point| point.index);
        return Err(OpenError::Gap { applied: manifest.applied, purged: purged.index, last });
    }
    swept(&home, &manifest)?;
    Ok(Opened { home: Arc::new(home), log: log.clone(), tenants: Arc::clone(tenants), manifest, segments, state })
}

/// Begins a shard's replica: its first manifest.
fn begin(home: &Home, placement: &Placement) -> Result<Manifest, OpenError> {
    let manifest = first(home.grid_id(), home.store_id(), placement);
    manifest.write(&**home.disk(), home.folder())?;
    Ok(manifest)
}

fn swept(home: &Home, manifest: &Manifest) -> Result<(), OpenError> {
    sweep(&**home.disk(), &home.segments(), manifest).map_err(OpenError::io("clear", home.segments()))
}

/// What a directory holds of each of its shards, read without changing anything in it.
pub(crate) fn read(dir: &Arc<DataDir>) -> Result<BTreeMap<GroupId, State>, OpenError> {
    let disk = &**dir.disk();
    let (mut manifests, mut states, mut after) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for shard in home::shards(disk, dir.path()).map_err(OpenError::io("list the shards of", dir.path()))? {
        let home = Home::of(Arc::clone(dir), shard);
        // Without a manifest its first opening was cut short.
        let Some(manifest) = Manifest::read(disk, home.folder())? else { continue };
        let (_, state) = checkpointed(&home, &manifest)?;
        after.insert(shard, manifest.applied);
        states.insert(shard, state);
        manifests.insert(shard, manifest);
    }
    let entry = |group, index, payload: &[u8]| match states.get_mut(&group) {
        Some(state) => replay(state, index, payload),
        None => Ok(()),
    };
    let groups = sutra_wal::offline::read(disk, dir.path(), dir.store_id(), Reach::Recorded, &after, entry)?;
    for (shard, state) in &states {
        whole(state, &manifests[shard], groups.iter().find(|group| group.group == *shard))?;
    }
    // A manifest is there before its group is in the log, and for ever; meta has none.
    let known = |group: &&GroupState| group.group != GroupId::META && !states.contains_key(&group.group);
    if let Some(lost) = groups.iter().find(known) {
        return Err(ManifestError::Missing { file: manifest::path(&home::folder(dir.path(), lost.group)) }.into());
    }
    Ok(states)
}

/// The manifest of a directory that holds one shard; `None`: it was never opened to the end.
fn manifest_in(home: &Home) -> Result<Option<Manifest>, OpenError> {
    let (disk, dir) = (&**home.disk(), home.dir().path());
    let manifest = Manifest::read(disk, home.folder())?;
    // It is there before the log is, and for ever.
    if manifest.is_none() && sutra_wal::is_there(disk, dir).map_err(OpenError::io("look for a log in", dir))? {
        return Err(ManifestError::Missing { file: manifest::path(home.folder()) }.into());
    }
    Ok(manifest)
}

/// The segments that a manifest names, and the state that they make.
pub(crate) fn checkpointed(home: &Home, manifest: &Manifest) -> Result<(Vec<Arc<Segment>>, State), OpenError> {
    let file = manifest::path(home.folder());
    if manifest.store_id != home.store_id() || manifest.grid_id != home.grid_id() {
        return Err(OpenError::Strangers { identity: home.dir().identity_file(), manifest: file });
    }
    if manifest.shard != home.shard().0 {
        return Err(OpenError::OtherShard { file, found: manifest.shard, expected: home.shard().0 });
    }
    let segments = manifest.files.iter().map(|file| segment(home, file)).collect::<Result<Vec<_>, _>>()?;
    let state = restored(home.folder(), manifest, &segments)?;
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

/// The manifest of a replica that never had one.
pub(crate) fn first(grid_id: &str, store_id: &str, placement: &Placement) -> Manifest {
    Manifest {
        grid_id: grid_id.into(),
        store_id: store_id.into(),
        shard: placement.shard,
        replica: placement.replica,
        range_start: placement.range.start,
        range_end: placement.range.end,
        epoch: placement.epoch,
        membership: vec![placement.replica],
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
        dealings: Default::default(),
    }
}

fn segment(home: &Home, entry: &FileEntry) -> Result<Arc<Segment>, OpenError> {
    named(&**home.disk(), segment_path(&home.segments(), entry.id), home.store_id(), entry)
}

/// Opens the segment that a manifest names.
pub(crate) fn named(disk: &dyn Disk, path: PathBuf, store_id: &str, entry: &FileEntry) -> Result<Arc<Segment>, OpenError> {
    let segment = Segment::open(disk, &path, store_id)?;
    if segment.root() != entry.root || segment.bytes() != entry.bytes || segment.id().0 != entry.id {
        return Err(OpenError::OtherSegment { file: path });
    }
    Ok(segment)
}

/// The state that a manifest's segments make; `folder` is where the manifest is.
pub(crate) fn restored(folder: &Path, manifest: &Manifest, segments: &[Arc<Segment>]) -> Result<State, OpenError> {
    let mut state = State {
        range: manifest.range(),
        sessions: crate::memory::Sessions::restore(manifest.sessions.clone()),
        scrubs: manifest.scrubs.iter().cloned().collect(),
        applied: manifest.applied,
        term: manifest.applied_term,
        configuration: manifest.configuration.clone().map(Arc::new),
        clock: manifest.clock,
        ..State::default()
    };
    manifest.dealings.clone().restore(&mut state);
    for entry in &manifest.namespaces {
        let damaged = |reason: String| ManifestError::Damaged { file: manifest::path(folder), reason };
        let mut graph = Graph::new(entry.born);
        graph.settings = entry.settings.clone();
        graph.counts = entry.counts;
        graph.base = entry.base;
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
