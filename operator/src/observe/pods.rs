//! Pods, and what keeps them from running.

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, ResourceExt as _};
use sutra_crds::{SutraCluster, names};
use sutra_planner::{Trouble, TroubleKind};

use super::objects::live_stateful_set;
use crate::control::{Context, machines};

/// A pod, and where its node is asked.
pub(super) struct SeenPod {
    pub(super) seen: sutra_planner::Pod,
    pub(super) address: Option<String>,
    machine: Option<String>,
}

/// The pods of a cluster, by ordinal.
pub(super) async fn seen(cluster: &SutraCluster, context: &Context) -> Result<Vec<SeenPod>, kube::Error> {
    let (name, namespace) = (cluster.name_any(), cluster.namespace());
    let mut pods: Vec<SeenPod> = context
        .caches
        .pods
        .state()
        .iter()
        .filter(|pod| pod.namespace() == namespace && pod.labels().get(names::INSTANCE_LABEL) == Some(&name))
        .filter_map(|pod| one(&name, pod))
        .collect();
    let replicas = live_stateful_set(cluster, context).and_then(|set| set.spec.as_ref()?.replicas).unwrap_or(0);
    for ordinal in 0..replicas {
        if pods.iter().all(|pod| i64::from(pod.seen.ordinal) != i64::from(ordinal)) {
            // One that lost our label is in no cache, and serves all the same.
            let api: Api<Pod> = Api::namespaced(context.client.clone(), &namespace.clone().unwrap_or_default());
            pods.extend(api.get_opt(&names::pod(&name, ordinal)).await?.and_then(|pod| one(&name, &pod)));
        }
    }
    if pods.len() > 1 {
        let asked = pods.iter_mut().filter(|pod| pod.seen.zone.is_none()).map(async |pod| {
            if let Some(machine) = &pod.machine {
                pod.seen.zone = context.machines.zone(&context.client, machine).await;
            }
        });
        join_all(asked).await;
    }
    pods.sort_by_key(|pod| pod.seen.ordinal);
    Ok(pods)
}

fn one(cluster: &str, pod: &Pod) -> Option<SeenPod> {
    let name = pod.name_any();
    let ordinal: u32 = name.strip_prefix(cluster)?.strip_prefix('-')?.parse().ok()?;
    // `NAME-00` is nobody's pod.
    (name == names::pod(cluster, i32::try_from(ordinal).ok()?)).then_some(())?;
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let container = status.and_then(|status| status.container_statuses.as_ref()?.first());
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
    let seen = sutra_planner::Pod {
        name,
        uid: pod.uid()?,
        ordinal,
        revision: pod.annotations().get(names::REVISION_ANNOTATION).cloned(),
        ran: container.is_some_and(ran),
        started: container.is_some_and(|container| container.started == Some(true)),
        ready: ready.is_some_and(|condition| condition.status == "True"),
        turned: ready.and_then(|condition| condition.last_transition_time.as_ref()).map(|time| time.0),
        leaving: pod.metadata.deletion_timestamp.is_some(),
        zone: machines::zone(pod),
        trouble: trouble(pod),
    };
    let machine = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    Some(SeenPod { seen, address: status.and_then(|status| status.pod_ip.clone()), machine })
}

/// Whether a container runs, or did before.
fn ran(container: &ContainerStatus) -> bool {
    let states = [container.state.as_ref(), container.last_state.as_ref()];
    container.restart_count > 0 || states.into_iter().flatten().any(|state| state.running.is_some() || state.terminated.is_some())
}

fn trouble(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = pod.name_any();
    let unschedulable = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.status == "False" && condition.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unschedulable {
        let why = condition.message.as_deref().unwrap_or("no machine takes it");
        return Some(Trouble { kind: TroubleKind::PodUnschedulable, message: format!("{name} finds no machine: {why}") });
    }
    status.container_statuses.iter().flatten().find_map(|container| container_trouble(&name, container))
}

