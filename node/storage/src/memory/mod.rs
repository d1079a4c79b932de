//! What a shard knows, in memory: persistent maps of rows, changed by one thread and read by all without a lock.
//!
//! | module | responsibility |
//! |---|---|
//! | [`rows`] | a concept's and an association's versions |
//! | [`graph`] | the rows of a namespace, in every order that readers need |
//! | [`liveness`] | which rows a reader sees, and what their evidence adds up to |
//! | [`apply`] | the state machine |
//! | [`sessions`] | remembered requests |
//! | [`view`] | a pinned namespace: the answer to `Knowledge` |

use im::OrdMap;
use sutra_protocol::Namespace;
use sutra_protocol::command::LogIndex;

mod apply;
mod graph;
mod ids;
mod liveness;
mod rows;
mod sessions;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use graph::Graph;
pub use view::{Hit, View};

use sessions::Sessions;

/// Everything a shard knows. A clone is a snapshot and costs nothing.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) namespaces: OrdMap<Namespace, Graph>,
    pub(crate) sessions: Sessions,
    /// The last entry that is in here.
    pub(crate) applied: LogIndex,
}
