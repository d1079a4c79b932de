//! Who waits for which reply.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::frame::Kind;

/// What ends a call's waiting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// A reply or a refusal.
    Answered(Kind, Bytes),
    /// The connection broke before the request was sent.
    Unsent(Arc<str>),
    /// The connection broke afterwards.
    Lost(Arc<str>),
}

/// The calls of one connection that wait.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    calls: HashMap<u64, oneshot::Sender<Woken>>,
    /// The connection has ended; nobody waits any more.
    ended: bool,
}

impl Waiting {
    /// Begins to wait; `None` once the connection has ended.
    pub(super) fn enter(&self, id: u64) -> Option<oneshot::Receiver<Woken>> {
        let mut calls = self.calls();
        if calls.ended {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        calls.calls.insert(id, sender);
        Some(receiver)
    }

    /// Waits no longer; `false` if it did not.
    pub(super) fn leave(&self, id: u64) -> bool {
        self.calls().calls.remove(&id).is_some()
    }

    /// An answer to a call that was forgotten is dropped.
    pub(super) fn answer(&self, id: u64, answer: Woken) {
        let call = self.calls().calls.remove(&id);
        if let Some(call) = call {
            let _ = call.send(answer);
        }
    }

    /// Tells all that the connection has ended.
    pub(super) fn end(&self, unsent: &[u64], reason: &Arc<str>) {
        let mut calls = self.calls();
        calls.ended = true;
        let mut waiting = std::mem::take(&mut calls.calls);
        drop(calls);
        for call in unsent.iter().filter_map(|id| waiting.remove(id)) {
            let _ = call.send(Woken::Unsent(reason.clone()));
        }
        for call in waiting.into_values() {
            let _ = call.send(Woken::Lost(reason.clone()));
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.calls().calls.len()
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // No code that can panic runs while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Waiting, Woken};
    use crate::frame::Kind;

    #[test]
    fn an_answer_reaches_its_call_and_no_other() {
        let waiting = Waiting::default();
        let (mut one, mut other) = (waiting.enter(1).unwrap(), waiting.enter(2).unwrap());
        waiting.answer(2, Woken::Answered(Kind::Reply, Bytes::from("two")));
        waiting.answer(3, Woken::Answered(Kind::Reply, Bytes::from("nobody's")));
        assert_eq!(other.try_recv(), Ok(Woken::Answered(Kind::Reply, Bytes::from("two"))));
        assert!(one.try_recv().is_err());
        assert!(waiting.leave(1) && !waiting.leave(1) && !waiting.leave(2));
    }

    #[test]
    fn an_end_tells_what_was_sent_from_what_was_not() {
        let waiting = Waiting::default();
        let (mut one, mut other) = (waiting.enter(1).unwrap(), waiting.enter(2).unwrap());
        waiting.end(&[2], &"gone".into());
        assert_eq!(one.try_recv(), Ok(Woken::Lost("gone".into())));
        assert_eq!(other.try_recv(), Ok(Woken::Unsent("gone".into())));
        assert!(waiting.enter(3).is_none());
    }
}
