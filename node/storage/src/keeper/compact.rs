//! Neighbouring segments become one, written by a thread of its own, so that a long merge stands in the way of no checkpoint: what comes
//! meanwhile is merged beside it, and so it is beside a compaction of all that somebody asked for. Only where there are too many
//! segments all the same is a merge waited for.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use sutra_protocol::Timestamp;
use sutra_segment::{Pace, Segment, SegmentId, Source};

use super::checkpoint::entry;
use super::files::remove_segments;
use super::work::Asker;
use super::{EndOnPanic, KeepError, Keeper, Work, segment_path, step_back, tiers, told, undamaged};
use crate::control::Control;
use crate::home::Home;
use crate::manifest::NamespaceEntry;
use crate::memory::{Compacted, Layer, horizon};

/// One segment to write in the place of several.
struct Job {
    path: PathBuf,
    id: SegmentId,
    home: Arc<Home>,
    /// Everything that is read.
    segments: Vec<Arc<Segment>>,
    replaced: Vec<u64>,
    parts: Vec<Parts>,
    now: Timestamp,
}

/// The parts of a namespace, those of the run and those above it.
struct Parts {
    namespace: NamespaceEntry,
    run: Vec<Layer>,
    newer: Vec<Layer>,
    is_oldest: bool,
}

/// What has become of a job; no segment where nothing was left to write.
struct Merged {
    id: u64,
    replaced: Vec<u64>,
    segment: Result<Option<Arc<Segment>>, KeepError>,
}

/// A merge under way.
pub(super) struct Merging {
    /// The number of the segment that it writes.
    id: u64,
    /// Those that it merges.
    replaced: Vec<u64>,
    cancelled: Arc<AtomicBool>,
    thread: JoinHandle<Merged>,
    /// Who asked for it; nobody, where the sizes of segments did.
    asked: Vec<Asker>,
}

/// Tells the keeper at its end, also if that is a panic, that a merge is over.
struct Over {
    id: u64,
    keeper: Sender<Work>,
}

impl Drop for Over {
    fn drop(&mut self) {
        // A keeper that has ended had waited for it.
        let _ = self.keeper.send(Work::Merged(self.id));
    }
}

/// So many merges that the sizes of segments ask for are under way at once: a long one, and what comes meanwhile.
const BESIDE: usize = 2;

/// How often a compaction that was asked for is begun anew because something was erased, before erasures wait for it.
const RESTARTS: u32 = 3;

/// Tells those who asked for a compaction what has come of it.
fn answer(asked: Vec<Asker>, outcome: Result<(), &KeepError>) {
    for asker in asked {
        // It may have gone away.
        let _ = asker.send(outcome.map_err(told));
    }
}

impl Job {
    fn run(self, pace: &Pace) -> Merged {
        Merged { id: self.id.0, segment: self.write(pace), replaced: self.replaced }
    }

    fn write(&self, pace: &Pace) -> Result<Option<Arc<Segment>>, KeepError> {
        let sources: Vec<Compacted<'_>> = self
            .parts
            .iter()
            .map(|parts| Compacted {
                namespace: &parts.namespace.name,
                shape: parts.run.iter().chain(&parts.newer).find_map(|part| part.shape()),
                run: &parts.run,
                newer: &parts.newer,
                is_oldest: parts.is_oldest,
                horizon: horizon(&parts.namespace.settings, self.now),
            })
            .collect();
        let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
        undamaged(&self.segments)?;
        if sources.is_empty() {
            return Ok(None);
        }
        sutra_segment::write(&**self.home.disk(), &self.path, self.id, self.home.store_id(), &sources, pace)?;
        // A block that could not be read has told the source nothing.
        undamaged(&self.segments)?;
        Ok(Some(Segment::open(&**self.home.disk(), &self.path, self.home.store_id())?))
    }
}

impl Keeper {
    /// Has segments merged where somebody asked for it, and where there are too many of one size.
    pub(super) fn try_merge(&mut self) {
        let merged = self.merge();
        self.note_merge(merged);
    }

