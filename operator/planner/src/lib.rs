//! What to do next for a cluster, and what to say of it: pure functions.
//!
//! ```text
//!   Desired ─┐                        ┌─ steps, in order, each with its reason
//!            ├─▶ plan(…, now) ─▶ Plan ┼─ what is waited for
//!   Observed ┘                        └─ why the spec cannot be carried out
//!                     └─▶ report(…) ─▶ Report: conditions, phase, numbers
//! ```
//!
//! Nothing here knows the Kubernetes API, does I/O or looks at a clock; whoever calls observes, and applies the steps. A plan holds at most
//! one step that takes a pod away, and none while a pod is going: so no two are ever taken at once.
//!
//! | module | responsibility |
//! |---|---|
//! | [`desired`] | what is wanted, after validation |
//! | [`observed`] | what was seen |
//! | [`step`] | what can be done, and what waited for |
//! | [`mod@plan`] | the decision |
//! | [`mod@report`] | conditions, phase and numbers for the status |

pub mod desired;
pub mod observed;
pub mod plan;
pub mod report;
pub mod step;

pub use desired::{Desired, Impossible, Object, Retention, Wanted};
pub use observed::{
    Answer, Membership, NodeReport, Observed, Pod, Projection, Replacing, Replica, Role, Seen, ShardReport, ShardSeen,
    StatefulSet, Trouble, TroubleKind, Volume, VolumeOwner,
};
pub use plan::{Plan, plan};
pub use report::{Condition, ConditionType, Report, report};
pub use step::{Action, Stall, Step, Waiting};
