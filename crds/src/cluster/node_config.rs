//! Settings of `sutra-node serve` that a user may choose.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Keys that follow from the rest of the spec.
pub const OWNED_BY_OPERATOR: [&str; 13] = [
    "advertise",
    "config",
    "data-dir",
    "edition",
    "embedder",
    "http",
    "insecure-listen",
    "node-name",
    "peer",
    "secure",
    "shards",
    "tcp",
    "wait-for-grid",
];

/// Settings by the names of the flags of `sutra-node serve`; `_` may stand for `-`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeConfig(pub BTreeMap<String, IntOrString>);

impl NodeConfig {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl JsonSchema for NodeConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NodeConfig".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A rule a key: one rule over all keys would cost the API server more than it admits, as keys have no bound on their length.
        let rules: Vec<serde_json::Value> = OWNED_BY_OPERATOR
            .iter()
            .map(|key| {
                let forms = key.split('-').skip(1).fold(vec![key.split('-').next().unwrap_or_default().to_owned()], |forms, word| {
                    forms.iter().flat_map(|form| [format!("{form}-{word}"), format!("{form}_{word}")]).collect()
                });
                let refused = forms.iter().map(|form| format!("'{form}' in self")).collect::<Vec<_>>().join(" || ");
                json!({"rule": format!("!({refused})"), "message": format!("config.{key} is set by the operator from the rest of the spec")})
            })
            .collect();
        json_schema!({
            "type": "object",
            "maxProperties": 64,
            "additionalProperties": {"x-kubernetes-int-or-string": true, "minimum": i32::MIN, "maximum": i32::MAX},
            "x-kubernetes-validations": rules,
        })
    }
}
