//! Objects of which a cluster has one.

use crate::desired::{Desired, Object};
use crate::observed::{Observed, Seen};
use crate::plan::Plan;
use crate::step::Action;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for object in Object::ALL {
        match (desired.objects.contains(&object), observed.objects.get(&object)) {
            (true, None) => plan.step(Action::Apply(object), format!("there is no {object}")),
            (true, Some(Seen::Drifted)) => plan.step(Action::Apply(object), format!("the {object} is not as the spec says")),
            (_, Some(Seen::Leaving)) => plan.wait("ObjectLeaving", format!("the {object} is being deleted")),
            (false, Some(Seen::InSync | Seen::Drifted)) => {
                plan.step(Action::Delete(object), format!("the spec asks for no {object}"));
            }
            (true, Some(Seen::InSync | Seen::Foreign(_))) | (false, None | Some(Seen::Foreign(_))) => {}
        }
    }
}
