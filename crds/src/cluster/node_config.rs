//! Settings of `sutra-node serve` that a user may choose.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

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
        let owned = OWNED_BY_OPERATOR.map(|key| format!("'{key}'")).join(", ");
        let refused = format!("self.filter(key, key.replace('_', '-') in [{owned}])");
        json_schema!({
            "type": "object",
            "maxProperties": 64,
            "additionalProperties": {"x-kubernetes-int-or-string": true},
            "x-kubernetes-validations": [{
                "rule": format!("{refused}.size() == 0"),
                "messageExpression": format!("'config.' + {refused}.join(', config.') + ' is set by the operator from the rest of the spec'"),
                "message": "config holds a key that the operator sets itself",
            }, {
                "rule": "self.all(key, key.matches('^[a-z][a-z0-9_-]{0,62}$'))",
                "message": "the keys of config are names of flags of sutra-node serve, such as drain-delay",
            }],
        })
    }
}
