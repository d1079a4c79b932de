//! Checkpoints given to other replicas, and taken from them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sutra_disk::Open;
use sutra_segment::Segment;

use super::{KeepError, Keeper, Work, segment_path};
use crate::control::Control;
use crate::foreign::{self, unusable};
use crate::opening;
use crate::replica::{Checkpoint, CheckpointFile, HeldSegments, Incoming};

impl Keeper {
    /// The files of the newest checkpoint, open; `None`: there never was one.
    pub(super) fn pin(&self) -> Result<Option<Checkpoint>, KeepError> {
        let Some(applied) = self.manifest.point() else { return Ok(None) };
        let files = self.segments.iter().map(|segment| {
            let path = segment_path(&self.home.segments(), segment.id().0);
            let content =
                self.disk().open(&path, Open::Read).map_err(|source| KeepError::Io { step: "open a segment", source })?;
            Ok(CheckpointFile { bytes: segment.bytes(), signature: segment.signature(), content: Arc::from(content) })
        });
        let files = files.collect::<Result<_, KeepError>>()?;
        let manifest = self.manifest.encode();
        let manifest =
            manifest.map_err(|error| KeepError::Io { step: "encode the manifest", source: std::io::Error::other(error) })?;
        Ok(Some(Checkpoint { applied, configuration: self.manifest.configuration.clone(), manifest, files }))
    }

    /// What segments are here. As long as the answer lives their files stay, whatever takes their place.
    pub(super) fn hold(&mut self) -> HeldSegments {
        let hold = Arc::new(());
        self.held.retain(|(hold, _)| hold.strong_count() > 0);
        self.held.push((Arc::downgrade(&hold), self.segments.clone()));
        HeldSegments { signatures: self.segments.iter().map(|segment| segment.signature()).collect(), _hold: hold }
    }

    /// Whether somebody uses the segment of this number.
    pub(super) fn is_held(&self, id: u64) -> bool {
        self.held.iter().flat_map(|(_, segments)| segments).any(|segment| segment.id().0 == id)
    }

    /// Puts the checkpoint of another replica in the place of everything.
    pub(super) fn install_checkpoint(&mut self, incoming: Incoming) -> Result<(), KeepError> {
        let theirs = foreign::manifest_in(&incoming, self.home.folder(), self.home.grid_id(), self.manifest.shard)?;
        // They stand on segments that are about to go.
        self.give_up_merges();
        let segments = self.take_in(&incoming)?;
        let replaced: Vec<u64> = self.manifest.files.iter().map(|file| file.id).collect();
        let manifest = foreign::manifest_over(&self.manifest, theirs, &segments)?;
        let state = opening::restored(self.home.folder(), &manifest, &segments).map_err(|error| unusable(&error.to_string()))?;
        // What it does not take over goes below.
        drop(incoming);
        self.adopt(manifest)?;
        self.segments = segments;
        // It was of what is gone now.
        self.unfinished = None;
        self.cutting = None;
        self.install(|done| Control::Installed { state: Box::new(state), done })?;
        self.shared.counters.installs.fetch_add(1, Ordering::Relaxed);
        let kept: Vec<u64> = self.manifest.files.iter().map(|file| file.id).collect();
        self.forget(&replaced.into_iter().filter(|id| !kept.contains(id)).collect::<Vec<_>>());
        for segment in self.segments.clone() {
            self.index(&segment);
        }
        if !self.manifest.scrubs.is_empty() {
            self.shared.keeper.ask(Work::Scrub);
        }
        Ok(())
    }

    /// The checkpoint's segments, in its order, each checked to its last byte and under a number of this store.
    fn take_in(&mut self, incoming: &Incoming) -> Result<Vec<Arc<Segment>>, KeepError> {
        let dir = self.home.segments();
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(incoming.files.len());
        for file in &incoming.files {
            let Some(received) = &file.received else {
                let is_it = |segment: &&Arc<Segment>| segment.signature() == file.signature;
                let here = self.segments.iter().chain(self.held.iter().flat_map(|(_, segments)| segments));
                let held = here.filter(is_it).find(|held| segments.iter().all(|other| other.id() != held.id()));
                let held = held.ok_or_else(|| KeepError::Incoming("a segment that was here has gone meanwhile".into()))?;
                segments.push(Arc::clone(held));
                continue;
            };
            let id = self.manifest.next_file;
            self.manifest.next_file += 1;
            self.strays.push(id);
            let (disk, store_id) = (self.disk(), self.home.store_id());
            let segment = foreign::take_in(disk, received, (&dir, id), store_id, file.signature)?;
            segments.push(segment);
        }
        self.sync_segments()?;
        Ok(segments)
    }
}
