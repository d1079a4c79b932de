//! Reading everything there is.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;
use sutra_wal::offline::FileEnd;

use super::directory::Directory;
use super::error::{OfflineError, told};
use super::report::{FileReport, Holds, PartReport, Report};
use crate::datadir::{DataDir, identity_file};
use crate::directory::GRID_FILE;
use crate::home;
use crate::keeper::{graph_path, segment_path};
use crate::manifest::{self, GraphEntry, Manifest, ManifestError};
use crate::opening;
use crate::store::SHARD;

/// Reads every byte of a data directory's files: the manifest, every block and row of its segments, the checksums of its graphs,
/// every frame of its log; and whether they make a store. Nothing is changed.
///
/// # Errors
/// [`OfflineError`]: no store there, one in use, or a disk that refuses. What is wrong with the store is in the report.
pub fn verify(disk: Arc<dyn Disk>, dir: &Path) -> Result<Report, OfflineError> {
    Verification { dir: Directory::lock(disk, dir)?, report: Report::default() }.run()
}

struct Verification {
    dir: Directory,
    report: Report,
}

impl Verification {
    fn run(mut self) -> Result<Report, OfflineError> {
        let identity = self.dir.identity();
        let fault = identity.as_ref().err().map(|error| told(error));
        self.file(identity_file(&self.dir.path), Holds::Identity, fault)?;
        for shard in self.dir.shards()? {
            self.shard(&home::folder(&self.dir.path, shard), identity.as_ref().map(|identity| identity.store_id()).ok())?;
        }
        self.log(identity.as_ref().ok().map(|identity| identity.store_id()))?;
        if let (true, Ok(identity)) = (self.report.is_whole(), identity) {
            let Directory { disk, path, lock } = self.dir;
            match opening::read(&Arc::new(DataDir::of(disk, &path, identity, lock))) {
                Ok(states) if states.is_empty() => self.report.applied = BTreeMap::from([(SHARD, LogIndex(0))]),
                Ok(states) => {
                    self.report.applied = states.iter().map(|(shard, state)| (shard.0, state.applied)).collect();
                }
                Err(error) => self.report.problems.push(told(&error)),
            }
        }
        Ok(self.report)
    }

