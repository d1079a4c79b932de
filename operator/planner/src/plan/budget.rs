//! How many nodes others may take away at once: one, or none while the grid would lose its quorum by it.

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, Object, Wanted};
use crate::observed::{Observed, Pod, Seen};
use crate::plan::{Plan, copies, following, founding, pods, size};
use crate::step::Action;

/// A node counts as one that stays when it has been ready for so long: one that comes and goes does not move the budget with it. Nor does
/// one that is now more and now less behind: to be counted again it has to have nearly everything.
pub const STEADY: SignedDuration = SignedDuration::from_secs(20);

pub(super) fn plan(desired: &Desired, observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let nodes = size::in_force(desired, observed);
    let (Some(Seen::InSync), Some(budget)) = (observed.objects.get(&Object::DisruptionBudget), observed.budget) else { return };
    if desired.wanted != Wanted::Running || nodes < 2 || !founding::founded(observed) {
        return;
    }
    let count = |of: &dyn Fn(&Pod) -> bool| observed.pods.iter().filter(|pod| size::is_member(observed, pod) && of(pod)).count();
    let well = |pod: &Pod| pods::serves(observed, pod) && pods::caught_up(observed, pod);
    let is_close = |pod: &Pod| pods::lacks_at_most(observed, pod, following::CLOSE);
    let lasting = |pod: &Pod| well(pod) && is_close(pod) && pod.turned.is_none_or(|at| now.duration_since(at) >= STEADY);
    // Those that have to be there for one of them to go.
    let needed = size::quorum(nodes) as usize + 1;
    let serving = count(&well);
    let steady = count(&lasting);
    if serving >= needed && !copies::suffice(desired, observed, &well, 1) && budget != 0 {
        let reason = "some shard has no copy to spare: without one more nothing could be written to it";
        plan.step(Action::SetBudget { max_unavailable: 0 }, reason);
    } else if serving < needed && budget != 0 {
        let reason = format!("{serving} of {nodes} nodes serve: without one more nothing could be written");
        plan.step(Action::SetBudget { max_unavailable: 0 }, reason);
    } else if steady >= needed && copies::suffice(desired, observed, &lasting, 1) && budget != 1 {
        plan.step(
            Action::SetBudget { max_unavailable: 1 },
            format!("{steady} of {nodes} nodes serve, and have done so for a while"),
        );
    }
}
