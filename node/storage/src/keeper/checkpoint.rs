//! A frozen delta becomes a segment.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use sutra_segment::{Pace, Segment, SegmentId, Source};
use sutra_wal::{Durability, Record};

use super::{KeepError, Keeper, segment_path};
use crate::control::Control;
use crate::manifest::{FileEntry, Manifest, NamespaceEntry};
use crate::memory::{Dealings, Layer, State, Written};
use crate::reconciler::TERM;

impl Keeper {
    /// Moves everything that is applied now into segments, and purges the log of it.
    pub(super) fn checkpoint(&mut self) -> Result<(), KeepError> {
        if let Some(snapshot) = self.unfinished.take() {
            self.move_out(snapshot)?;
        }
        let snapshot = self.freeze()?;
        self.move_out(snapshot)
    }

    pub(super) fn move_out(&mut self, snapshot: State) -> Result<(), KeepError> {
        if snapshot.point().map(|point| point.index) == self.manifest.point().map(|point| point.index) {
            let purged = self.log.group(self.shared.group).and_then(|group| group.purged).map(|point| point.index);
            return if purged < Some(self.manifest.applied) && self.manifest.applied.0 > 0 { self.cut_log() } else { Ok(()) };
        }
        let started = Instant::now();
        match self.write(&snapshot) {
            Ok(segment) => {
                let frozen = snapshot.namespaces.iter().filter(|(_, graph)| graph.frozen.is_some());
                let born = frozen.map(|(name, graph)| (name.clone(), graph.born)).collect();
                self.install(|done| Control::Checkpointed { segment: segment.clone(), born, done })?;
                let counters = &self.shared.counters;
                counters.checkpoints.fetch_add(1, Ordering::Relaxed);
                let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
                counters.checkpoint_nanos.fetch_add(nanos, Ordering::Relaxed);
                counters.last_checkpoint_nanos.store(nanos, Ordering::Relaxed);
                if let Some(segment) = &segment {
                    self.index(segment);
                }
                self.cut_log()
            }
            Err(error) => {
                // It stays frozen, and readable; the next attempt writes the same.
                self.unfinished = Some(snapshot);
                Err(error)
            }
        }
    }

    fn freeze(&self) -> Result<State, KeepError> {
        let (reply, frozen) = sync_channel(1);
        self.shared.write_log.control(Control::Freeze(reply));
        frozen.recv().map_err(|_| KeepError::Closed)
    }

    /// Writes the frozen deltas into a segment, if there are any, and a manifest that names it.
    fn write(&mut self, snapshot: &State) -> Result<Option<Arc<Segment>>, KeepError> {
        let frozen = snapshot.namespaces.iter().filter_map(|(namespace, graph)| {
            let delta = graph.frozen.as_deref()?;
            Some(Written { namespace, shape: graph.shape, delta, horizon: graph.horizon(snapshot.clock) })
        });
        let sources: Vec<Written<'_>> = frozen.collect();
        let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
        let mut manifest = self.manifest_of(snapshot);
        let segment = if sources.is_empty() { None } else { Some(self.write_segment(&mut manifest, &sources)?) };
        if let Some(segment) = &segment {
            manifest.files.push(entry(segment));
            for namespace in manifest.namespaces.iter_mut() {
                if sources.iter().any(|source| *source.namespace() == namespace.name) {
                    namespace.segments.push(segment.id().0);
                }
            }
        }
        // A namespace that was dropped may leave files that nobody names any more.
        let named = |id: u64| manifest.namespaces.iter().any(|namespace| namespace.segments.contains(&id));
        let (kept, dropped): (Vec<_>, Vec<_>) = manifest.files.drain(..).partition(|file| named(file.id));
        manifest.files = kept;
        manifest.graphs.retain(|graph| manifest.files.iter().any(|file| file.id == graph.segment));
        // A manifest must never be ahead of what the log is known to hold.
        if self.shared.config.durability == Durability::Buffered {
            self.log.make_durable().map_err(|error| KeepError::Log(error.to_string()))?;
        }
        self.adopt(manifest)?;
        self.segments.extend(segment.clone());
        self.forget(&dropped.iter().map(|file| file.id).collect::<Vec<_>>());
        Ok(segment)
    }

    /// Writes a segment under the next free number, and opens it.
    pub(super) fn write_segment(&mut self, manifest: &mut Manifest, sources: &[&dyn Source]) -> Result<Arc<Segment>, KeepError> {
        // A number is never used twice: a manifest whose writing failed may be on the disk all the same, and name this file.
        let id = self.manifest.next_file;
        self.manifest.next_file += 1;
        manifest.next_file = self.manifest.next_file;
        self.strays.push(id);
        let path = segment_path(&self.home.segments(), id);
        sutra_segment::write(self.disk(), &path, SegmentId(id), self.home.store_id(), sources, &Pace::default())?;
        self.sync_segments()?;
        Ok(Segment::open(self.disk(), &path, self.home.store_id())?)
    }

    /// The manifest of a state whose parts are those of the manifest before.
    fn manifest_of(&self, snapshot: &State) -> Manifest {
        let namespaces = snapshot.namespaces.iter().map(|(name, graph)| NamespaceEntry {
            name: name.clone(),
            settings: graph.settings.clone(),
            dimension: graph.shape.map(|shape| shape.dimension()),
            scalar: graph.shape.map(|shape| shape.scalar().to_string()),
            counts: graph.counts,
            born: graph.born,
            base: graph.base,
            forgotten_to: graph.forgotten_to,
            segments: graph.parts.iter().map(Layer::segment_id).collect(),
        });
        Manifest {
            applied: snapshot.applied,
            applied_term: snapshot.term,
            configuration: snapshot.configuration.as_deref().cloned(),
            clock: snapshot.clock,
            namespaces: namespaces.collect(),
            sessions: snapshot.sessions.entries(),
            scrubs: snapshot.scrubs.iter().cloned().collect(),
            dealings: Dealings::of(snapshot),
            ..self.manifest.clone()
        }
    }

    /// Takes out of the log what the manifest's files hold; of several replicas' as soon as the consensus can do without.
    pub(super) fn cut_log(&self) -> Result<(), KeepError> {
        if let Some(consensus) = &self.shared.consensus {
            consensus.checkpointed(self.manifest.applied);
            return Ok(());
        }
        let purge = Record::Purge { group: self.shared.group, upto: self.manifest.applied, term: TERM };
        let cut = self.log.append(&[purge]).and_then(|position| self.log.sync(position));
        cut.map_err(|error| KeepError::Log(error.to_string()))?;
        self.log.drop_unneeded().map_err(|error| KeepError::Log(error.to_string()))?;
        Ok(())
    }
}

/// A segment's place in a manifest.
pub(crate) fn entry(segment: &Segment) -> FileEntry {
    FileEntry { id: segment.id().0, bytes: segment.bytes(), root: segment.root() }
}
