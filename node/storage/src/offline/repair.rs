//! What can be saved, and putting it in place of what can't.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_protocol::{ConceptId, Namespace};
use sutra_segment::{Pace, Part, Segment, SegmentError, SegmentId, Source};
use sutra_wal::GroupId;

use super::change::{Change, Repaired};
use super::damaged_log::{DamagedLog, begin_behind, copy_to, durable, forget_reach, move_to, sync};
use super::directory::Directory;
use super::error::{OfflineError, told};
use super::salvage::{Damaged, Salvaged};
use super::verify::graph_fault;
use crate::datadir::{DataDir, Identity, identity_file};
use crate::directory::GRID_FILE;
use crate::error::OpenError;
use crate::keeper::{graph_path, segment_path};
use crate::manifest::{self, FileEntry, Manifest, ManifestError};
use crate::memory::{Counts, Graph};
use crate::opening;
use crate::placement::Placement;

/// Drops what is damaged of a data directory, and nothing else, so that the store opens again. Unless the loss is accepted it
/// changes nothing, and tells what it would change and lose.
///
/// The originals of all that is changed are kept in `DIR/damaged-N`. The manifest is replaced last: whenever this is interrupted,
/// the directory is damaged as before, or repaired, and a further repair takes it from there. Where nothing is wrong nothing is done.
///
/// # Errors
/// [`OfflineError`]: no store there, one in use, a disk that refuses, files of another release, or too little left to tell what the
/// store was; nothing is changed in the last two cases.
pub fn repair(disk: Arc<dyn Disk>, dir: &Path, accept_data_loss: bool) -> Result<Repaired, OfflineError> {
    let dir = Directory::lock(disk, dir)?;
    let Some(plan) = Plan::new(&dir)? else { return Ok(Repaired::default()) };
    let changes = plan.changes.clone();
    if changes.is_empty() || !accept_data_loss {
        return Ok(Repaired { changes, done: false, kept: None });
    }
    let kept = plan.carry_out(dir)?;
    Ok(Repaired { changes, done: true, kept: Some(kept) })
}

/// What is to be done with a directory.
struct Plan {
    identity: Identity,
    is_identity_lost: bool,
    log: DamagedLog,
    begin_log: bool,
    /// As it will be, but for the segments that are still to be written.
    manifest: Manifest,
    is_manifest_changed: bool,
    rewrites: Vec<Rewrite>,
    /// Files that go.
    gone: Vec<PathBuf>,
    /// Namespaces that lose rows.
    poorer: Vec<Namespace>,
    changes: Vec<Change>,
}

/// A segment that is written again.
struct Rewrite {
    old: u64,
    parts: Vec<Salvaged>,
}

