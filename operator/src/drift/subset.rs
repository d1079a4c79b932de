//! Is all of it there?

use serde_json::{Map, Value};

use super::lists::{self, List};

/// Fields that say what the object is. Objects in caches may lack them.
const TYPE: [&str; 2] = ["apiVersion", "kind"];

/// Maps that have one owner.
pub(super) const SELECTORS: [&str; 3] = ["matchLabels", "nodeSelector", "selector"];

/// Whether all of one object is in another; both canonical.
pub(super) fn holds(rendered: &Value, live: &Value) -> bool {
    let (Value::Object(rendered), Value::Object(live)) = (rendered, live) else { return false };
    rendered.iter().filter(|(name, _)| !TYPE.contains(&name.as_str())).all(|(name, value)| field_is_there(name, value, live))
}

fn field_is_there(name: &str, rendered: &Value, live: &Map<String, Value>) -> bool {
    match live.get(name) {
        Some(live) => value_is_there(name, rendered, live),
        // Booleans are kept when they are false, except the few that are no pointers in Kubernetes' types.
        None => name == "publishNotReadyAddresses" && *rendered == Value::Bool(false),
    }
}

fn value_is_there(name: &str, rendered: &Value, live: &Value) -> bool {
    match (rendered, live) {
        // Another label in a selector chooses other pods, or none.
        (Value::Object(rendered), Value::Object(live)) if SELECTORS.contains(&name) && rendered.len() != live.len() => false,
        (Value::Object(rendered), Value::Object(live)) => rendered.iter().all(|(name, value)| field_is_there(name, value, live)),
        (Value::Array(rendered), Value::Array(live)) => list_is_there(name, rendered, live),
        (rendered, live) => rendered == live,
    }
}

fn list_is_there(name: &str, rendered: &[Value], live: &[Value]) -> bool {
    match lists::kind(name, rendered) {
        List::Keyed(keys) => rendered.iter().all(|item| {
            let same = |other: &&Value| keys.iter().all(|key| item.get(key) == other.get(key));
            live.iter().find(same).is_some_and(|live| value_is_there("", item, live))
        }),
        List::Completed => {
            rendered.len() == live.len() && rendered.iter().zip(live).all(|(rendered, live)| value_is_there("", rendered, live))
        }
        List::Atomic => rendered == live,
    }
}
