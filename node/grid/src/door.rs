//! Who answers at a node's peer port: first the founding, then the grid.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use sutra_peer::{Answer, Handler, Refusal, Request};
use tokio_util::sync::CancellationToken;

/// The handler of a peer port, which may change while it serves. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Door(Arc<ArcSwapOption<Inside>>);

struct Inside {
    handler: Arc<dyn Handler>,
    /// Cancelled when what is being answered shall end.
    ends: CancellationToken,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("open", &self.0.load().is_some()).finish()
    }
}

impl Door {
    /// From now on `handler` answers.
    pub(crate) fn open(&self, handler: Arc<dyn Handler>) {
        self.0.store(Some(Arc::new(Inside { handler, ends: CancellationToken::new() })));
    }

    /// From now on nobody does. What is being answered goes on until the token is cancelled, if it was not cancelled before: it may wait for
    /// others, and holds what it answers from.
    pub(crate) fn close(&self) -> CancellationToken {
        self.0.swap(None).map(|inside| inside.ends.clone()).unwrap_or_default()
    }
}

impl Handler for Door {
    fn handle(&self, request: Request) -> Answer {
        match &*self.0.load() {
            Some(inside) => {
                let (answer, ends) = (inside.handler.handle(request), inside.ends.clone());
                Box::pin(async move {
                    tokio::select! {
                        biased;
                        answer = answer => answer,
                        () = ends.cancelled() => Err(Refusal::new("the node is stopping")),
                    }
                })
            }
            None => Box::pin(async { Err(Refusal::new("the node is starting, or stopping")) }),
        }
    }
}
