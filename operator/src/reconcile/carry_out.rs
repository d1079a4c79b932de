//! The steps of a plan, one write each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::DynamicObject;
use kube::runtime::reflector::Store;
use kube::{Api, Error, ResourceExt};
use serde_json::Value;
use sutra_crds::{SutraCluster, names};
use sutra_planner::{Action, Object, Plan, Step};
use sutra_protocol::founding::ResizeRequest;
use tracing::info;

use super::cached::cached;
use super::rendered::{self, Rendered};
use crate::apply::{self, Kind, Mark, Nodes, Outcome};
use crate::control::Context;
use crate::fence::is_not_held;
use crate::{drift, render, status};

/// What became of a plan.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// What the API server refused, by the step.
    pub(super) refusals: BTreeMap<&'static str, String>,
    /// The first step that failed.
    pub(super) failure: Option<Failure>,
    /// Whether no other is worth a try.
    is_over: bool,
}

/// A step that failed for a passing reason; those after it that may build on it were not begun.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) step: &'static str,
    pub(super) source: Error,
}

/// Takes the steps in order.
pub(super) async fn carry_out(plan: &Plan, cluster: &SutraCluster, rendered: &Rendered<'_>, context: &Context) -> Carried {
    let hand = Hand { cluster, rendered, context, namespace: cluster.namespace().unwrap_or_default() };
    let mut carried = Carried::default();
    for step in &plan.steps {
        if carried.allows(step) {
            let outcome = hand.step(step).await;
            carried.note(step, outcome);
        }
    }
    carried
}

impl Carried {
    /// Whether a step is taken after what became of those before it. What the API server refuses keeps none back: none builds on it, because
    /// a plan goes on only from what was observed. After one that failed only those are taken that stand alone: how the cluster is has to be
    /// told, and how many nodes may be taken away, just when something in it doesn't go on.
    fn allows(&self, step: &Step) -> bool {
        !self.is_over && (self.failure.is_none() || step.action.stands_alone())
    }

    fn note(&mut self, step: &Step, outcome: Result<Outcome, Error>) {
        let name = step.action.name();
        match outcome {
            Ok(Outcome::Done) => {}
            // Steps of one name are told by the first that is refused.
            Ok(Outcome::Refused(message)) => drop(self.refusals.entry(name).or_insert(message)),
            Err(source) => {
                // The API server is away then, and nobody is to be kept waiting for each report.
                let no_answer = step.action.stands_alone() && !matches!(source, Error::Api(_));
                self.is_over = no_answer || is_not_held(&source);
                self.failure.get_or_insert(Failure { step: name, source });
            }
        }
    }
}

struct Hand<'a> {
    cluster: &'a SutraCluster,
    rendered: &'a Rendered<'a>,
    context: &'a Context,
    namespace: String,
}

