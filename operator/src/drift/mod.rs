//! Whether a live object holds all that the operator renders.
//!
//! ```text
//!  rendered ──▶ stamped: canonical, with its own hash ──▶ server-side apply
//!                          │
//!  live ───────────────────┴──▶ in_sync: every rendered field is there as rendered
//! ```
//!
//! The API server adds to what it is sent (defaults, status, what others apply) and writes some of it otherwise (`0.5` becomes
//! `500m`, what is empty is left out). Neither is drift: a cluster that nobody changes costs no write. The stamp, an annotation
//! with the hash of what was rendered, tells when a field is no longer rendered and has to go.
//!
//! | module | responsibility |
//! |---|---|
//! | `canonical` | one form for all that means the same; its hash |
//! | `quantity` | `1000m` is `1` |
//! | `lists` | which lists have keys |
//! | `subset` | is all of it there? |

mod canonical;
mod lists;
mod quantity;
mod subset;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;
use sutra_crds::names::APPLIED_ANNOTATION;

pub(crate) use canonical::hash;

/// A rendered object as it is sent: without what is empty, and with the annotation `sutra.dev/applied`, the hash of the rest.
///
/// An object that cannot be written as JSON becomes `null`, which nothing live matches and the API server refuses; none that is
/// rendered here is such a one, as all keys are strings.
#[must_use]
pub fn stamped<K: Serialize>(object: &K) -> Value {
    let mut value = canonical::pruned(serde_json::to_value(object).unwrap_or_default());
    let stamp = hash(&value);
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(APPLIED_ANNOTATION.to_owned(), Value::from(stamp));
        }
    }
    // Sorted again.
    canonical::pruned(value)
}

/// Whether a live object holds all of a [`stamped`] one. What it holds beside that is somebody else's, except in lists without
/// keys, of which each has one owner.
#[must_use]
pub fn in_sync(rendered: &Value, live: &Value) -> bool {
    subset::holds(&canonical::canonical(rendered.clone()), &canonical::canonical(live.clone()))
}
