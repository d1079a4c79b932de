//! The power of a node. Where it is off nothing is said any more: what is computed then was not read from a disk.

use std::sync::Arc;

use sutra_disk::SimulatedDisk;
use sutra_peer::{Answer, Handler, Request};
use sutra_replication::{Call, Member, Reply, Transport};

/// Something that a node does as long as its disk has power.
pub(super) struct Powered<T> {
    pub(super) disk: SimulatedDisk,
    pub(super) inner: T,
}

impl Transport for Powered<Arc<dyn Transport>> {
    fn call(&self, to: &Member, call: Call) -> Reply {
        if self.disk.is_off() { Box::pin(std::future::pending()) } else { self.inner.call(to, call) }
    }
}

impl<T: Handler> Handler for Powered<T> {
    fn handle(&self, request: Request) -> Answer {
        let (answer, disk) = (self.inner.handle(request), self.disk.clone());
        Box::pin(async move {
            let answer = answer.await;
            if disk.is_off() { std::future::pending().await } else { answer }
        })
    }
}
