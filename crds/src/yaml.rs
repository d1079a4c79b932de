//! The definitions as files.

use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::{SutraCluster, SutraShard};

/// A custom resource definition as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Name of the file.
    pub file: &'static str,
    /// Its content.
    pub yaml: String,
}

/// All definitions.
///
/// # Errors
/// If one cannot be written as YAML, which would be a defect of this crate.
pub fn definitions() -> Result<Vec<Definition>, Box<dyn std::error::Error + Send + Sync>> {
    [("sutraclusters.yaml", SutraCluster::crd()), ("sutrashards.yaml", SutraShard::crd())]
        .into_iter()
        .map(|(file, definition)| {
            let mut value = serde_json::to_value(definition)?;
            follow_kubernetes(&mut value);
            let header = "# Made from the types of the crate sutra-crds by `cargo xtask crdgen`; do not edit.\n";
            Ok(Definition { file, yaml: format!("{header}{}", serde_norway::to_string(&value)?) })
        })
        .collect()
}

/// Unsigned formats are schemars' own, and the API server warns of them at every apply. A field that may be `null` is one more case for
/// every rule; as in Kubernetes' own types, what is not set is not there.
fn follow_kubernetes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                map.remove("format");
            }
            // To the API server `format` is a word: without bounds it admits integers that no client can read.
            if map.get("format").and_then(Value::as_str) == Some("int32") {
                map.entry("minimum").or_insert_with(|| i32::MIN.into());
                map.entry("maximum").or_insert_with(|| i32::MAX.into());
            }
            if map.get("nullable") == Some(&Value::Bool(true)) {
                map.remove("nullable");
            }
            map.values_mut().for_each(follow_kubernetes);
        }
        Value::Array(list) => list.iter_mut().for_each(follow_kubernetes),
        _ => {}
    }
}