fn container_trouble(pod: &str, container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref()?;
    if let Some(terminated) = &state.terminated {
        let words = terminated.message.as_deref();
        return Some(failing(pod, terminated.exit_code, words));
    }
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let words = waiting.message.as_deref().unwrap_or(reason);
    match reason {
        "ImagePullBackOff"
        | "ErrImagePull"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError" => {
            let message = format!("{pod}: the image {} can't be pulled: {}", container.image, words.trim());
            Some(Trouble { kind: TroubleKind::ImagePullFailed, message })
        }
        "CrashLoopBackOff" => {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            Some(failing(pod, last.map_or(0, |last| last.exit_code), last.and_then(|last| last.message.as_deref())))
        }
        "ContainerCreating" | "PodInitializing" => None,
        _ => Some(Trouble {
            kind: TroubleKind::PodFailing,
            message: format!("{pod} can't be started ({reason}): {}", words.trim()),
        }),
    }
}

/// The last line of what the node said is its reason for ending.
fn failing(pod: &str, exit_code: i32, words: Option<&str>) -> Trouble {
    let last = words.and_then(|words| words.lines().rev().find(|line| !line.trim().is_empty())).unwrap_or("it said nothing");
    Trouble { kind: TroubleKind::NodeFailing, message: format!("{pod} ends with status {exit_code}: {}", last.trim()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "claims-0", "uid": "4711"}, "status": status})).unwrap()
    }

    fn container(state: serde_json::Value, last: serde_json::Value) -> Pod {
        let container = json!({
            "name": "sutra-node", "image": "sutra-node:0.9.9", "imageID": "", "ready": false, "restartCount": 3,
            "state": state, "lastState": last,
        });
        pod(json!({"containerStatuses": [container]}))
    }

    #[test]
    fn a_missing_image_is_named() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
        let trouble = trouble(&container(waiting, json!({}))).unwrap();
        assert_eq!(trouble.kind, TroubleKind::ImagePullFailed);
        assert_eq!(trouble.message, "claims-0: the image sutra-node:0.9.9 can't be pulled: Back-off pulling image");
    }

    #[test]
    fn a_node_that_ends_is_quoted() {
        let said = "starting\nerror: --drain-delay soon: a time is a number and a unit\n";
        let last = json!({"terminated": {"exitCode": 2, "message": said}});
        let trouble = trouble(&container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), last)).unwrap();
        assert_eq!(trouble.kind, TroubleKind::NodeFailing);
        assert_eq!(trouble.message, "claims-0 ends with status 2: error: --drain-delay soon: a time is a number and a unit");
    }

    #[test]
    fn a_pod_without_a_machine_says_why() {
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"});
        let trouble = trouble(&pod(json!({"conditions": [condition]}))).unwrap();
        assert_eq!(
            (trouble.kind, trouble.message.as_str()),
            (TroubleKind::PodUnschedulable, "claims-0 finds no machine: 0/3 nodes are available")
        );
    }

    #[test]
    fn a_pod_that_is_being_created_is_in_no_trouble() {
        assert_eq!(trouble(&container(json!({"waiting": {"reason": "ContainerCreating"}}), json!({}))), None);
        assert_eq!(trouble(&container(json!({"running": {}}), json!({}))), None);
    }

    #[test]
    fn a_container_that_runs_or_ran_may_have_written() {
        let seen = |state, last| one("claims", &container(state, last)).unwrap().seen.ran;
        assert!(seen(json!({"running": {}}), json!({})) && seen(json!({"terminated": {"exitCode": 1}}), json!({})));
        let waiting = || {
            pod(json!({"containerStatuses": [{
                "name": "sutra-node", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {}},
            }]}))
        };
        assert!(!one("claims", &waiting()).unwrap().seen.ran && !one("claims", &pod(json!({}))).unwrap().seen.ran);
    }

    #[test]
    fn only_pods_of_the_stateful_set_are_nodes() {
        assert!(one("claims", &pod(json!({}))).is_some());
        assert!(one("claim", &pod(json!({}))).is_none());
    }
}