impl Hand<'_> {
    /// Takes a step, and tells of it.
    async fn step(&self, step: &Step) -> Result<Outcome, Error> {
        let name = step.action.name();
        self.context.metrics.stepped(name);
        let outcome = self.take(&step.action).await?;
        if outcome == Outcome::Done && !step.action.is_projection() {
            let told = format!("{}: {}", step.action.done(), step.reason);
            info!(cluster = %self.cluster.name_any(), namespace = %self.namespace, step = name, "{told}");
            self.context.events.tell(self.cluster, false, name, &told).await;
        }
        Ok(outcome)
    }

    async fn take(&self, action: &Action) -> Result<Outcome, Error> {
        let (client, caches, namespace) = (&self.context.client, &self.context.caches, self.namespace.as_str());
        match action {
            Action::Apply(Object::PeerSecret) => {
                self.context.metrics.wrote("Secret", "create");
                apply::create_peer_secret(client, self.cluster).await
            }
            Action::Apply(object) => match self.rendered.objects.get(object) {
                Some(object) => self.write(object).await,
                None => Ok(Outcome::Done),
            },
            Action::Delete(object) => self.delete_object(*object).await,
            Action::AdoptVolume { volume } => self.mark(volume, |_| {}).await,
            Action::RecordGrid { volume, grid } => self.mark(volume, |mark| mark.grid = Some(grid.clone())).await,
            Action::RecordSize { volume, nodes } => self.mark(volume, |mark| mark.nodes = Some(*nodes)).await,
            Action::OwnVolume { volume, goes_with_cluster } => {
                self.mark(volume, |mark| mark.goes_with_cluster = *goes_with_cluster).await
            }
            Action::HoldCluster { hold } => {
                self.context.metrics.wrote("SutraCluster", "apply");
                apply::hold(client, self.cluster, *hold).await
            }
            Action::GrowVolume { volume, size } => {
                self.context.metrics.wrote("PersistentVolumeClaim", "patch");
                apply::grow_volume(client, namespace, volume, size).await
            }
            Action::ApplyStatefulSet { replicas } => {
                let existing = cached(&caches.stateful_sets, self.cluster, &self.cluster.name_any());
                let claim = existing.and_then(|set| rendered::claim_of(&set));
                self.write(&drift::stamped(&self.rendered.stateful_set(claim.as_ref(), replicas.cast_signed()))).await
            }
            Action::OrphanStatefulSet => {
                let set = cached(&caches.stateful_sets, self.cluster, &self.cluster.name_any());
                self.delete(Kind::OrphanedStatefulSet, set.as_deref()).await
            }
            Action::FoundGrid { pod, uid, nodes, replicas } => self.found(pod, uid, (*nodes, *replicas)).await,
            Action::ReplaceNode { pod, uid, asked, grid } => self.replace(pod, uid, asked, grid).await,
            Action::SetReplicas { asked, grid, count } => {
                self.resize(asked, grid, &ResizeRequest::SetReplicas { count: *count }).await
            }
            Action::AddNode { pod, uid, zone, asked, grid } => self.add((pod, uid, zone), asked, grid).await,
            Action::SetZone { node, zone, asked, grid } => {
                let request = ResizeRequest::SetZone { name: node.clone(), zone: Some(zone.clone()) };
                self.resize(asked, grid, &request).await
            }
            Action::RemoveNode { node, asked, grid } => {
                self.resize(asked, grid, &ResizeRequest::RemoveNode { name: node.clone() }).await
            }
            Action::KeepNode { node, asked, grid } => {
                self.resize(asked, grid, &ResizeRequest::KeepNode { name: node.clone() }).await
            }
            Action::BeginReplacement { node, volume } => {
                self.context.metrics.wrote("SutraCluster", "patch");
                apply::begin_replacement(client, self.cluster, node, volume).await
            }
            Action::EndReplacement { node } => {
                self.context.metrics.wrote("SutraCluster", "patch");
                apply::end_replacement(client, self.cluster, node).await
            }
            Action::DeleteVolume { volume, uid } => {
                self.context.metrics.wrote(Kind::VolumeClaim.name(), "delete");
                apply::delete(client, Kind::VolumeClaim, namespace, volume, uid).await
            }
            Action::SetBudget { max_unavailable } => {
                self.write(&drift::stamped(&render::disruption_budget(self.cluster, *max_unavailable))).await
            }
            Action::DeletePod { pod, uid } => {
                self.context.metrics.wrote("Pod", "delete");
                apply::delete_pod(client, namespace, pod, uid).await
            }
            Action::ApplyShard { shard } => self.write(&drift::stamped(&render::shard(self.cluster, *shard))).await,
            Action::DeleteShard { shard } => {
                let shard = cached(&caches.shards, self.cluster, &names::shard(&self.cluster.name_any(), *shard));
                self.delete(Kind::Shard, shard.as_deref()).await
            }
            Action::ReportShard { shard, report } => {
                self.context.metrics.wrote("SutraShard", "status");
                let name = names::shard(&self.cluster.name_any(), *shard);
                apply::shard_status(client, namespace, &name, &status::shard_status(report, Timestamp::now())).await
            }
        }
    }

    async fn found(&self, pod: &str, uid: &str, shape: (u32, u32)) -> Result<Outcome, Error> {
        let node = cached(&self.context.caches.pods, self.cluster, pod).filter(|node| node.uid().as_deref() == Some(uid));
        // It was replaced meanwhile: whoever looks again sees the new one.
        let Some(address) = node.and_then(|node| node.status.as_ref()?.pod_ip.clone()) else { return Ok(Outcome::Done) };
        self.nodes().found_grid(&address, shape).await
    }

    async fn replace(&self, pod: &str, uid: &str, asked: &str, grid: &str) -> Result<Outcome, Error> {
        let caches = &self.context.caches.pods;
        let waits = cached(caches, self.cluster, pod).is_some_and(|node| node.uid().as_deref() == Some(uid));
        let asked_at = cached(caches, self.cluster, asked).and_then(|node| node.status.as_ref()?.pod_ip.clone());
        let (true, Some(address)) = (waits, asked_at) else { return Ok(Outcome::Done) };
        self.nodes().replace_node(grid, (asked, &address), pod).await
    }

    async fn add(&self, (pod, uid, zone): (&str, &str, &Option<String>), asked: &str, grid: &str) -> Result<Outcome, Error> {
        let caches = &self.context.caches.pods;
        let waits = cached(caches, self.cluster, pod).is_some_and(|node| node.uid().as_deref() == Some(uid));
        let asked_at = cached(caches, self.cluster, asked).and_then(|node| node.status.as_ref()?.pod_ip.clone());
        let (true, Some(address)) = (waits, asked_at) else { return Ok(Outcome::Done) };
        self.nodes().add_node(grid, (asked, &address), (pod, zone.clone())).await
    }

    async fn resize(&self, asked: &str, grid: &str, request: &ResizeRequest) -> Result<Outcome, Error> {
        let node = cached(&self.context.caches.pods, self.cluster, asked);
        let Some(address) = node.and_then(|node| node.status.as_ref()?.pod_ip.clone()) else { return Ok(Outcome::Done) };
        self.nodes().resize(grid, (asked, &address), request).await
    }

    fn nodes(&self) -> Nodes<'_> {
        let Context { client, leadership, config, .. } = self.context;
        Nodes { client, leadership, cluster: self.cluster, cluster_domain: &config.cluster_domain }
    }

    async fn write(&self, object: &Value) -> Result<Outcome, Error> {
        self.context.metrics.wrote(object["kind"].as_str().unwrap_or_default(), "apply");
        apply::apply(&self.context.client, object).await
    }

    /// Only these two come and go with the spec.
    async fn delete_object(&self, object: Object) -> Result<Outcome, Error> {
        let name = rendered::name(self.cluster, object);
        match object {
            Object::DisruptionBudget => {
                self.delete(Kind::DisruptionBudget, cached(&self.context.caches.budgets, self.cluster, &name).as_deref()).await
            }
            Object::PodMonitor => {
                let monitors = self.context.caches.pod_monitors.as_ref().map(Store::state).unwrap_or_default();
                let ours =
                    |monitor: &&Arc<DynamicObject>| monitor.name_any() == name && monitor.namespace() == self.cluster.namespace();
                self.delete(Kind::PodMonitor, monitors.iter().find(ours).map(|monitor| &**monitor)).await
            }
            _ => Ok(Outcome::Done),
        }
    }

    async fn delete(&self, kind: Kind, observed: Option<&impl ResourceExt>) -> Result<Outcome, Error> {
        let Some(observed) = observed else { return Ok(Outcome::Done) };
        self.context.metrics.wrote(kind.name(), "delete");
        let uid = observed.uid().unwrap_or_default();
        apply::delete(&self.context.client, kind, &self.namespace, &observed.name_any(), &uid).await
    }

    /// Everything that the operator says of a claim is written together; what a write leaves out is taken away. The claim is read as it is
    /// now, because two marks of one plan build on each other, and the cache may not know the first one yet.
    async fn mark(&self, volume: &str, change: impl FnOnce(&mut Mark)) -> Result<Outcome, Error> {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.context.client.clone(), &self.namespace);
        let Some(claim) = claims.get_metadata_opt(volume).await? else { return Ok(Outcome::Done) };
        let mut mark = Mark {
            grid: claim.annotations().get(names::GRID_ANNOTATION).cloned(),
            nodes: claim.annotations().get(names::GRID_NODES_ANNOTATION).and_then(|nodes| nodes.parse().ok()),
            goes_with_cluster: claim
                .owner_references()
                .iter()
                .any(|owner| Some(&owner.uid) == self.cluster.metadata.uid.as_ref()),
        };
        change(&mut mark);
        self.context.metrics.wrote("PersistentVolumeClaim", "apply");
        apply::mark_volume(&self.context.client, self.cluster, volume, &mark).await
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::fence::NotHeld;

    fn step(action: Action) -> Step {
        Step { action, reason: "a reason".into() }
    }

    fn steps() -> Vec<Step> {
        let volume = || "data-demo-1".to_owned();
        vec![
            step(Action::Apply(Object::ConfigMap)),
            step(Action::RecordGrid { volume: volume(), grid: "g".into() }),
            step(Action::AddNode { pod: "demo-1".into(), uid: "u".into(), zone: None, asked: "demo-0".into(), grid: "g".into() }),
            step(Action::SetBudget { max_unavailable: 0 }),
            step(Action::ApplyShard { shard: 1 }),
            step(Action::DeleteShard { shard: 2 }),
            step(Action::HoldCluster { hold: false }),
        ]
    }

    fn busy() -> Error {
        Error::Api(Status::failure("failed calling webhook", "InternalError").with_code(500).boxed())
    }

    fn unreachable() -> Error {
        Error::Service("no answer".into())
    }

    /// What was begun, and what failed first, if this is what becomes of the steps.
    fn begun(becomes: impl Fn(&str) -> Result<Outcome, Error>) -> (Vec<&'static str>, Carried) {
        let (mut begun, mut carried) = (Vec::new(), Carried::default());
        for step in &steps() {
            if carried.allows(step) {
                begun.push(step.action.name());
                carried.note(step, becomes(step.action.name()));
            }
        }
        (begun, carried)
    }

    fn failing(at: &str, fault: fn() -> Error) -> (Vec<&'static str>, &'static str) {
        let (begun, carried) = begun(|name| if name == at { Err(fault()) } else { Ok(Outcome::Done) });
        (begun, carried.failure.unwrap().step)
    }

    #[test]
    fn a_step_that_fails_keeps_whatever_may_build_on_it_back_and_no_report() {
        for fault in [busy as fn() -> Error, unreachable] {
            let expected = vec!["Apply", "RecordGrid", "SetBudget", "ApplyShard", "DeleteShard"];
            assert_eq!(failing("RecordGrid", fault), (expected, "RecordGrid"));
        }
    }

    #[test]
    fn a_report_that_fails_keeps_the_others_back_only_if_nobody_answers() {
        assert_eq!(failing("SetBudget", busy).0.last(), Some(&"DeleteShard"));
        assert_eq!(failing("SetBudget", unreachable).0.last(), Some(&"SetBudget"));
    }

    #[test]
    fn without_the_lease_nothing_is_tried_any_more() {
        let lost = || Error::Service(Box::new(NotHeld { request: "PATCH /".into() }));
        assert_eq!(failing("Apply", lost), (vec!["Apply"], "Apply"));
    }

    #[test]
    fn what_is_refused_keeps_nothing_back() {
        let (begun, carried) = begun(|name| Ok(Outcome::Refused(format!("no {name}"))));
        assert!(carried.failure.is_none());
        assert_eq!((begun.len(), carried.refusals.len()), (steps().len(), steps().len()));
    }
}
