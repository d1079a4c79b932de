//! Neighbouring segments become one.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sutra_segment::{Segment, Source};

use super::checkpoint::entry;
use super::files::remove_segments;
use super::{KeepError, Keeper};
use crate::control::Control;
use crate::manifest::NamespaceEntry;
use crate::memory::{Compacted, Layer, horizon};

/// The parts of a namespace, those of the run and those above it.
struct Parts {
    namespace: NamespaceEntry,
    run: Vec<Layer>,
    newer: Vec<Layer>,
    is_oldest: bool,
}

impl Keeper {
    /// Writes one segment in the place of these. It holds what the manifest's state needs, which is replayed from: what the log
    /// behind it says of dropped namespaces is for the next checkpoint.
    pub(super) fn compact(&mut self, run: Range<usize>) -> Result<(), KeepError> {
        if run.is_empty() {
            return Ok(());
        }
        let parts: Vec<Parts> =
            self.manifest.namespaces.iter().filter_map(|namespace| self.parts(namespace, run.clone())).collect();
        // Not the wall clock's: settings that the log has since then may ask for more history than the manifest's.
        let now = self.manifest.clock;
        let sources: Vec<Compacted<'_>> = parts
            .iter()
            .map(|parts| Compacted {
                namespace: &parts.namespace.name,
                shape: parts.run.iter().chain(&parts.newer).find_map(|part| part.shape()),
                run: &parts.run,
                newer: &parts.newer,
                is_oldest: parts.is_oldest,
                horizon: horizon(&parts.namespace.settings, now),
            })
            .collect();
        let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
        self.undamaged()?;
        let mut manifest = self.manifest.clone();
        let segment = if sources.is_empty() { None } else { Some(self.write_segment(&mut manifest, &sources)?) };
        // A block that could not be read has told the source nothing.
        if let Err(damage) = self.undamaged() {
            // No manifest was written that could name it.
            let stray: Vec<u64> = segment.iter().map(|segment| segment.id().0).collect();
            self.strays.retain(|id| !stray.contains(id));
            self.forget(&stray);
            return Err(damage);
        }
        let replaced: Vec<u64> = self.segments[run.clone()].iter().map(|segment| segment.id().0).collect();
        for namespace in &mut manifest.namespaces {
            let Some(at) = namespace.segments.iter().position(|id| replaced.contains(id)) else { continue };
            namespace.segments.retain(|id| !replaced.contains(id));
            namespace.segments.splice(at..at, segment.as_ref().map(|segment| segment.id().0));
        }
        manifest.files.splice(run.clone(), segment.as_deref().map(entry));
        manifest.graphs.retain(|graph| !replaced.contains(&graph.segment));
        self.adopt(manifest)?;
        self.segments.splice(run, segment.clone());
        self.install(|done| Control::Compacted { replaced: replaced.clone(), segment: segment.clone(), done })?;
        self.forget(&replaced);
        self.shared.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.compacted_bytes.fetch_add(segment.as_ref().map_or(0, |segment| segment.bytes()), Ordering::Relaxed);
        if let Some(segment) = &segment {
            self.index(segment);
        }
        Ok(())
    }

    fn parts(&self, namespace: &NamespaceEntry, run: Range<usize>) -> Option<Parts> {
        let of = |segments: &[Arc<Segment>]| -> Vec<Layer> {
            let named = segments.iter().filter(|segment| namespace.segments.contains(&segment.id().0));
            named.filter_map(|segment| Layer::of(segment, &namespace.name)).collect()
        };
        let merged = of(&self.segments[run.clone()]);
        let is_oldest = of(&self.segments[..run.start]).is_empty();
        (!merged.is_empty()).then(|| Parts {
            namespace: namespace.clone(),
            run: merged,
            newer: of(&self.segments[run.end..]),
            is_oldest,
        })
    }

    /// Removes the files of segments that the manifest does not name any more, and of their graphs. Readers that still map them keep
    /// what they see.
    pub(super) fn forget(&mut self, ids: &[u64]) {
        if ids.is_empty() {
            return;
        }
        self.segments.retain(|segment| !ids.contains(&segment.id().0));
        let removed = remove_segments(self.disk(), &self.dir.segments(), ids).map_err(|error| error.to_string());
        let removed = removed.and_then(|()| self.sync_segments().map_err(|error| error.to_string()));
        if let Err(error) = removed {
            self.strays.extend(ids);
            tracing::warn!(%error, segments = ?ids, "segments that are not needed any more could not be removed");
        }
    }
}
