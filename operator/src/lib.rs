//! The operator of Sutra Grid: makes the objects of every `SutraCluster` what it asks for, and reports what became of it.
//!
//! ```text
//!  API server ── watches ──▶ control (caches) ──▶ reconcile: observe ▶ desired ▶ plan ▶ apply ▶ status
//!      ▲                                                                                 │
//!      └────────────────────────── fence (only while the lease is held) ◀────────────────┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`config`] | flags and environment, checked |
//! | [`client`] | connections to the API server |
//! | [`run`] | start, be elected, control, stop |
//! | [`lease`] | one operator writes at a time |
//! | [`fence`] | refuses every write that is not covered by the lease |
//! | [`control`] | caches of all that is owned, the queue of clusters, back-off |
//! | [`health`] | whether it lives and is ready |
//! | [`render`] | Kubernetes objects of a cluster |
//! | [`drift`] | does a live object hold all that is rendered? |
//! | [`apply`] | writes, one a function |
//! | [`http`] | `/metrics`, `/livez`, `/readyz` |
//! | [`metrics`] | what is counted |
//! | [`events`] | Kubernetes events of a cluster |
//! | [`logging`] | where the log goes |
//! | `signals` | when to stop |

pub mod apply;
pub mod client;
pub mod config;
pub mod control;
pub mod drift;
pub mod events;
pub mod fence;
pub mod health;
pub mod http;
pub mod lease;
pub mod logging;
pub mod metrics;
pub mod render;
pub mod run;

mod signals;