impl Plan {
    /// `None`: there has never been anything in the directory.
    fn new(dir: &Directory) -> Result<Option<Self>, OfflineError> {
        let grid = dir.path.join(GRID_FILE);
        if dir.disk.size(&grid).is_ok() || dir.shards()? != [GroupId::FIRST_SHARD] {
            return Err(OfflineError::Replica { dir: dir.path.clone() });
        }
        let (manifest, fault) = match Manifest::read(&*dir.disk, &dir.path) {
            Ok(Some(manifest)) => (Some(manifest), None),
            Ok(None) => {
                let there =
                    sutra_wal::is_there(&*dir.disk, &dir.path).map_err(OfflineError::io("look for a log in", &dir.path))?;
                if !there && dir.identity().is_ok() {
                    return Ok(None);
                }
                (None, Some(told(&ManifestError::Missing { file: manifest::path(&dir.path) })))
            }
            Err(error @ ManifestError::Damaged { .. }) => (None, Some(told(&error))),
            Err(error @ ManifestError::Newer { .. }) => return Err(newer(manifest::path(&dir.path), &error)),
            Err(error) => return Err(error.into()),
        };
        let mut changes = Vec::new();
        let (identity, is_identity_lost) = match (dir.identity(), &manifest) {
            (Ok(identity), _) => (identity, false),
            (Err(error @ OpenError::Identity { .. }), Some(manifest)) => {
                changes.push(Change::IdentityRestored { file: identity_file(&dir.path), reason: told(&error) });
                (Identity::new(manifest.grid_id.clone(), manifest.store_id.clone()), true)
            }
            (Err(error @ OpenError::Identity { .. }), None) => {
                return Err(hopeless(
                    dir,
                    format!("neither identity nor manifest reads, and nothing else tells which store it is: {error}"),
                ));
            }
            (Err(error @ OpenError::Newer { .. }), _) => return Err(newer(identity_file(&dir.path), &error)),
            (Err(error), _) => return Err(error.into()),
        };
        let applied = manifest.as_ref().map_or(LogIndex(0), |manifest| manifest.applied);
        let log = DamagedLog::survey(dir, identity.store_id(), applied)?;
        let is_manifest_lost = manifest.is_none();
        let manifest = match manifest {
            Some(manifest) if manifest.store_id != identity.store_id() || manifest.grid_id != identity.grid_id() => {
                let error = OpenError::Strangers { identity: identity_file(&dir.path), manifest: manifest::path(&dir.path) };
                return Err(hopeless(dir, told(&error)));
            }
            Some(manifest) => manifest,
            None => rebuilt(dir, &identity, &log, fault.as_deref().unwrap_or_default())?,
        };
        let mut plan = Self {
            identity,
            is_identity_lost,
            log,
            begin_log: false,
            manifest,
            is_manifest_changed: is_manifest_lost,
            rewrites: Vec::new(),
            gone: Vec::new(),
            poorer: Vec::new(),
            changes,
        };
        if is_manifest_lost {
            plan.redundant(dir, fault.unwrap_or_default())?;
        }
        plan.log(dir)?;
        plan.segments(dir)?;
        plan.graphs(dir)?;
        Ok(Some(plan))
    }

    /// What the folder of segments has is in the log, too.
    fn redundant(&mut self, dir: &Directory, reason: String) -> Result<(), OfflineError> {
        let folder = dir.segments();
        let redundant: Vec<PathBuf> = dir.names(&folder)?.into_iter().map(|name| folder.join(name)).collect();
        self.gone.extend(redundant.iter().cloned());
        self.changes.push(Change::ManifestRebuilt { file: manifest::path(&dir.path), reason, redundant });
        Ok(())
    }

    fn log(&mut self, dir: &Directory) -> Result<(), OfflineError> {
        let applied = self.manifest.applied;
        if let Some(reason) = self.log.reach.clone() {
            self.changes.push(Change::ReachForgotten { file: durable(&dir.path), reason });
        }
        if self.log.cut.is_none() && self.log.purged > applied {
            let reason = format!("it begins behind entry {}, and the segments end with entry {}", self.log.purged.0, applied.0);
            self.log.cut_whole(dir, reason)?;
        }
        match &self.log.cut {
            Some(cut) => self.changes.push(cut.change(dir, applied)?),
            None if self.log.last < applied => {
                self.begin_log = true;
                self.changes.push(Change::LogBegun { after: applied });
            }
            None => {}
        }
        Ok(())
    }

    fn segments(&mut self, dir: &Directory) -> Result<(), OfflineError> {
        let mut open = Vec::new();
        for entry in self.manifest.files.clone() {
            let path = dir.find_segment(entry.id)?;
            let segment = opening::named(&*dir.disk, path.clone(), self.identity.store_id(), &entry);
            open.push((entry, segment, path));
        }
        let readable: Vec<Arc<Segment>> = open.iter().filter_map(|(_, segment, _)| segment.as_ref().ok().cloned()).collect();
        for (entry, segment, path) in open {
            let is_moved = path != segment_path(&dir.segments(), entry.id);
            match segment {
                Ok(segment) => match segment.verify() {
                    Ok(()) if !is_moved => {}
                    verified => {
                        let reason = verified.err().map_or_else(|| "it was moved away".into(), |damage| damage.what);
                        self.rewrite(dir, &entry, &segment, &path, reason, &readable)?;
                    }
                },
                Err(OpenError::Segment(error @ SegmentError::Version { .. })) => return Err(newer(path, &error)),
                Err(OpenError::Segment(SegmentError::Disk { step, path, source }))
                    if source.kind() != std::io::ErrorKind::NotFound =>
                {
                    return Err(OfflineError::Io { step, path, source });
                }
                Err(error) => self.drop_segment(&entry, path, told(&error)),
            }
        }
        Ok(())
    }

