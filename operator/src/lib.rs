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
//! | [`reconcile`] | one round of work for one cluster |
//! | [`observe`] | what is seen of a cluster |
//! | [`desired`] | what is wanted of it |
//! | [`render`] | its objects as they shall be |
//! | [`drift`] | whether an object is as it shall be |
//! | [`apply`] | one write a function |
//! | [`status`] | what is reported |
//! | [`health`] | whether it lives and is ready |
//! | [`http`] | `/metrics`, `/livez`, `/readyz` |
//! | [`metrics`] | what is counted |
//! | [`events`] | Kubernetes events of a cluster |
//! | [`logging`] | where the log goes |
//! | `chain` | an error with its causes, in a line |
//! | `signals` | when to stop |

pub mod apply;
pub mod client;
pub mod config;
pub mod control;
pub mod desired;
pub mod drift;
pub mod events;
pub mod fence;
pub mod health;
pub mod http;
pub mod lease;
pub mod logging;
pub mod metrics;
pub mod observe;
pub mod reconcile;
pub mod render;
pub mod run;
pub mod status;

mod chain;
mod signals;
