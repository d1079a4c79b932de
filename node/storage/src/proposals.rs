//! Entries that are on their way to a quorum, and who waits for them.

use std::collections::BTreeMap;
use std::time::Instant;

use sutra_protocol::command::Applied;
use tokio::sync::oneshot;

use crate::error::SubmitError;
use crate::replica::Fate;
use crate::write_log::Reply;

/// Most entries that are on their way at once: one that the disks write, and one that gathers the next commands meanwhile.
pub(crate) const IN_FLIGHT: usize = 2;

/// The proposals of a replica that nothing has become of yet.
#[derive(Default)]
pub(crate) struct Proposals {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

/// Who waits for a proposal.
pub(crate) struct Waiting {
    pub(crate) replies: Vec<Reply>,
    pub(crate) flushes: Vec<oneshot::Sender<()>>,
    pub(crate) proposed: Instant,
}

impl Proposals {
    /// Numbers that no other process gives its proposals: they begin anywhere among 2^64.
    pub(crate) fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: uuid::Uuid::new_v4().as_u64_pair().0 }
    }

    pub(crate) fn are_many(&self) -> bool {
        self.waiting.len() >= IN_FLIGHT
    }

    /// A number for the next proposal.
    pub(crate) fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(crate) fn begin(&mut self, number: u64, replies: Vec<Reply>, flushes: Vec<oneshot::Sender<()>>) {
        self.waiting.insert(number, Waiting { replies, flushes, proposed: Instant::now() });
    }

    /// Those who want to know when everything before is applied wait for the last proposal; if there is none, it is.
    pub(crate) fn flush(&mut self, flushes: Vec<oneshot::Sender<()>>) {
        match self.waiting.last_entry() {
            Some(mut last) => last.get_mut().flushes.extend(flushes),
            None => flushed(flushes),
        }
    }

    /// The proposal is applied; `None`: it is another node's, or nobody waits.
    pub(crate) fn applied(&mut self, number: u64) -> Option<Waiting> {
        self.waiting.remove(&number)
    }

    /// Tells who waits for a proposal that it was not applied here.
    pub(crate) fn resolve(&mut self, number: u64, fate: Fate) {
        let Some(waiting) = self.waiting.remove(&number) else { return };
        let error = match fate {
            Fate::Refused => SubmitError::NotLeader,
            // Had it been applied here, nobody would wait any more.
            Fate::Unknown | Fate::Applied => SubmitError::Unknown,
        };
        waiting.fail(&error);
    }

    /// Nothing that is on its way will be seen here.
    pub(crate) fn give_up(&mut self) {
        std::mem::take(&mut self.waiting).into_values().for_each(|waiting| waiting.fail(&SubmitError::Unknown));
    }
}

impl Waiting {
    /// Answers with what the commands came to, in their order.
    pub(crate) fn answer(self, applied: Vec<Applied>) {
        let mut applied = applied.into_iter();
        for reply in self.replies {
            // Whoever asked may have gone away; the write stands.
            let _ = reply.send(applied.next().ok_or(SubmitError::Unknown));
        }
        flushed(self.flushes);
    }

    pub(crate) fn fail(self, error: &SubmitError) {
        for reply in self.replies {
            let _ = reply.send(Err(error.clone()));
        }
        flushed(self.flushes);
    }
}

fn flushed(flushes: Vec<oneshot::Sender<()>>) {
    for done in flushes {
        let _ = done.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_learns_what_became_of_it_once() {
        let mut proposals = Proposals::new();
        let (reply, mut answer) = oneshot::channel();
        let (flush, mut flushed) = oneshot::channel();
        let number = proposals.number();
        proposals.begin(number, vec![reply], Vec::new());
        proposals.flush(vec![flush]);
        assert!(flushed.try_recv().is_err(), "what was before is not applied");
        proposals.resolve(number, Fate::Refused);
        assert_eq!(answer.try_recv().unwrap(), Err(SubmitError::NotLeader));
        assert_eq!(flushed.try_recv(), Ok(()));
        proposals.resolve(number, Fate::Unknown);
        assert!(proposals.applied(number).is_none());
    }
}