    fn rewrite(
        &mut self,
        dir: &Directory,
        entry: &FileEntry,
        segment: &Segment,
        path: &Path,
        reason: String,
        readable: &[Arc<Segment>],
    ) -> Result<(), OfflineError> {
        let damaged = Damaged { disk: &*dir.disk, path, store_id: self.identity.store_id() };
        let mut parts = Vec::new();
        for part in segment.parts() {
            let is_named = |name: &Namespace, id: u64| {
                self.manifest.namespaces.iter().any(|one| one.name == *name && one.segments.contains(&id))
            };
            // Of a namespace that was dropped nothing is to be saved.
            if !is_named(part.namespace(), entry.id) {
                continue;
            }
            let all: Vec<Arc<Part>> = readable
                .iter()
                .filter(|segment| is_named(part.namespace(), segment.id().0))
                .flat_map(|segment| segment.parts().iter().filter(|one| one.namespace() == part.namespace()).cloned())
                .collect();
            parts.push(damaged.salvage(part, &all)?);
        }
        let losses: Vec<_> = parts.iter().map(|part| part.loss.clone()).filter(|loss| !loss.is_none()).collect();
        self.poorer.extend(losses.iter().map(|loss| loss.namespace.clone()));
        self.changes.push(Change::SegmentRewritten { file: path.into(), reason, losses });
        parts.retain(|part| !part.is_empty());
        if path == segment_path(&dir.segments(), entry.id) {
            self.gone.push(path.into());
        }
        self.manifest.graphs.retain(|graph| graph.segment != entry.id);
        self.rewrites.push(Rewrite { old: entry.id, parts });
        self.is_manifest_changed = true;
        Ok(())
    }

    fn drop_segment(&mut self, entry: &FileEntry, file: PathBuf, reason: String) {
        let of_it = self.manifest.namespaces.iter_mut().filter(|namespace| namespace.segments.contains(&entry.id));
        let namespaces: Vec<Namespace> = of_it
            .map(|namespace| {
                namespace.segments.retain(|id| *id != entry.id);
                namespace.name.clone()
            })
            .collect();
        self.manifest.files.retain(|file| file.id != entry.id);
        self.manifest.graphs.retain(|graph| graph.segment != entry.id);
        self.poorer.extend(namespaces.iter().cloned());
        self.gone.push(file.clone());
        self.changes.push(Change::SegmentDropped { file, reason, namespaces });
        self.is_manifest_changed = true;
    }

    fn graphs(&mut self, dir: &Directory) -> Result<(), OfflineError> {
        for graph in self.manifest.graphs.clone() {
            let path = graph_path(&dir.segments(), graph.segment, graph.part);
            if let Some(reason) = graph_fault(&*dir.disk, &path, &graph)? {
                self.manifest.graphs.retain(|one| *one != graph);
                self.gone.push(path.clone());
                self.changes.push(Change::GraphDropped { file: path, reason });
                self.is_manifest_changed = true;
            }
        }
        Ok(())
    }