    /// The files of one shard, whose manifest is in `folder`.
    fn shard(&mut self, folder: &Path, store_id: Option<&str>) -> Result<(), OfflineError> {
        let segments = home::segments(folder);
        if let Some(manifest) = self.manifest(folder)? {
            let store = store_id.unwrap_or(manifest.store_id.as_str());
            for entry in &manifest.files {
                let path = segment_path(&segments, entry.id);
                let segment = opening::named(&*self.dir.disk, path.clone(), store, entry);
                self.segment(path, segment.map_err(|error| told(&error)))?;
            }
            manifest.graphs.iter().try_for_each(|graph| self.graph(&segments, graph))?;
            return self.unreferenced(&segments, &manifest);
        }
        // Which of them belong to the store is not known; whether they read is.
        for path in self.files(&segments)?.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "sutradat")) {
            let segment = Segment::open(&*self.dir.disk, &path, store_id.unwrap_or_default());
            self.segment(path, segment.map_err(|error| told(&error)))?;
        }
        Ok(())
    }

    fn file(&mut self, file: PathBuf, holds: Holds, fault: Option<String>) -> Result<(), OfflineError> {
        let bytes = match self.dir.disk.size(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(OfflineError::io("read the size of", file)(error)),
        };
        self.report.files.push(FileReport { file, bytes, holds, fault });
        Ok(())
    }

    fn manifest(&mut self, folder: &Path) -> Result<Option<Manifest>, OfflineError> {
        let (disk, file) = (&*self.dir.disk, manifest::path(folder));
        match Manifest::read(disk, folder) {
            Ok(Some(manifest)) => {
                let holds = Holds::Manifest {
                    applied: manifest.applied,
                    segments: manifest.files.len() as u64,
                    graphs: manifest.graphs.len() as u64,
                    namespaces: manifest.namespaces.len() as u64,
                };
                self.file(file, holds, None)?;
                Ok(Some(manifest))
            }
            Ok(None) => {
                // A directory whose first opening was cut short has neither. Whether a replica of a grid has begun is told by its log.
                if self.has_log()? && !self.is_of_grid() {
                    let fault = told(&ManifestError::Missing { file: file.clone() });
                    self.file(file, Holds::Unknown, Some(fault))?;
                }
                Ok(None)
            }
            Err(error) => {
                self.file(file, Holds::Unknown, Some(told(&error)))?;
                Ok(None)
            }
        }
    }

    fn segment(&mut self, path: PathBuf, segment: Result<Arc<Segment>, String>) -> Result<(), OfflineError> {
        match segment {
            Ok(segment) => {
                let parts = segment.parts().iter().map(|part| PartReport {
                    namespace: part.namespace().clone(),
                    concepts: part.rows().into(),
                    living: part.living().into(),
                    associations: part.edges().into(),
                    vectors: part.vectors_count().into(),
                });
                let holds = Holds::Segment { parts: parts.collect() };
                let fault = segment.verify().err().map(|damage| damage.to_string());
                self.file(path, holds, fault)
            }
            Err(fault) => self.file(path, Holds::Segment { parts: Vec::new() }, Some(fault)),
        }
    }

    fn graph(&mut self, segments: &Path, entry: &GraphEntry) -> Result<(), OfflineError> {
        let path = graph_path(segments, entry.segment, entry.part);
        let fault = graph_fault(&*self.dir.disk, &path, entry)?;
        self.file(path, Holds::Graph, fault)
    }

    fn log(&mut self, store_id: Option<&str>) -> Result<(), OfflineError> {
        if !self.has_log()? && self.report.files.iter().all(|file| !matches!(file.holds, Holds::Manifest { .. })) {
            return Ok(());
        }
        let log = sutra_wal::offline::verify(&*self.dir.disk, &self.dir.path, store_id)?;
        let mut named = false;
        for file in log.files {
            let at =
                |offset: u64, reason: &str| format!("log file {} is damaged at offset {offset}: {reason}", file.file.display());
            let fault = match &file.end {
                FileEnd::Damaged { offset, reason } => Some(at(*offset, reason)),
                FileEnd::Clean { .. } | FileEnd::Torn { .. } => None,
            };
            named |= fault.is_some();
            let torn = matches!(file.end, FileEnd::Torn { .. });
            let holds = Holds::Log { frames: file.frames, entries: file.entries, torn };
            self.report.files.push(FileReport { file: file.file, bytes: file.bytes, holds, fault });
        }
        let problem = log.problem.map(|problem| told(&problem));
        let reach = self.dir.path.join("DURABLE");
        let of_reach = problem.clone().filter(|problem| problem.contains(&*reach.to_string_lossy()));
        named |= of_reach.is_some();
        if of_reach.is_some() || self.dir.disk.size(&reach).is_ok() {
            self.file(reach, Holds::Reach, of_reach)?;
        }
        // Damage that a file's own line tells is not told twice.
        self.report.problems.extend(problem.filter(|_| !named));
        Ok(())
    }

    fn has_log(&self) -> Result<bool, OfflineError> {
        sutra_wal::is_there(&*self.dir.disk, &self.dir.path).map_err(OfflineError::io("look for a log in", &self.dir.path))
    }

    fn is_of_grid(&self) -> bool {
        self.dir.disk.size(&self.dir.path.join(GRID_FILE)).is_ok()
    }

    fn unreferenced(&mut self, folder: &Path, manifest: &Manifest) -> Result<(), OfflineError> {
        let segments = manifest.files.iter().map(|file| segment_path(folder, file.id));
        let graphs = manifest.graphs.iter().map(|graph| graph_path(folder, graph.segment, graph.part));
        let named: Vec<PathBuf> = segments.chain(graphs).collect();
        let stray = self.files(folder)?.into_iter().filter(|path| !named.contains(path));
        self.report.unreferenced.extend(stray);
        Ok(())
    }

    /// Files in a folder of segments.
    fn files(&self, folder: &Path) -> Result<Vec<PathBuf>, OfflineError> {
        Ok(self.dir.names(folder)?.into_iter().map(|name| folder.join(name)).collect())
    }
}

/// What is wrong with a graph: whether it is, to the byte, what was written. usearch is not asked, which a damaged file crashes.
pub(super) fn graph_fault(disk: &dyn Disk, path: &Path, entry: &GraphEntry) -> Result<Option<String>, OfflineError> {
    let bytes = match disk.map(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(format!("graph {} is missing", path.display()))),
        Err(error) => return Err(OfflineError::io("map", path)(error)),
    };
    let (found, checksum) = (bytes.len() as u64, crc32c::crc32c(&bytes));
    Ok(if found != entry.bytes {
        Some(format!("graph {} has {found} bytes; the manifest says {}", path.display(), entry.bytes))
    } else if checksum != entry.checksum {
        Some(format!("graph {} is damaged: it has checksum {checksum:08x}, not {:08x}", path.display(), entry.checksum))
    } else {
        None
    })
}
