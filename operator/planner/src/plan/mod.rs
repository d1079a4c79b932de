//! The decision what to do next.
//!
//! | module | responsibility |
//! |---|---|
//! | `obstacles` | why nothing may be changed |
//! | `objects` | what a cluster has one of |
//! | `volumes` | adoption, growth, and who deletes them |
//! | `stateful_set` | made, changed, replaced |
//! | `size` | how many nodes a cluster has, whatever its spec asks for now |
//! | `founding` | the grid of a new cluster, once |
//! | `members` | nodes that the grid takes in, and nodes that leave it |
//! | `leftovers` | claims of nodes that have left |
//! | `replacing` | a node whose volume is lost |
//! | `replacement` | a node that is to begin anew, because somebody asks for it |
//! | `copies` | how many there are of each shard, and whether they suffice |
//! | `zones` | in which of them each node is, which the grid is told |
//! | `following` | who leads a shard, and who has what that leader has |
//! | `pods` | outdated ones, one at a time |
//! | `budget` | how many nodes others may take away |
//! | `shards` | projections |

mod budget;
mod copies;
mod following;
mod founding;
mod leftovers;
mod members;
mod objects;
mod obstacles;
mod pods;
mod replacement;
mod replacing;
mod shards;
mod size;
mod stateful_set;
mod volumes;
mod zones;

use jiff::Timestamp;

use crate::desired::{Desired, Wanted};
use crate::observed::Observed;
use crate::step::{Action, Stall, Step, Waiting};

pub use budget::STEADY;
pub use following::BEHIND;
pub use members::AWAY;
pub use pods::LASTING;
pub(crate) use pods::serves;
pub(crate) use replacing::lost;
pub use shards::FRESHNESS;
pub(crate) use shards::{all as shards_known, concepts as concepts_known, seen as shards_seen};
pub(crate) use size::{in_force as nodes_in_force, names as node_names, quorum};

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps, in order. If one fails for a passing reason, those after it are not begun, but for reports (see [`Action::stands_alone`]).
    pub steps: Vec<Step>,
    /// What has to happen by itself first.
    pub waiting: Vec<Waiting>,
    /// Why the spec cannot be carried out, if it cannot.
    pub stalled: Option<Stall>,
}

impl Plan {
    fn step(&mut self, action: Action, reason: impl Into<String>) {
        self.steps.push(Step { action, reason: reason.into() });
    }

    fn wait(&mut self, reason: &'static str, message: impl Into<String>) {
        self.waiting.push(Waiting { reason, message: message.into() });
    }

    /// Whether something of the cluster itself, not only of its projections, is changing.
    #[must_use]
    pub fn changes_cluster(&self) -> bool {
        !self.waiting.is_empty() || self.steps.iter().any(|step| !step.action.is_projection())
    }
}

/// Decides what to do next for a cluster.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    match desired.wanted {
        Wanted::Paused => return plan,
        Wanted::Deleted => {
            volumes::last_will(desired, observed, &mut plan);
            return plan;
        }
        Wanted::Running | Wanted::Hibernated => volumes::hold(desired, observed, &mut plan),
    }
    plan.stalled = obstacles::first(desired, observed);
    let mut refused = None;
    // Volumes come before any early return: a full disk is what a stalled cluster must be able to get out of.
    if desired.impossible.is_empty() {
        volumes::plan(desired, observed, &mut plan);
    }
    if plan.stalled.is_none() {
        objects::plan(desired, observed, &mut plan);
        if stateful_set::plan(desired, observed, &mut plan) == stateful_set::Settled::Yes {
            pods::plan(desired, observed, now, &mut plan);
            founding::plan(desired, observed, &mut plan);
            replacing::plan(desired, observed, &mut plan);
            members::plan(desired, observed, now, &mut plan);
            leftovers::plan(desired, observed, &mut plan);
            copies::plan(desired, observed, &mut plan);
            zones::plan(desired, observed, &mut plan);
            refused = replacement::plan(desired, observed, &mut plan);
        }
    }
    budget::plan(desired, observed, now, &mut plan);
    shards::plan(desired, observed, now, &mut plan);
    if plan.stalled.is_none() {
        plan.stalled = refused.or_else(|| obstacles::refused(observed, &plan));
    }
    plan
}