    /// Remembers that a merge failed; whatever is published next makes it good.
    fn note_merge(&mut self, outcome: Result<(), KeepError>) {
        match outcome {
            Ok(()) => {}
            Err(error @ KeepError::Closed) => self.refuse_compactions(&error),
            Err(error) => {
                let told = self.failed("a merge of segments", &error);
                self.shared.merge_trouble.store(Some(told));
            }
        }
    }

    fn merge(&mut self) -> Result<(), KeepError> {
        self.compact_if_asked()?;
        loop {
            // Merges give way to all else; were there no end of that, readers would have ever more segments to look into.
            if self.merging.len() == BESIDE
                && self.idle().map(|run| run.len()).sum::<usize>() > tiers::MOST
                && let Some(next) = self.next_over()
            {
                self.finish(next)?;
            } else if self.merging.len() < BESIDE
                && let Some(run) = self.due()
            {
                let begun = self.begin(run, Vec::new())?;
                self.merging.push(begun);
            } else {
                if self.merging.is_empty() && self.compaction.is_none() {
                    self.shared.merge_trouble.store(None);
                }
                return Ok(());
            }
        }
    }

    /// Begins the compaction that was asked for, unless one is under way: whoever asks meanwhile gets the next.
    fn compact_if_asked(&mut self) -> Result<(), KeepError> {
        if self.compaction.is_some() || self.asked.is_empty() {
            return Ok(());
        }
        // It merges these segments too.
        let merging = std::mem::take(&mut self.merging);
        self.give_up(merging);
        let asked = std::mem::take(&mut self.asked);
        if self.segments.is_empty() {
            answer(asked, Ok(()));
        } else {
            self.compaction = Some(self.begin(0..self.segments.len(), asked)?);
        }
        Ok(())
    }

    /// How many of the oldest segments a compaction is about to replace.
    fn compacting(&self) -> usize {
        let replaced = self.compaction.as_ref().map_or(&[][..], |compaction| &compaction.replaced);
        self.segments.iter().take_while(|segment| replaced.contains(&segment.id().0)).count()
    }

    /// The runs of neighbours that no merge is about to replace, the newest first.
    fn idle(&self) -> impl Iterator<Item = Range<usize>> {
        let is_idle = |segment: &Arc<Segment>| {
            let mut merges = self.merging.iter().chain(&self.compaction);
            merges.all(|merging| !merging.replaced.contains(&segment.id().0))
        };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for at in (0..self.segments.len()).rev().filter(|at| is_idle(&self.segments[*at])) {
            match runs.last_mut() {
                Some(run) if run.start == at + 1 => run.start = at,
                _ => runs.push(at..at + 1),
            }
        }
        runs.into_iter()
    }

    /// The segments to merge because of their sizes, if there are such.
    fn due(&self) -> Option<Range<usize>> {
        let sizes: Vec<u64> = self.manifest.files.iter().map(|file| file.bytes).collect();
        self.idle().find_map(|idle| {
            let run = tiers::choose(sizes.get(idle.clone())?)?;
            Some(run.start + idle.start..run.end + idle.start)
        })
    }

    /// The merge that is over, or will be first.
    fn next_over(&mut self) -> Option<Merging> {
        let bytes = |merging: &Merging| -> u64 {
            let files = self.manifest.files.iter().filter(|file| merging.replaced.contains(&file.id));
            files.map(|file| file.bytes).sum()
        };
        let next = (0..self.merging.len()).min_by_key(|at| {
            let merging = &self.merging[*at];
            (!merging.thread.is_finished(), bytes(merging))
        });
        next.map(|at| self.merging.remove(at))
    }

