//! How far a machine's checkpoint goes: what it holds, the log may give up.

use std::sync::Arc;

use sutra_protocol::command::LogIndex;
use tokio::sync::watch;

/// How far the newest durable checkpoint goes, as far as is known. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Held(Arc<watch::Sender<Extent>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Nothing,
    Upto(LogIndex),
    /// A checkpoint could not be put in place: nothing more is held.
    Failed,
}

impl Held {
    /// Of a machine that holds this much.
    pub(crate) fn new(upto: Option<LogIndex>) -> Self {
        Self(Arc::new(watch::Sender::new(upto.map_or(Extent::Nothing, Extent::Upto))))
    }

    /// Everything up to `upto` is in a durable checkpoint.
    pub(crate) fn raise(&self, upto: LogIndex) {
        self.0.send_if_modified(|extent| match extent {
            Extent::Upto(known) if *known >= upto => false,
            Extent::Failed => false,
            extent => {
                *extent = Extent::Upto(upto);
                true
            }
        });
    }

    pub(crate) fn fail(&self) {
        self.0.send_replace(Extent::Failed);
    }

    pub(crate) fn reaches(&self, upto: LogIndex) -> bool {
        matches!(*self.0.borrow(), Extent::Upto(held) if held >= upto)
    }

    /// Ends once everything up to `upto` is held; `false`: it will not be.
    pub(crate) async fn wait(&self, upto: LogIndex) -> bool {
        let mut extents = self.0.subscribe();
        let reached = extents.wait_for(|extent| match extent {
            Extent::Nothing => false,
            Extent::Upto(held) => *held >= upto,
            Extent::Failed => true,
        });
        reached.await.is_ok_and(|extent| *extent != Extent::Failed)
    }
}
