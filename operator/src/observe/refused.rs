//! Why a pod cannot be made: the stateful set's controller says it in events only.

use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use sutra_crds::SutraCluster;
use tracing::debug;

use super::objects::live_stateful_set;
use crate::control::Context;

/// The controller's last words about a pod that it could not make, while one is missing. They are an aid: without them, because events
/// cannot be read, nothing else is wrong.
pub(super) async fn pod(cluster: &SutraCluster, pods: usize, context: &Context) -> Option<String> {
    let set = live_stateful_set(cluster, context)?;
    let wanted = set.spec.as_ref()?.replicas.unwrap_or(1);
    if i32::try_from(pods).is_ok_and(|pods| pods >= wanted) {
        return None;
    }
    let events: Api<Event> = Api::namespaced(context.client.clone(), &cluster.namespace().unwrap_or_default());
    let about = format!("involvedObject.uid={},reason=FailedCreate", set.uid()?);
    match events.list(&ListParams::default().fields(&about).limit(50)).await {
        Ok(list) => list.items.into_iter().max_by_key(happened).and_then(|event| event.message),
        Err(error) => {
            debug!(cluster = %cluster.name_any(), %error, "events cannot be read");
            None
        }
    }
}

fn happened(event: &Event) -> Option<jiff::Timestamp> {
    let counted = event.last_timestamp.as_ref().map(|time| time.0);
    counted.or_else(|| event.event_time.as_ref().map(|time| time.0))
}