    /// Does all of it, and answers where the originals are.
    fn carry_out(mut self, dir: Directory) -> Result<PathBuf, OfflineError> {
        let kept = dir.kept_dir(dir.kept()?.last().copied().unwrap_or(0) + 1);
        dir.disk.create_dir_all(&kept).map_err(OfflineError::io("create", &kept))?;
        sync(&dir, &dir.path)?;
        for file in [manifest::path(&dir.path), identity_file(&dir.path)] {
            match dir.disk.read(&file) {
                Ok(bytes) => copy_to(&dir, &file, &bytes, &kept)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(OfflineError::io("read", file)(error)),
            }
        }
        if self.is_identity_lost {
            self.identity.write(&*dir.disk, &dir.path)?;
        }
        if self.log.reach.is_some() {
            forget_reach(&dir, &kept)?;
        }
        if let Some(cut) = &self.log.cut {
            cut.carry_out(&dir, &kept)?;
        }
        if self.log.cut.is_some() || self.begin_log {
            begin_behind(&dir, self.identity.store_id(), self.manifest.applied)?;
        }
        if self.is_manifest_changed {
            let segments = self.write_segments(&dir)?;
            self.count(&dir.path, &segments)?;
            // Moved before the manifest forgets them: a start would sweep what no manifest names. Should this end in between, the
            // next repair finds them where they are now.
            for file in &self.gone {
                move_to(&dir, file, &kept)?;
            }
            sync(&dir, &dir.segments())?;
            self.manifest.write(&*dir.disk, &dir.path)?;
        }
        // That it opens is not for the next start to find out.
        let Directory { disk, path, lock } = dir;
        opening::read(&Arc::new(DataDir::of(disk, &path, self.identity, lock)))?;
        Ok(kept)
    }

    /// Writes what is left of segments under new numbers, in the place of the old ones; answers all segments.
    fn write_segments(&mut self, dir: &Directory) -> Result<Vec<Arc<Segment>>, OfflineError> {
        let folder = dir.segments();
        dir.disk.create_dir_all(&folder).map_err(OfflineError::io("create", &folder))?;
        for rewrite in &self.rewrites {
            let mut written = None;
            if !rewrite.parts.is_empty() {
                let id = self.free_number(dir)?;
                let path = segment_path(&folder, id);
                let sources: Vec<&dyn Source> = rewrite.parts.iter().map(|part| part as &dyn Source).collect();
                let store_id = self.identity.store_id();
                sutra_segment::write(&*dir.disk, &path, SegmentId(id), store_id, &sources, &Pace::default())?;
                self.manifest.next_file = id + 1;
                let segment = Segment::open(&*dir.disk, &path, store_id)?;
                written = Some(FileEntry { id, bytes: segment.bytes(), root: segment.root() });
            }
            for namespace in &mut self.manifest.namespaces {
                let has_part = rewrite.parts.iter().any(|part| *part.namespace() == namespace.name);
                let new = written.as_ref().filter(|_| has_part).map(|file| file.id);
                if let Some(at) = namespace.segments.iter().position(|id| *id == rewrite.old) {
                    namespace.segments.splice(at..=at, new);
                }
            }
            if let Some(at) = self.manifest.files.iter().position(|file| file.id == rewrite.old) {
                self.manifest.files.splice(at..=at, written);
            }
        }
        sync(dir, &folder)?;
        let open =
            |entry: &FileEntry| opening::named(&*dir.disk, segment_path(&folder, entry.id), self.identity.store_id(), entry);
        Ok(self.manifest.files.iter().map(open).collect::<Result<_, _>>()?)
    }

    /// A number that no segment has ever had, not even one that a repair which was interrupted has written.
    fn free_number(&self, dir: &Directory) -> Result<u64, OfflineError> {
        let names = dir.names(&dir.segments())?;
        let used = names.iter().filter_map(|name| name.get(..16)?.parse::<u64>().ok()).max();
        Ok(used.map_or(0, |used| used + 1).max(self.manifest.next_file))
    }

    /// Counts again what is alive in the namespaces that lose rows.
    fn count(&mut self, dir: &Path, segments: &[Arc<Segment>]) -> Result<(), OfflineError> {
        let state = opening::restored(dir, &self.manifest, segments)?;
        for entry in self.manifest.namespaces.iter_mut().filter(|entry| self.poorer.contains(&entry.name)) {
            if let Some(graph) = state.namespaces.get(&entry.name) {
                entry.counts = living(graph);
            }
        }
        Ok(())
    }
}

