//! Whether Kubernetes knows `PodMonitor`s: the Prometheus operator brings them, perhaps later than this operator came.

use std::time::Duration;

use kube::api::GroupVersionKind;
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Error, discovery};
use tracing::warn;

use crate::chain::chain;
use crate::health::Health;

/// A pod monitor.
pub(super) type PodMonitor = DynamicObject;

/// How often it is looked whether that changed. Until it is noticed that the API is gone, clusters are told that it refuses their monitors.
pub(super) const EVERY: Duration = Duration::from_secs(30);
/// How soon it is looked again if there was no answer.
const SOON: Duration = Duration::from_secs(5);

/// How the API server names them, if it knows them.
async fn find(client: &Client) -> Result<Option<ApiResource>, Error> {
    let kind = GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor");
    match discovery::pinned_kind(client, &kind).await {
        Ok((resource, _)) => Ok(Some(resource)),
        // A group that nobody serves is answered by the HTTP server itself, without a reason.
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(Error::Discovery(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks until there is an answer.
pub(super) async fn discover(client: &Client, health: &Health) -> Option<ApiResource> {
    let mut said = false;
    health.syncing("podmonitors");
    loop {
        match find(client).await {
            Ok(found) => return found,
            Err(error) if !said => {
                let reason = format!("cannot ask the API server which kinds of objects it knows: {}", chain(&error));
                warn!(reason, "trying again");
                health.failing("podmonitors", reason);
                said = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(SOON).await;
    }
}

/// Returns when the answer is not `known` any more.
pub(super) async fn until_changed(client: &Client, known: bool) {
    loop {
        tokio::time::sleep(EVERY).await;
        // No answer is no news.
        if let Ok(found) = find(client).await
            && found.is_some() != known
        {
            return;
        }
    }
}
