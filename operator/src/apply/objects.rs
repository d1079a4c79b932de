//! Server-side apply of what is rendered.

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Error};
use serde_json::Value;
use sutra_crds::names::FIELD_MANAGER;

use super::outcome::Outcome;

/// Writes a stamped object: it is made, or what the operator renders of it becomes as rendered.
///
/// # Errors
/// If the answer may be another later.
pub async fn apply(client: &Client, object: &Value) -> Result<Outcome, Error> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let (group, version) = text("/apiVersion").rsplit_once('/').unwrap_or(("", text("/apiVersion")));
    if [version, kind, name].contains(&"") {
        return Ok(Outcome::Refused("the object has no version, no kind or no name".to_owned()));
    }
    let kind = GroupVersionKind::gvk(group, version, kind);
    let objects: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), text("/metadata/namespace"), &ApiResource::from_gvk(&kind));
    let params = PatchParams::apply(FIELD_MANAGER).force();
    Outcome::of_making(objects.patch(name, &params, &Patch::Apply(object)).await)
}
