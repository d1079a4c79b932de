//! One form for all that means the same to the API server.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::quantity;

/// Fields whose keys the user chooses: an empty value is a value there, and the map itself is left out when it is empty.
const MAPS: [&str; 8] = ["annotations", "data", "labels", "limits", "matchLabels", "nodeSelector", "requests", "selector"];

/// What becomes of amounts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Amounts {
    AsWritten,
    Alike,
}

/// Without what the API server leaves out: `null`, empty lists, empty strings, empty maps. An empty object that is no map
/// stays, as it means something (`podSelector: {}`: every pod).
pub(super) fn pruned(value: Value) -> Value {
    rewritten(value, Amounts::AsWritten, ["", ""])
}

/// As [`pruned`], and amounts in one way of writing.
pub(super) fn canonical(value: Value) -> Value {
    rewritten(value, Amounts::Alike, ["", ""])
}

/// A short hash of what an object means: 16 hexadecimal digits. The order of keys does not count, nor how amounts are written.
pub(crate) fn hash(value: &Value) -> String {
    let text = canonical(value.clone()).to_string();
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

/// `path`: the last two names on the way to the value.
fn rewritten(value: Value, amounts: Amounts, path: [&str; 2]) -> Value {
    match value {
        Value::Object(fields) => {
            let [above, here] = path;
            let is_map = MAPS.contains(&here);
            let has_amounts = amounts == Amounts::Alike && above == "resources" && matches!(here, "limits" | "requests");
            // Sorted here, because serde_json keeps either order, depending on what else is compiled with it.
            let fields: BTreeMap<String, Value> = fields
                .into_iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::String(text) if has_amounts => Value::from(quantity::normal(&text)),
                        value => rewritten(value, amounts, [here, &name]),
                    };
                    (name, value)
                })
                .filter(|(name, value)| is_map && value.is_string() || !is_left_out(name, value))
                .collect();
            Value::Object(Map::from_iter(fields))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rewritten(item, amounts, path)).collect()),
        value => value,
    }
}

fn is_left_out(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && MAPS.contains(&name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{hash, pruned};

    #[test]
    fn what_the_api_server_leaves_out_is_left_out() {
        let value =
            json!({"a": null, "b": [], "c": "", "labels": {}, "podSelector": {"matchLabels": {}}, "args": ["", {"d": null}]});
        assert_eq!(pruned(value), json!({"podSelector": {}, "args": ["", {}]}));
    }

    #[test]
    fn an_empty_value_of_a_map_is_a_value() {
        let value = json!({"labels": {"role": ""}, "data": {"config.toml": ""}});
        assert_eq!(pruned(value.clone()), value);
    }

    #[test]
    fn a_hash_is_of_the_meaning() {
        let one = json!({"b": 1, "a": [], "resources": {"limits": {"cpu": "0.5"}}});
        let other = json!({"resources": {"limits": {"cpu": "500m"}}, "b": 1});
        assert_eq!(hash(&one), hash(&other));
        assert_eq!(hash(&one).len(), 16);
        assert_ne!(hash(&one), hash(&json!({"resources": {"limits": {"cpu": "501m"}}, "b": 1})));
        assert_ne!(hash(&json!({"b": [1, 2]})), hash(&json!({"b": [2, 1]})));
    }
}
