//! The thread that builds graphs over the vectors of segments, and opens those that were built before: the one background job of
//! its kind, of low priority, because whoever searches meanwhile scans.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use sutra_disk::Disk;
use sutra_vector::{Expected, Graph, GraphConfig};

use super::{Built, KeepError, Keeper, Work, graph_path};
use crate::control::Control;
use crate::manifest::GraphEntry;
use crate::memory::Layer;

/// A part with fewer vectors is scanned.
const FEWEST: u32 = 20_000;

/// A graph to build or to open.
struct Job {
    path: PathBuf,
    layer: Layer,
    /// The graph that is there already.
    known: Option<GraphEntry>,
}

/// The thread and how it is reached.
pub(crate) struct Indexer {
    jobs: Option<Sender<Job>>,
    /// Tells it to give up what it is doing.
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread; it reports to `done`.
    pub(crate) fn start(disk: Arc<dyn Disk>, done: Sender<Work>) -> std::io::Result<Self> {
        let (jobs, waiting) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closing);
        let thread = std::thread::Builder::new().name("indexer".into()).spawn(move || run(&*disk, &waiting, &done, &stop))?;
        Ok(Self { jobs: Some(jobs), closing, thread: Some(thread) })
    }

    /// Ends the thread; a graph that is being built is given up.
    pub(super) fn close(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that builds graphs had panicked");
        }
    }

    fn ask(&self, job: Job) {
        // A thread that has panicked builds no more graphs; searches scan.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }
}

fn run(disk: &dyn Disk, jobs: &Receiver<Job>, done: &Sender<Work>, closing: &Arc<AtomicBool>) {
    super::step_back();
    while let Ok(job) = jobs.recv() {
        if closing.load(Ordering::Relaxed) {
            return;
        }
        let Some(vectors) = job.layer.vectors() else { continue };
        let entry = match job.known {
            Some(entry) => entry,
            None => {
                let mut going_on =
                    |_| if closing.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                match sutra_vector::build(disk, &job.path, vectors, &GraphConfig::default(), &mut going_on) {
                    Ok(built) => GraphEntry {
                        segment: job.layer.segment_id(),
                        part: job.layer.place() as u32,
                        bytes: built.bytes,
                        checksum: built.checksum,
                    },
                    Err(error) => {
                        if !closing.load(Ordering::Relaxed) {
                            tracing::warn!(%error, "no graph was built over the vectors of a segment; they are scanned");
                        }
                        continue;
                    }
                }
            }
        };
        let expected = Expected { shape: vectors.shape(), count: vectors.len(), checksum: Some(entry.checksum) };
        let graph = match Graph::open(disk, &job.path, &expected) {
            Ok(graph) => Some(Arc::new(graph)),
            Err(error) => {
                tracing::warn!(%error, "a graph can't be used; it is built again");
                None
            }
        };
        if done.send(Work::Built(Box::new(Built { entry, graph }))).is_err() {
            return;
        }
    }
}

impl Keeper {
    /// Has graphs built over the vectors of a new segment, where there are enough.
    pub(super) fn index(&self, segment: &sutra_segment::Segment) {
        for part in segment.parts() {
            let Some(layer) = Layer::of(segment, part.namespace()) else { continue };
            if layer.vectors().is_some_and(|vectors| vectors.len() >= FEWEST) {
                let path = graph_path(&self.dir.segments(), layer.segment_id(), layer.place() as u32);
                self.indexer.ask(Job { path, layer, known: None });
            }
        }
    }

    /// Has the manifest's graphs opened, and those built that are missing.
    pub(super) fn reopen_graphs(&self) {
        for segment in &self.segments {
            for part in segment.parts() {
                let Some(layer) = Layer::of(segment, part.namespace()) else { continue };
                let place = layer.place() as u32;
                let is_known = |entry: &&GraphEntry| entry.segment == layer.segment_id() && entry.part == place;
                let known = self.manifest.graphs.iter().find(is_known).cloned();
                if known.is_some() || layer.vectors().is_some_and(|vectors| vectors.len() >= FEWEST) {
                    let path = graph_path(&self.dir.segments(), layer.segment_id(), place);
                    self.indexer.ask(Job { path, layer, known });
                }
            }
        }
    }

    /// Publishes a graph, or has one that can't be used built again.
    pub(super) fn built(&mut self, built: Built) -> Result<(), KeepError> {
        let Built { entry, graph } = built;
        let is_same = |known: &GraphEntry| known.segment == entry.segment && known.part == entry.part;
        let segment = self.segments.iter().find(|segment| segment.id().0 == entry.segment).cloned();
        // Merged meanwhile: nobody needs it.
        let Some(segment) = segment else {
            self.forget(&[entry.segment]);
            return Ok(());
        };
        let mut manifest = self.manifest.clone();
        manifest.graphs.retain(|known| !is_same(known));
        let place = entry.part as usize;
        match graph {
            Some(graph) => {
                manifest.graphs.push(entry);
                if manifest != self.manifest {
                    self.sync_segments()?;
                    self.adopt(manifest)?;
                }
                self.install(|done| Control::Indexed { segment: segment.id().0, place, graph, done })
            }
            None => {
                self.adopt(manifest)?;
                self.index(&segment);
                Ok(())
            }
        }
    }
}