/// What is alive of a namespace, counted one by one.
fn living(graph: &Graph) -> Counts {
    let mut counts = Counts::default();
    for concept in graph.ids_from(ConceptId::default()).filter_map(|id| graph.concept(id, None)) {
        counts.concepts += 1;
        counts.vectors += u64::from(concept.vector.is_some());
    }
    for source in graph.sources_from(ConceptId::default()) {
        let links = graph.leaving(source);
        counts.associations += links.iter().filter(|link| graph.is_alive(&link.key(), &link.row())).count() as u64;
    }
    counts
}

/// The manifest of a store whose log has every entry there ever was.
fn rebuilt(dir: &Directory, identity: &Identity, log: &DamagedLog, fault: &str) -> Result<Manifest, OfflineError> {
    if let Some(cut) = &log.cut {
        return Err(hopeless(
            dir,
            format!("{fault}; it can't be made anew, for log file {} is damaged, too: {}", cut.file.display(), cut.reason),
        ));
    }
    if log.purged > LogIndex(0) {
        let reason = format!(
            "{fault}; it can't be made anew, for entries up to {} are in segments only, and neither their order nor which namespaces \
             were dropped, nor the namespaces' settings, are written anywhere else",
            log.purged.0
        );
        return Err(hopeless(dir, reason));
    }
    Ok(opening::first(identity.grid_id(), identity.store_id(), &Placement::ALONE))
}

fn hopeless(dir: &Directory, reason: String) -> OfflineError {
    OfflineError::Hopeless { dir: dir.path.clone(), reason }
}

fn newer(file: PathBuf, error: &dyn std::error::Error) -> OfflineError {
    OfflineError::OtherRelease { file, reason: told(error) }
}

#[cfg(test)]
mod tests {
    use sutra_disk::SimulatedDisk;

    use super::*;
    use crate::manifest::GraphEntry;
    use crate::offline::verify;
    use crate::store::{Store, StoreConfig};

    #[test]
    fn a_damaged_graph_is_dropped_and_nothing_is_lost() {
        let (disk, dir) = (SimulatedDisk::new(3), Path::new("/ward"));
        disk.create_dir_all(dir).unwrap();
        drop(Store::open(StoreConfig { disk: Arc::new(disk.clone()), ..StoreConfig::at(dir) }).unwrap());
        let (graph, content) = (graph_path(&dir.join("segments"), 1, 0), b"neighbours of notes");
        let entry = GraphEntry { segment: 1, part: 0, bytes: content.len() as u64, checksum: crc32c::crc32c(content) };
        let mut manifest = Manifest::read(&disk, dir).unwrap().unwrap();
        manifest.graphs.push(entry);
        manifest.write(&disk, dir).unwrap();
        sutra_disk::replace(&disk, &graph, content).unwrap();
        let shared = || -> Arc<dyn Disk> { Arc::new(disk.clone()) };
        assert!(verify(shared(), dir).unwrap().is_whole());
        for is_flipped in [true, false] {
            let disk = disk.snapshot().disk(1);
            let shared = || -> Arc<dyn Disk> { Arc::new(disk.clone()) };
            if is_flipped {
                disk.flip(&graph, 3, 1).unwrap()
            } else {
                disk.remove(&graph).unwrap()
            }
            let report = verify(shared(), dir).unwrap();
            assert!(report.faults().all(|fault| fault.contains(&*graph.to_string_lossy())) && !report.is_whole());
            let done = repair(shared(), dir, true).unwrap();
            assert!(matches!(&done.changes[..], [Change::GraphDropped { file, .. }] if *file == graph) && !done.loses());
            assert!(verify(shared(), dir).unwrap().is_whole());
            assert!(Manifest::read(&disk, dir).unwrap().unwrap().graphs.is_empty());
        }
    }
}