    fn begin(&mut self, run: Range<usize>, asked: Vec<Asker>) -> Result<Merging, KeepError> {
        let job = self.job(run);
        let (id, replaced) = (job.id.0, job.replaced.clone());
        let cancelled = Arc::new(AtomicBool::new(false));
        let pace = Pace { cancelled: Some(Arc::clone(&cancelled)), ..Pace::default() };
        let (shared, over) = (Arc::clone(&self.shared), Over { id, keeper: self.shared.keeper.sender() });
        // It has not come to an end for as long as enough others have come: with a low priority this one might not either.
        let is_behind = asked.is_empty() && !self.merging.is_empty();
        let thread = std::thread::Builder::new().name("merger".into()).spawn(move || {
            let _over = over;
            let _guard = EndOnPanic(shared);
            if !is_behind {
                step_back();
            }
            job.run(&pace)
        });
        match thread {
            Ok(thread) => Ok(Merging { id, replaced, cancelled, thread, asked }),
            Err(source) => {
                let error = KeepError::Io { step: "start a thread that merges segments", source };
                answer(asked, Err(&error));
                Err(error)
            }
        }
    }

    /// Tells those whose compaction has not begun why it will not.
    pub(super) fn refuse_compactions(&mut self, why: &KeepError) {
        answer(std::mem::take(&mut self.asked), Err(why));
        if self.compaction.is_none() {
            self.restarts = 0;
        }
    }

    /// The merge into this segment has ended; it may have been published already, or given up.
    pub(super) fn merged(&mut self, id: u64) -> Result<(), KeepError> {
        let at = self.merging.iter().position(|merging| merging.id == id);
        let merging = at.map(|at| self.merging.remove(at)).or_else(|| self.compaction.take_if(|compaction| compaction.id == id));
        let Some(merging) = merging else { return Ok(()) };
        if let Err(error) = self.settle_unfinished() {
            // What it has written may take the space that the checkpoint needs.
            self.give_up(vec![merging]);
            return Err(error);
        }
        // The next run may have been waiting for this one.
        let merged = self.finish(merging).and_then(|()| self.merge());
        self.note_merge(merged);
        Ok(())
    }

    /// Moves out the state whose checkpoint failed, if there is one: it stands on the segments as they are.
    fn settle_unfinished(&mut self) -> Result<(), KeepError> {
        self.unfinished.take().map_or(Ok(()), |snapshot| self.move_out(snapshot))
    }

    /// Leaves no merge under way: one that is over, or overdue, is published, and another given up.
    pub(super) fn settle_merges(&mut self) -> Result<(), KeepError> {
        let too_many = self.segments.len() - self.compacting() > 2 * tiers::MOST;
        let is_due = |merging: &mut Merging, overdue| overdue || merging.thread.is_finished();
        let mut over: Vec<Merging> = self.merging.extract_if(.., |merging| is_due(merging, too_many)).collect();
        over.extend(self.compaction.take_if(|compaction| is_due(compaction, self.restarts >= RESTARTS)));
        self.give_up_merges();
        if let Err(error) = self.settle_unfinished() {
            self.give_up(over);
            return Err(error);
        }
        for over in over {
            let finished = self.finish(over);
            self.note_merge(finished);
        }
        Ok(())
    }

    /// Waits for a merge and puts its segment in place. No checkpoint may be unfinished.
    fn finish(&mut self, Merging { thread, asked, .. }: Merging) -> Result<(), KeepError> {
        if !asked.is_empty() {
            self.restarts = 0;
        }
        // One that has panicked ends the store.
        let published = thread.join().map_err(|_| KeepError::Closed).and_then(|merged| self.publish(merged));
        answer(asked, published.as_ref().copied());
        if published.is_ok() {
            self.shared.merge_trouble.store(None);
        }
        published
    }

    /// Gives up the merges that are under way.
    pub(super) fn give_up_merges(&mut self) {
        let mut under_way = std::mem::take(&mut self.merging);
        under_way.extend(self.compaction.take());
        self.give_up(under_way);
    }

    /// Gives up merges. Who asked for one gets another.
    fn give_up(&mut self, merges: Vec<Merging>) {
        // All of them before one is waited for.
        merges.iter().for_each(|merging| merging.cancelled.store(true, Ordering::Relaxed));
        for Merging { thread, asked, .. } in merges {
            self.restarts += u32::from(!asked.is_empty());
            self.asked.extend(asked);
            if let Ok(merged) = thread.join() {
                self.forget(&[merged.id]);
            }
        }
    }

