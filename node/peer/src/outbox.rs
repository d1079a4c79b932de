//! Frames that wait to be written.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::frame::Header;

/// Most frames of one write, and about how many bytes: what is not taken yet can still be forgotten.
const BATCH_FRAMES: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// A frame to write.
pub(crate) struct Outgoing {
    pub(crate) header: Header,
    pub(crate) payload: Bytes,
    /// Given back when the frame is written.
    pub(crate) _slot: Option<OwnedSemaphorePermit>,
}

/// The frames of one connection. Any number add to it; one takes.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Outgoing>,
    /// Nothing is added any more.
    closed: bool,
}

impl Outbox {
    /// Adds a frame; `false` once the outbox is closed.
    pub(crate) fn push(&self, frame: Outgoing) -> bool {
        let mut queue = self.queue();
        if queue.closed {
            return false;
        }
        queue.frames.push_back(frame);
        drop(queue);
        self.wake.notify_one();
        true
    }

    /// Takes the frame with this id back; `false` if it was taken to be written, or never added.
    pub(crate) fn forget(&self, id: u64) -> bool {
        let mut queue = self.queue();
        let at = queue.frames.iter().position(|frame| frame.header.id == id);
        at.is_some_and(|at| queue.frames.remove(at).is_some())
    }

    /// Lets nothing more in; what waits is still written.
    pub(crate) fn finish(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    /// Lets nothing more in, and says which frames will never be written.
    pub(crate) fn shut(&self) -> Vec<u64> {
        let mut queue = self.queue();
        queue.closed = true;
        queue.frames.drain(..).map(|frame| frame.header.id).collect()
    }

    /// What to write next, into `batch`; `false` once there is nothing and never will be.
    pub(crate) async fn take(&self, batch: &mut Vec<Outgoing>) -> bool {
        loop {
            {
                let mut queue = self.queue();
                let mut bytes = 0;
                while batch.len() < BATCH_FRAMES && bytes < BATCH_BYTES {
                    let Some(frame) = queue.frames.pop_front() else { break };
                    bytes += frame.payload.len();
                    batch.push(frame);
                }
                if !batch.is_empty() {
                    return true;
                }
                if queue.closed {
                    return false;
                }
            }
            self.wake.notified().await;
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.queue().frames.len()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs while it is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{BATCH_BYTES, BATCH_FRAMES, Outbox, Outgoing};
    use crate::frame::{Header, Kind};

    fn frame(id: u64, bytes: usize) -> Outgoing {
        let header = Header { kind: Kind::Request, id, service: 0, group: 0 };
        Outgoing { header, payload: Bytes::from(vec![0; bytes]), _slot: None }
    }

    async fn batch(outbox: &Outbox) -> Vec<u64> {
        let mut batch = Vec::new();
        outbox.take(&mut batch).await;
        batch.iter().map(|frame| frame.header.id).collect()
    }

    #[tokio::test]
    async fn frames_are_taken_in_order_and_in_bounded_batches() {
        let outbox = Outbox::default();
        for id in 0..BATCH_FRAMES as u64 + 2 {
            assert!(outbox.push(frame(id, 1)));
        }
        assert_eq!(batch(&outbox).await, (0..BATCH_FRAMES as u64).collect::<Vec<_>>());
        assert!(outbox.push(frame(1000, BATCH_BYTES)) && outbox.push(frame(1001, 1)));
        assert_eq!(batch(&outbox).await.last(), Some(&1000));
        assert_eq!(batch(&outbox).await, [1001]);
    }

    #[tokio::test]
    async fn only_a_frame_that_was_not_taken_can_be_forgotten() {
        let outbox = Outbox::default();
        assert!(outbox.push(frame(1, 1)) && outbox.push(frame(2, 1)));
        assert!(outbox.forget(1) && !outbox.forget(1));
        assert_eq!(batch(&outbox).await, [2]);
        assert!(!outbox.forget(2));
    }

    #[tokio::test]
    async fn a_finished_outbox_gives_what_it_has_and_a_shut_one_names_it() {
        let outbox = Outbox::default();
        assert!(outbox.push(frame(1, 1)));
        outbox.finish();
        assert!(!outbox.push(frame(2, 1)));
        assert_eq!(batch(&outbox).await, [1]);
        assert!(!outbox.take(&mut Vec::new()).await);
        let outbox = Outbox::default();
        assert!(outbox.push(frame(1, 1)));
        assert_eq!(outbox.shut(), [1]);
        assert!(!outbox.push(frame(2, 1)));
    }
}
