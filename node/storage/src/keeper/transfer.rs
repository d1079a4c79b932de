//! Checkpoints given to other replicas, and taken from them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use sutra_disk::Open;
use sutra_segment::{Head, Segment};

use super::{KeepError, Keeper, Work, segment_path};
use crate::control::Control;
use crate::foreign::{self, unusable};
use crate::manifest::Manifest;
use crate::memory::State;
use crate::opening;
use crate::replica::{Checkpoint, CheckpointFile, HeldSegments, Incoming};

/// A checkpoint of another replica that is on the disk.
struct Placed {
    manifest: Manifest,
    segments: Vec<Arc<Segment>>,
    state: State,
}

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
        HeldSegments { signatures: self.segments.iter().map(|segment| segment.signature()).collect(), hold }
    }

    /// Whether somebody uses the segment of this number.
    pub(super) fn is_held(&self, id: u64) -> bool {
        self.held.iter().flat_map(|(_, segments)| segments).any(|segment| segment.id().0 == id)
    }

    /// Puts the checkpoint of another replica in the place of everything; gives it back if there was no room for it.
    pub(super) fn install_checkpoint(&mut self, incoming: Incoming) -> Result<(), (KeepError, Option<Box<Incoming>>)> {
        match self.place(&incoming) {
            // What it does not take over goes with what it replaces.
            Ok(placed) => {
                drop(incoming);
                self.replace_with(placed).map_err(|error| (error, None))
            }
            Err(error) if error.is_for_want_of_room() => Err((error, Some(Box::new(incoming)))),
            Err(error) => Err((error, None)),
        }
    }

    /// Puts it on the disk.
    fn place(&mut self, incoming: &Incoming) -> Result<Placed, KeepError> {
        let theirs = foreign::manifest_in(incoming, self.home.folder(), self.home.grid_id(), self.manifest.shard)?;
        // They stand on segments that are about to go.
        self.give_up_merges();
        let segments = self.take_in(incoming)?;
        let manifest = foreign::manifest_over(&self.manifest, theirs, &segments)?;
        let state = opening::restored(self.home.folder(), &manifest, &segments).map_err(|error| unusable(&error.to_string()))?;
        manifest.write(self.disk(), self.home.folder())?;
        Ok(Placed { manifest, segments, state })
    }

    /// What is on the disk is what everybody sees.
    fn replace_with(&mut self, placed: Placed) -> Result<(), KeepError> {
        let Placed { manifest, segments, state } = placed;
        let replaced: Vec<u64> = self.manifest.files.iter().map(|file| file.id).collect();
        self.adopted(manifest);
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
            let is_it = |segment: &&Arc<Segment>| {
                segment.signature() == file.signature && segments.iter().all(|other| other.id() != segment.id())
            };
            // An earlier try may have taken it in.
            let own = self.held.iter().filter(|(hold, _)| hold.ptr_eq(&hold_of(incoming))).flat_map(|(_, segments)| segments);
            let Some(received) = file.received.as_ref().filter(|_| !own.clone().any(|segment| is_it(&segment))) else {
                let mut here = self.segments.iter().chain(self.held.iter().flat_map(|(_, segments)| segments));
                let held = here.find(is_it);
                let held = held.ok_or_else(|| KeepError::Incoming("a segment that was here has gone meanwhile".into()))?;
                segments.push(Arc::clone(held));
                continue;
            };
            let (head, id) = match self.heads.remove(received) {
                Some(tried) => tried,
                None => {
                    self.manifest.next_file += 1;
                    (Head::read(self.disk(), received)?, self.manifest.next_file - 1)
                }
            };
            if !self.strays.contains(&id) {
                self.strays.push(id);
            }
            let (disk, store_id) = (self.disk(), self.home.store_id());
            let segment = foreign::take_in(disk, (received, &head), (&dir, id), store_id, file.signature);
            let segment = segment.inspect_err(|error| {
                if error.is_for_want_of_room() {
                    self.heads.insert(received.clone(), (head, id));
                }
            })?;
            self.held.push((hold_of(incoming), vec![Arc::clone(&segment)]));
            segments.push(segment);
        }
        self.sync_segments()?;
        Ok(segments)
    }
}

/// By which what is held for a checkpoint is known.
fn hold_of(incoming: &Incoming) -> Weak<()> {
    Arc::downgrade(&incoming.held.hold)
}
