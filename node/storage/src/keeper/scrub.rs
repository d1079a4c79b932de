//! Erased content leaves segments and log.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use sutra_protocol::ConceptId;
use sutra_protocol::command::LogIndex;

use super::{KeepError, Keeper, Work, told, undamaged};
use crate::control::Control;
use crate::manifest::NamespaceEntry;
use crate::memory::Layer;
use crate::replica::Cut;

/// How long an entry may take to be applied before what waits for it is given up for now.
const REACH: Duration = Duration::from_secs(2);

/// A scrub that waits for the consensus to cut the log.
pub(super) struct Cutting {
    /// The last erasure that it is of.
    upto: LogIndex,
    /// The log's first file that has nothing of it.
    file: u64,
}

impl Keeper {
    /// Removes what was erased so far, if anything was.
    pub(super) fn scrub_if_due(&mut self) -> Result<(), KeepError> {
        if self.manifest.scrubs.is_empty() { Ok(()) } else { self.scrub() }
    }

    /// Removes what was erased so far from every file of the store. Of several replicas' log the consensus does: see [`Keeper::cut`].
    pub(super) fn scrub(&mut self) -> Result<(), KeepError> {
        // What is erased meanwhile is for the next time, which begins when this one has ended.
        if self.cutting.is_some() {
            return Ok(());
        }
        // What is erased while this goes on may have left its content in the log's new file: it is for the next time.
        let bound = *self.shared.applied.borrow();
        // What a merge writes would have to be looked at, too.
        self.settle_merges()?;
        // From here on the log's older files hold nothing that the checkpoint after it does not, and can go as a whole.
        self.log.rotate().map_err(|error| KeepError::Log(error.to_string()))?;
        let file = self.log.last_file();
        if self.shared.consensus.is_some()
            && let Some(need) = self.log.needs_before(file).into_iter().find(|need| need.group == self.shared.group)
        {
            self.reach(need.upto);
        }
        self.checkpoint()?;
        let mut scrubs = self.manifest.scrubs.clone();
        scrubs.retain(|scrub| scrub.index <= bound);
        let Some(upto) = scrubs.iter().map(|scrub| scrub.index).max() else { return Ok(()) };
        while let Some(at) = self.segments.iter().rposition(|segment| {
            scrubs.iter().any(|scrub| Layer::of(segment, &scrub.namespace).is_some_and(|layer| self.holds(&layer, scrub.id)))
        }) {
            // Alone: its neighbours need not be rewritten.
            self.compact(at..at + 1)?;
        }
        // A block that can't be read may hold it, or hide that it does.
        undamaged(&self.segments)?;
        if let Some(consensus) = &self.shared.consensus {
            self.cutting = Some(Cutting { upto, file });
            let keeper = self.shared.keeper.sender();
            // A keeper that has ended waits for nothing.
            let cut = Cut::new(move |cut| drop(keeper.send(Work::Cut(cut))));
            // Other groups' entries are in the same files.
            let mut needs = self.log.needs_before(file);
            needs.retain(|need| need.group != self.shared.group);
            self.shared.tenants.leave_log(&needs, &cut);
            consensus.cut(self.manifest.applied, cut);
            return Ok(());
        }
        self.cut_log()?;
        self.end_scrub(upto)
    }

    /// The consensus has cut the log, or could not: it is tried again then.
    pub(super) fn cut(&mut self, cut: Result<(), String>) -> Result<(), KeepError> {
        // Another replica's checkpoint has come meanwhile: it has its own erasures, and a log that begins behind it.
        let Some(Cutting { upto, file }) = self.cutting.take() else { return Ok(()) };
        cut.map_err(KeepError::Log)?;
        if self.log.first_file() < file {
            let needs = self.log.oldest_file_needs();
            let groups: Vec<String> = needs.iter().map(|need| format!("{} up to entry {}", need.group, need.upto.0)).collect();
            return Err(KeepError::Log(format!("its oldest file is kept by group {}", groups.join(", "))));
        }
        self.end_scrub(upto)?;
        if !self.manifest.scrubs.is_empty() {
            self.shared.keeper.ask(Work::Scrub);
        }
        Ok(())
    }

    /// Waits a little until an entry that is in the log is applied: it may be on its way to a quorum, or its commitment not known yet. One
    /// that was waited for in vain may be applied only when another replica's checkpoint has come, for which the keeper has to be free.
    fn reach(&mut self, index: LogIndex) {
        let limit = if self.unreached.replace(index) == Some(index) { REACH / 100 } else { REACH };
        let (done, reached) = sync_channel(1);
        self.shared.write_log.control(Control::Reach { index, done });
        if reached.recv_timeout(limit).is_err() {
            tracing::debug!(index = index.0, group = %self.shared.group, "an entry that should leave the log is not applied yet");
        }
    }

    /// Has the entries up to this one leave the log, for those who share it.
    pub(super) fn leave_log(&mut self, upto: LogIndex, cut: Cut) -> Result<(), KeepError> {
        let reaches = |keeper: &Self| keeper.manifest.point().is_some_and(|point| point.index >= upto);
        if !reaches(self) {
            self.reach(upto);
        }
        if !reaches(self)
            && let Err(error) = self.checkpoint()
        {
            cut.resolve(Err(told(&error)));
            return Err(error);
        }
        match &self.shared.consensus {
            _ if !reaches(self) => {
                cut.resolve(Err(format!("entry {} of group {} is not applied yet", upto.0, self.shared.group)))
            }
            Some(consensus) => consensus.cut(upto, cut),
            None => cut.resolve(self.cut_log().map_err(|error| told(&error))),
        }
        self.try_merge();
        Ok(())
    }

    /// Nothing of it is in segments or log.
    fn end_scrub(&mut self, upto: LogIndex) -> Result<(), KeepError> {
        if !self.strays.is_empty() {
            // They may go only once it is certain that no manifest on the disk names them.
            self.adopt(self.manifest.clone())?;
        }
        if !self.strays.is_empty() {
            let source = std::io::Error::other("the disk refuses, and they may hold what was erased");
            return Err(KeepError::Io { step: "remove replaced segments", source });
        }
        self.indexer.settle();
        self.finish_scrub(upto)
    }

    /// Whether a part still has what was known of a concept before it was erased: a row with content, under a newer one.
    fn holds(&self, layer: &Layer, id: ConceptId) -> bool {
        let Some(code) = layer.find(id) else { return false };
        if layer.row(code).versions.is_empty() {
            return false;
        }
        // A part of a namespace that was dropped is nobody's, and goes as a whole.
        let is_named = |entry: &NamespaceEntry| entry.name == *layer.namespace() && entry.segments.contains(&layer.segment_id());
        if !self.manifest.namespaces.iter().any(is_named) {
            return true;
        }
        let newer = self.segments.iter().skip_while(|segment| segment.id().0 != layer.segment_id()).skip(1);
        let mut rows = newer.filter_map(|segment| {
            let layer = Layer::of(segment, layer.namespace())?;
            layer.find(id).map(|code| layer.row(code))
        });
        rows.any(|row| row.erased_incarnation > 0)
    }

    fn finish_scrub(&mut self, upto: LogIndex) -> Result<(), KeepError> {
        let mut manifest = self.manifest.clone();
        manifest.scrubs.retain(|scrub| scrub.index > upto);
        self.adopt(manifest)?;
        self.install(|done| Control::Scrubbed { upto, done })
    }
}
