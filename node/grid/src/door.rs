//! Who answers at a node's peer port: first the founding, then the grid.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sutra_peer::{Answer, Handler, Refusal, Request};

/// The handler of a peer port, which may change while it serves. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Door(Arc<ArcSwapOption<Inside>>);

struct Inside(Arc<dyn Handler>);

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("open", &self.0.load().is_some()).finish()
    }
}

impl Door {
    /// From now on `handler` answers.
    pub(crate) fn open(&self, handler: Arc<dyn Handler>) {
        self.0.store(Some(Arc::new(Inside(handler))));
    }

    /// From now on nobody does.
    pub(crate) fn close(&self) {
        self.0.store(None);
    }
}

impl Handler for Door {
    fn handle(&self, request: Request) -> Answer {
        match &*self.0.load() {
            Some(inside) => inside.0.handle(request),
            None => Box::pin(async { Err(Refusal::new("the node is starting, or stopping")) }),
        }
    }
}