    /// Writes one segment in the place of these, at once.
    pub(super) fn compact(&mut self, run: Range<usize>) -> Result<(), KeepError> {
        let merged = self.job(run).run(&Pace::default());
        self.publish(merged)
    }

    /// What one segment in the place of these is made of. It will hold what the manifest's state needs, which is replayed from: what
    /// the log behind it says of dropped namespaces is for the next checkpoint.
    fn job(&mut self, run: Range<usize>) -> Job {
        // A number is never used twice: a manifest whose writing failed may be on the disk all the same, and name this file.
        let id = self.manifest.next_file;
        self.manifest.next_file += 1;
        Job {
            path: segment_path(&self.home.segments(), id),
            id: SegmentId(id),
            home: Arc::clone(&self.home),
            segments: self.segments[run.start..].to_vec(),
            replaced: self.segments[run.clone()].iter().map(|segment| segment.id().0).collect(),
            parts: self.manifest.namespaces.iter().filter_map(|namespace| self.parts(namespace, run.clone())).collect(),
            // Not the wall clock's: settings that the log has since then may ask for more history than the manifest's.
            now: self.manifest.clock,
        }
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

    /// Puts a merged segment in the place of those that it was made of, as many of them as there still are: where the namespaces of
    /// one were all dropped meanwhile, it went with them.
    fn publish(&mut self, merged: Merged) -> Result<(), KeepError> {
        let Merged { id, replaced, segment } = merged;
        let segment = segment.and_then(|segment| self.sync_segments().map(|()| segment)).inspect_err(|_| {
            // No manifest was written that could name it.
            self.forget(&[id]);
        })?;
        let Some(at) = self.segments.iter().position(|segment| replaced.contains(&segment.id().0)) else {
            self.forget(&[id]);
            return Ok(());
        };
        let mut manifest = self.manifest.clone();
        for namespace in &mut manifest.namespaces {
            let Some(at) = namespace.segments.iter().position(|id| replaced.contains(id)) else { continue };
            namespace.segments.retain(|id| !replaced.contains(id));
            namespace.segments.splice(at..at, segment.as_ref().map(|segment| segment.id().0));
        }
        manifest.files.retain(|file| !replaced.contains(&file.id));
        manifest.files.splice(at..at, segment.as_deref().map(entry));
        manifest.graphs.retain(|graph| !replaced.contains(&graph.segment));
        // From here on a manifest may name it, whatever comes of its writing.
        self.strays.push(id);
        self.adopt(manifest)?;
        self.segments.retain(|segment| !replaced.contains(&segment.id().0));
        self.segments.splice(at..at, segment.clone());
        self.install(|done| Control::Compacted { replaced: replaced.clone(), segment: segment.clone(), done })?;
        self.forget(&replaced);
        self.shared.counters.compactions.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.compacted_bytes.fetch_add(segment.as_ref().map_or(0, |segment| segment.bytes()), Ordering::Relaxed);
        if let Some(segment) = &segment {
            self.index(segment);
        }
        Ok(())
    }

    /// Removes the files of segments that the manifest does not name any more, and of their graphs. Readers that still map them keep
    /// what they see.
    pub(super) fn forget(&mut self, ids: &[u64]) {
        self.held.retain(|(hold, _)| hold.strong_count() > 0);
        if ids.is_empty() {
            return;
        }
        self.segments.retain(|segment| !ids.contains(&segment.id().0));
        ids.iter().for_each(|id| self.indexer.forget(*id));
        let (held, ids): (Vec<u64>, Vec<u64>) = ids.iter().partition(|id| self.is_held(**id));
        // They go with a later manifest.
        self.strays.extend(held);
        let removed = remove_segments(self.disk(), &self.home.segments(), &ids).map_err(|error| error.to_string());
        let removed = removed.and_then(|()| self.sync_segments().map_err(|error| error.to_string()));
        if let Err(error) = removed {
            self.strays.extend(&ids);
            tracing::warn!(%error, segments = ?ids, "segments that are not needed any more could not be removed");
        }
    }
}
