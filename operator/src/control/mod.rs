//! What there is to do and when: caches of all that clusters consist of, and the queue of clusters to look at.
//!
//! ```text
//!  watches (one a kind) ──▶ caches          what reconcile reads: never the API server
//!          └── whose cluster? ──▶ queue ──▶ reconcile, four clusters at a time, one at a time of each
//!                                   ▲─────── again after the time that it asked for, or that back-off asks for
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`context`] | what reconcile is given |
//! | [`caches`] | the objects that are known |
//! | [`machines`] | in which zones they are |
//! | [`controller`] | the loop: begins, turns, begins anew when Kubernetes learns of pod monitors, stops |
//! | [`backoff`] | how long a cluster whose reconciliation failed waits |
//! | `attempt` | one reconciliation: counted, timed, bounded |
//! | `watch` | one kind of object: kept up to date, faults told once |
//! | `owner` | the cluster that an object belongs to |
//! | `pod_monitors` | whether Kubernetes knows them |

pub mod backoff;
pub mod caches;
pub mod context;
pub mod controller;
pub mod machines;

mod attempt;
mod owner;
mod pod_monitors;
mod watch;

pub use caches::Caches;
pub use context::Context;
pub use controller::{ControlError, Shell, run};
pub use machines::Machines;
