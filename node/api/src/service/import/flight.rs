//! A command of an import that the store has, but has not answered.

use std::future::Future;
use std::pin::Pin;

use sutra_grid::{Performed, RouteError, Router};
use sutra_protocol::command::Command;
use tokio::time::{Duration, Instant};

use super::open::Loose;

/// What an operation of an import is for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Origin {
    /// The concept of a line.
    Concept { line: u64 },
    /// A concept that an association needs.
    Target,
    /// An association of a line.
    Association(Box<Loose>),
}

/// A command's way through the store.
pub(super) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// A command that is through.
pub(super) struct Landed {
    /// One for each operation.
    pub(super) origins: Vec<Origin>,
    /// What came of it.
    pub(super) performed: Result<Performed, RouteError>,
    /// The overlay's generation that is applied with this command.
    pub(super) generation: Option<u64>,
}

/// How long an import waits for a command before it gives up: a shard may be without a leader, and where memory is full, and there are as many
/// segments as there may be, a long merge has to end first.
const PATIENCE: Duration = Duration::from_secs(600);

/// Submits a command: an import waits where a request would be turned away.
pub(super) fn depart(router: Router, command: Command, origins: Vec<Origin>, generation: Option<u64>) -> Flight {
    Box::pin(async move {
        let performed = router.perform_patiently(command, Instant::now() + PATIENCE).await;
        Landed { origins, performed, generation }
    })
}
