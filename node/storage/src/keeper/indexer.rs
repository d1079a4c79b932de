//! The thread that builds graphs over the vectors of segments, and opens those that were built before: the one background job of
//! its kind, of low priority, because whoever searches meanwhile scans.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sutra_disk::Disk;
use sutra_vector::{Expected, Graph, GraphConfig, Progress};

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
    /// Set when the segment is replaced: nobody needs the graph any more, and what was erased must not stay in one.
    unneeded: Arc<AtomicBool>,
}

/// What the thread is doing.
#[derive(Default)]
struct Building {
    /// Whether the graph that it builds is unneeded; nothing while it builds none.
    unneeded: Mutex<Option<Arc<AtomicBool>>>,
    changed: Condvar,
}

impl Building {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<AtomicBool>>> {
        self.unneeded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, job: &Job) -> Begun<'_> {
        *self.lock() = Some(Arc::clone(&job.unneeded));
        Begun(self)
    }
}

/// A job until its end, also if that is a panic: nobody may wait for it then.
struct Begun<'a>(&'a Building);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
        self.0.changed.notify_all();
    }
}

/// The thread and how it is reached.
pub(crate) struct Indexer {
    jobs: Option<Sender<Job>>,
    /// Tells it to give up what it is doing.
    closing: Arc<AtomicBool>,
    /// By segment, for those with a job.
    unneeded: HashMap<u64, Arc<AtomicBool>>,
    building: Arc<Building>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread; it reports to `done`, and counts in `inserts` every vector that it puts into a graph.
    pub(crate) fn start(disk: Arc<dyn Disk>, done: Sender<Work>, inserts: Arc<AtomicU64>) -> std::io::Result<Self> {
        let (jobs, waiting) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let building = Arc::<Building>::default();
        let (stop, now) = (Arc::clone(&closing), Arc::clone(&building));
        let work = move || run(&*disk, &waiting, &done, (&stop, &now, &inserts));
        let thread = std::thread::Builder::new().name("indexer".into()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), closing, unneeded: HashMap::new(), building, thread: Some(thread) })
    }

    /// Ends the thread; a graph that is being built is given up.
    pub(super) fn close(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that builds graphs had panicked");
        }
    }

    /// Gives up the graphs of a segment that is replaced.
    pub(super) fn forget(&mut self, segment: u64) {
        if let Some(unneeded) = self.unneeded.remove(&segment) {
            unneeded.store(true, Ordering::Relaxed);
        }
    }

    /// Ends when no file of a graph that was given up is left, though it was being written.
    pub(super) fn settle(&self) {
        let mut building = self.building.lock();
        while building.as_ref().is_some_and(|unneeded| unneeded.load(Ordering::Relaxed)) {
            building = self.building.changed.wait(building).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn ask(&mut self, path: PathBuf, layer: Layer, known: Option<GraphEntry>) {
        let unneeded = Arc::clone(self.unneeded.entry(layer.segment_id()).or_default());
        let job = Job { path, layer, known, unneeded };
        // A thread that has panicked builds no more graphs; searches scan.
        let _ = self.jobs.as_ref().map(|jobs| jobs.send(job));
    }
}

fn run(
    disk: &dyn Disk,
    jobs: &Receiver<Job>,
    done: &Sender<Work>,
    (closing, building, inserts): (&AtomicBool, &Building, &AtomicU64),
) {
    super::step_back();
    while let Ok(job) = jobs.recv() {
        if closing.load(Ordering::Relaxed) {
            return;
        }
        let begun = building.begin(&job);
        let built = graph_of(disk, &job, inserts, &|| closing.load(Ordering::Relaxed) || job.unneeded.load(Ordering::Relaxed));
        if job.unneeded.load(Ordering::Relaxed) {
            // Whoever removed the segment's files may have come before this one was there.
            let _ = disk.remove(&job.path);
        }
        drop(begun);
        if built.is_some_and(|built| done.send(Work::Built(Box::new(built))).is_err()) {
            return;
        }
    }
}

/// Builds or opens a graph; `None`: there is none to build, or it was given up, or can't be built.
fn graph_of(disk: &dyn Disk, job: &Job, inserts: &AtomicU64, given_up: &dyn Fn() -> bool) -> Option<Built> {
    let vectors = job.layer.vectors().filter(|_| !given_up())?;
    let entry = match &job.known {
        Some(entry) => entry.clone(),
        None => {
            let mut counted = 0;
            let mut going_on = |Progress { done, .. }| {
                inserts.fetch_add(u64::from(done - counted), Ordering::Relaxed);
                counted = done;
                if given_up() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let built = sutra_vector::build(disk, &job.path, vectors, &GraphConfig::default(), &mut going_on);
            let built = built.inspect_err(|error| {
                if !given_up() {
                    tracing::warn!(%error, "no graph was built over the vectors of a segment; they are scanned");
                }
            });
            let built = built.ok()?;
            let (segment, part) = (job.layer.segment_id(), job.layer.place() as u32);
            GraphEntry { segment, part, bytes: built.bytes, checksum: built.checksum }
        }
    };
    let expected = Expected { shape: vectors.shape(), count: vectors.len(), checksum: Some(entry.checksum) };
    let graph = Graph::open(disk, &job.path, &expected);
    let graph = graph.inspect_err(|error| tracing::warn!(%error, "a graph can't be used; it is built again"));
    Some(Built { entry, graph: graph.ok().map(Arc::new) })
}

impl Keeper {
    /// Has graphs built over the vectors of a new segment, where there are enough.
    pub(super) fn index(&mut self, segment: &sutra_segment::Segment) {
        for part in segment.parts() {
            let Some(layer) = Layer::of(segment, part.namespace()) else { continue };
            if layer.vectors().is_some_and(|vectors| vectors.len() >= FEWEST) {
                let path = graph_path(&self.home.segments(), layer.segment_id(), layer.place() as u32);
                self.indexer.ask(path, layer, None);
            }
        }
    }

    /// Has the manifest's graphs opened, and those built that are missing.
    pub(super) fn reopen_graphs(&mut self) {
        for segment in &self.segments {
            for part in segment.parts() {
                let Some(layer) = Layer::of(segment, part.namespace()) else { continue };
                let place = layer.place() as u32;
                let is_known = |entry: &&GraphEntry| entry.segment == layer.segment_id() && entry.part == place;
                let known = self.manifest.graphs.iter().find(is_known).cloned();
                if known.is_some() || layer.vectors().is_some_and(|vectors| vectors.len() >= FEWEST) {
                    let path = graph_path(&self.home.segments(), layer.segment_id(), place);
                    self.indexer.ask(path, layer, known);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

    use std::path::Path;

    use sutra_disk::SimulatedDisk;
    use sutra_protocol::command::LogIndex;
    use sutra_protocol::{Namespace, Timestamp};
    use sutra_segment::{Pace, Segment, SegmentId};

    use super::*;
    use crate::fixture::{aspirin, learn};
    use crate::memory::{State, Written};

    fn layer(disk: &dyn Disk, id: u64) -> Layer {
        let mut state = State::default();
        let taught = sutra_protocol::command::NewConcept { vector: Some(Arc::from([1.0, 0.0])), ..aspirin() };
        state.apply(LogIndex(1), Timestamp::from_micros(1), &learn(taught)).outcomes.remove(0).unwrap();
        let namespace = Namespace::default();
        let graph = &state.namespaces[&namespace];
        let written = Written { namespace: &namespace, shape: graph.shape, delta: &graph.delta, horizon: None };
        let path = crate::keeper::segment_path(Path::new("/"), id);
        sutra_segment::write(disk, &path, SegmentId(id), "ward", &[&written], &Pace::default()).unwrap();
        Layer::of(&Segment::open(disk, &path, "ward").unwrap(), &namespace).unwrap()
    }

    #[test]
    fn a_graph_of_a_replaced_segment_is_not_built() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(1));
        let layers = [1, 2].map(|id| layer(&*disk, id));
        let (done, reports) = channel();
        let inserts = Arc::<AtomicU64>::default();
        let mut indexer = Indexer::start(Arc::clone(&disk), done, Arc::clone(&inserts)).unwrap();
        // The thread can begin nothing meanwhile.
        let building = Arc::clone(&indexer.building);
        let waits = building.lock();
        for layer in &layers {
            indexer.ask(graph_path(Path::new("/"), layer.segment_id(), 0), layer.clone(), None);
        }
        indexer.forget(1);
        drop(waits);
        let Work::Built(built) = reports.recv().unwrap() else { panic!("it reports graphs only") };
        assert_eq!(built.entry.segment, 2);
        assert_eq!(inserts.load(Ordering::Relaxed), 1, "the one vector of that segment");
        indexer.settle();
        assert!(disk.list(Path::new("/")).unwrap().iter().all(|name| !Path::new(name).ends_with("0000000000000001-0.graph")));
        indexer.close();
    }
}
