//! In which zone a machine is, for pods that do not say it themselves.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, Error, ResourceExt as _};
use tokio::time::Instant;

/// Kubernetes copies it from machines to their pods from 1.35 on.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// How long an answer counts: a machine does not move.
const FRESH: Duration = Duration::from_secs(600);
/// How long nobody is asked after the API server did not answer.
const PAUSE: Duration = Duration::from_secs(30);
/// After which a machine is forgotten that nobody asked about.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What the API server said of machines that pods run on.
#[derive(Debug, Default)]
pub struct Machines {
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a machine.
#[derive(Clone, Debug)]
struct Known {
    zone: Option<String>,
    /// When it is asked for again.
    until: Instant,
}

impl Machines {
    /// The zone of a machine; `None`: it has none, is gone, or the operator has no right to look at it. While the API server does not answer,
    /// what it said last counts.
    pub async fn zone(&self, client: &Client, machine: &str) -> Option<String> {
        let known = self.known().get(machine).cloned();
        if let Some(known) = &known
            && Instant::now() < known.until
        {
            return known.zone.clone();
        }
        let (zone, counts) = match Api::<Node>::all(client.clone()).get_metadata_opt(machine).await {
            Ok(found) => (found.and_then(|node| zone(&node)), FRESH),
            Err(Error::Api(status)) if status.code == 403 => {
                tracing::debug!(machine, "the operator has no right to look at machines: zones are what pods say");
                (None, FRESH)
            }
            Err(error) => {
                tracing::warn!(machine, %error, "in which zone a machine is can't be asked now");
                (known.and_then(|known| known.zone), PAUSE)
            }
        };
        let now = Instant::now();
        let mut all = self.known();
        all.retain(|_, known| now < known.until + FORGOTTEN);
        all.insert(machine.to_owned(), Known { zone: zone.clone(), until: now + counts });
        zone
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The zone that an object's label names.
pub(crate) fn zone(object: &impl kube::Resource) -> Option<String> {
    object.labels().get(ZONE_LABEL).filter(|zone| !zone.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::apply::tests::{client, refusal};

    fn machine(labels: &Value) -> Value {
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "worker-3", "labels": labels}})
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_is_asked_about_once_in_a_while() {
        let (client, seen) = client(200, machine(&json!({ZONE_LABEL: "eu-central-1b"})));
        let machines = Machines::default();
        for _ in 0..3 {
            assert_eq!(machines.zone(&client, "worker-3").await.as_deref(), Some("eu-central-1b"));
        }
        assert_eq!(seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect::<Vec<_>>(), ["GET /api/v1/nodes/worker-3"]);
        tokio::time::advance(FRESH).await;
        machines.zone(&client, "worker-3").await;
        assert_eq!(seen.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_zone_that_nobody_may_ask_for_or_that_is_not_there_is_unknown() {
        let answers = [
            (403, refusal(403, "Forbidden")),
            (404, refusal(404, "NotFound")),
            (200, machine(&json!({}))),
            (200, machine(&json!({ZONE_LABEL: ""}))),
        ];
        for (status, answer) in answers {
            let (client, seen) = client(status, answer);
            let machines = Machines::default();
            for _ in 0..2 {
                assert_eq!(machines.zone(&client, "worker-3").await, None);
            }
            assert_eq!(seen.lock().unwrap().len(), 1, "nobody is asked again at once");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_known_counts_while_nobody_answers() {
        let machines = Machines::default();
        let (up, _) = client(200, machine(&json!({ZONE_LABEL: "eu-central-1b"})));
        for machine in ["worker-3", "worker-4"] {
            machines.zone(&up, machine).await;
        }
        tokio::time::advance(FRESH).await;
        machines.zone(&up, "worker-4").await;
        let (down, seen) = client(500, refusal(500, "InternalError"));
        for _ in 0..3 {
            assert_eq!(machines.zone(&down, "worker-3").await.as_deref(), Some("eu-central-1b"));
        }
        assert_eq!(seen.lock().unwrap().len(), 1, "it is asked again after a while");
        tokio::time::advance(PAUSE).await;
        machines.zone(&down, "worker-3").await;
        assert_eq!(seen.lock().unwrap().len(), 2);
        tokio::time::advance(FRESH + FORGOTTEN).await;
        machines.zone(&up, "worker-4").await;
        assert_eq!(machines.zone(&down, "worker-3").await, None, "what nobody asked about is not kept for ever");
    }
}
