//! Every operation of a node, once, whatever protocol asks for it.
//!
//! ```text
//!   write: deed ─ validate ─→ remembered? ─ no ─→ plan (names to ids) ─→ Router::submit ─→ render
//!                                └─ yes ────────────────────────────────────────────────↑
//!   read:  ready (token) ─→ heavy (a turn, a thread) ─→ Pinned ─→ View ─→ render ─→ no damage met? ─→ answer
//! ```
//!
//! One operation a file; what they share:
//!
//! | module | responsibility |
//! |---|---|
//! | `caller`, `token` | who asks, until when, and what they have seen |
//! | `admission` | when a read may run, and on which state |
//! | `pinned` | a state that is read, and whether what was read of it is true |
//! | `deed`, `deeds` | writes that name concepts, alone and in batches |
//! | `submit` | one command to its shard's leader |
//! | `grid` | the nodes and shards, as this node knows them |
//! | `render` | stored knowledge as the interfaces show it |
//! | `fault` | what went wrong, as callers see it |
//! | `clock` | the time of a read |

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::time::Instant;

use sutra_grid::Router;

use self::admission::Admission;

mod admission;
mod associate;
mod associate_batch;
mod association;
mod caller;
mod clock;
mod concept;
mod concept_ids;
mod count;
mod deed;
mod deeds;
mod dissociate;
mod erase;
mod export;
mod fault;
mod get_concepts;
mod grid;
mod import;
mod learn;
mod learn_batch;
mod namespaces;
mod neighbors;
mod node;
mod patch;
mod path;
mod pinned;
mod query;
mod reason;
mod recent;
mod render;
mod resolve;
mod retract;
mod search;
mod submit;
mod token;

#[cfg(test)]
mod tests;

pub use self::caller::{Caller, Found, Read, Written};
pub use self::export::Exporter;
pub use self::import::Importer;
pub use self::neighbors::NeighborsQuery;
pub use self::token::Token;

/// What a node says about itself.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Its name.
    pub node: String,
    /// The address that serves HTTP.
    pub http: String,
    /// The address that serves TCP.
    pub tcp: String,
    /// The address for the grid's other nodes, if there is one.
    pub peer: Option<String>,
    /// The host under which other nodes find it, if one was given.
    pub advertise: Option<String>,
    /// Its release.
    pub version: &'static str,
    /// `none`, or the embedder's identity.
    pub embedder: String,
    /// `none`, or the edition whose limits apply.
    pub edition: String,
}

/// The operations of a node. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// The way to the shards.
    router: Router,
    config: Arc<ServiceConfig>,
    admission: Admission,
    draining: Arc<AtomicBool>,
    started: Instant,
}

impl Service {
    /// A service over a node that is open.
    pub fn new(router: Router, config: ServiceConfig) -> Self {
        Self {
            router,
            config: Arc::new(config),
            admission: Admission::for_this_machine(),
            draining: Arc::default(),
            started: Instant::now(),
        }
    }
}
