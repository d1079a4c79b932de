//! What can be done, and what is waited for.

use crate::desired::Object;
use crate::observed::ShardReport;

/// Something to do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// Why, in a sentence without a full stop.
    pub reason: String,
}

/// Something to do: one write to the API server, or one question to a node. Fields are names of objects, and what to write.
#[allow(missing_docs, reason = "the fields repeat the words of their variant")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write an object as it shall be.
    Apply(Object),
    /// Take an object away.
    Delete(Object),
    /// Mark a volume of another grid as this cluster's.
    AdoptVolume { volume: String },
    /// Write down whose data a volume holds.
    RecordGrid { volume: String, grid: String },
    /// Write down how many nodes the grid has, or will have, that a volume belongs to.
    RecordSize { volume: String, nodes: u32 },
    /// Let a volume go with the cluster, or stay.
    OwnVolume { volume: String, goes_with_cluster: bool },
    /// Keep the cluster, when it is deleted, until its volumes are decided about; or let it go.
    HoldCluster { hold: bool },
    /// Ask for a larger volume.
    GrowVolume { volume: String, size: String },
    /// Write the stateful set, with so many pods; one that exists keeps its claim template.
    ApplyStatefulSet { replicas: u32 },
    /// Delete the stateful set and leave its pods, because its claim template shall change; the next plan writes it anew.
    OrphanStatefulSet,
    /// Ask the node of this pod to found a grid of the first so many. It refuses where there is one, or one is being founded.
    FoundGrid { pod: String, uid: String, nodes: u32, replicas: u32 },
    /// Ask a node of the grid to take in the node of this pod, which waits with an empty volume.
    AddNode { pod: String, uid: String, zone: Option<String>, asked: String, grid: String },
    /// Tell a node of the grid in which zone one of its nodes is. The grid spreads the copies of each shard over them.
    SetZone { node: String, zone: String, asked: String, grid: String },
    /// Ask a node of the grid to have another one leave: what it keeps moves to others first.
    RemoveNode { node: String, asked: String, grid: String },
    /// Ask a node of the grid to keep one that was to leave.
    KeepNode { node: String, asked: String, grid: String },
    /// Ask a node of the grid to give the node of this pod, which waits with an empty volume, new replicas in the place of the lost ones. It
    /// refuses where the lost node answers.
    ReplaceNode { pod: String, uid: String, asked: String, grid: String },
    /// Ask a node of the grid to have so many replicas of each shard. The grid moves them by itself.
    SetReplicas { asked: String, grid: String, count: u32 },
    /// Write down which claim goes so that a node begins anew.
    BeginReplacement { node: String, volume: String },
    /// Forget that a node was to begin anew: it has, or nobody asks for it any more.
    EndReplacement { node: String },
    /// Delete the claim of a node that does not belong to the grid, or begins anew. It goes when no pod uses it.
    DeleteVolume { volume: String, uid: String },
    /// Say how many nodes may be taken away at once.
    SetBudget { max_unavailable: u32 },
    /// Delete a pod; the stateful set's controller makes a new one.
    DeletePod { pod: String, uid: String },
    /// Write a `SutraShard`.
    ApplyShard { shard: u64 },
    /// Take a `SutraShard` away whose shard is not there any more.
    DeleteShard { shard: u64 },
    /// Write what is known of a shard.
    ReportShard { shard: u64, report: ShardReport },
}

impl Action {
    /// A name, for the status, events and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Apply(_) => "Apply",
            Self::Delete(_) => "Delete",
            Self::AdoptVolume { .. } => "AdoptVolume",
            Self::RecordGrid { .. } => "RecordGrid",
            Self::RecordSize { .. } => "RecordSize",
            Self::OwnVolume { .. } => "OwnVolume",
            Self::HoldCluster { .. } => "HoldCluster",
            Self::GrowVolume { .. } => "GrowVolume",
            Self::ApplyStatefulSet { .. } => "ApplyStatefulSet",
            Self::OrphanStatefulSet => "OrphanStatefulSet",
            Self::FoundGrid { .. } => "FoundGrid",
            Self::ReplaceNode { .. } => "ReplaceNode",
            Self::SetReplicas { .. } => "SetReplicas",
            Self::AddNode { .. } => "AddNode",
            Self::SetZone { .. } => "SetZone",
            Self::RemoveNode { .. } => "RemoveNode",
            Self::KeepNode { .. } => "KeepNode",
            Self::BeginReplacement { .. } => "BeginReplacement",
            Self::EndReplacement { .. } => "EndReplacement",
            Self::DeleteVolume { .. } => "DeleteVolume",
            Self::SetBudget { .. } => "SetBudget",
            Self::DeletePod { .. } => "DeletePod",
            Self::ApplyShard { .. } => "ApplyShard",
            Self::DeleteShard { .. } => "DeleteShard",
            Self::ReportShard { .. } => "ReportShard",
        }
    }

    /// What was done, once it is done: the beginning of a sentence that its reason ends.
    #[must_use]
    pub fn done(&self) -> String {
        match self {
            Self::Apply(object) => format!("wrote the {object}"),
            Self::Delete(object) => format!("deleted the {object}"),
            Self::AdoptVolume { volume } => format!("took over volume {volume}"),
            Self::RecordGrid { volume, grid } => format!("noted on volume {volume} that it holds grid {grid}"),
            Self::RecordSize { volume, nodes } => format!("noted on volume {volume} that its grid has {nodes} nodes"),
            Self::OwnVolume { volume, goes_with_cluster: true } => format!("let volume {volume} go with the cluster"),
            Self::OwnVolume { volume, goes_with_cluster: false } => format!("let volume {volume} stay without the cluster"),
            Self::HoldCluster { hold: true } => "took care to be asked when the cluster is deleted".to_owned(),
            Self::HoldCluster { hold: false } => "let the cluster go when it is deleted".to_owned(),
            Self::GrowVolume { volume, size } => format!("asked for {size} for volume {volume}"),
            Self::ApplyStatefulSet { replicas: 1 } => "wrote the StatefulSet, with 1 pod".to_owned(),
            Self::ApplyStatefulSet { replicas } => format!("wrote the StatefulSet, with {replicas} pods"),
            Self::OrphanStatefulSet => "deleted the StatefulSet without its pods, to write it anew".to_owned(),
            Self::FoundGrid { pod, .. } => format!("asked node {pod} to found the grid"),
            Self::ReplaceNode { pod, asked, .. } => format!("asked node {asked} to give node {pod} new replicas"),
            Self::SetReplicas { asked, count, .. } => format!("asked node {asked} for {count} replicas of each shard"),
            Self::AddNode { pod, asked, .. } => format!("asked node {asked} to take node {pod} into the grid"),
            Self::SetZone { node, zone, asked, .. } => format!("told node {asked} that node {node} is in zone {zone}"),
            Self::RemoveNode { node, asked, .. } => format!("asked node {asked} to let node {node} leave the grid"),
            Self::KeepNode { node, asked, .. } => format!("asked node {asked} to keep node {node} in the grid"),
            Self::BeginReplacement { node, .. } => format!("began to replace node {node}"),
            Self::EndReplacement { node } => format!("ended the replacement of node {node}"),
            Self::DeleteVolume { volume, .. } => format!("deleted volume claim {volume}"),
            Self::SetBudget { max_unavailable } => format!("let {max_unavailable} nodes be taken away at once"),
            Self::DeletePod { pod, .. } => format!("deleted pod {pod}"),
            Self::ApplyShard { shard } | Self::ReportShard { shard, .. } => format!("wrote shard {shard}"),
            Self::DeleteShard { shard } => format!("deleted the SutraShard of shard {shard}"),
        }
    }

    /// Whether it only writes down what was seen: nothing of the cluster itself changes.
    #[must_use]
    pub fn is_projection(&self) -> bool {
        matches!(
            self,
            Self::ApplyShard { .. }
                | Self::DeleteShard { .. }
                | Self::ReportShard { .. }
                | Self::RecordGrid { .. }
                | Self::RecordSize { .. }
                | Self::SetBudget { .. }
                | Self::HoldCluster { .. }
        )
    }

    /// Whether it follows from what was seen alone, and is right whatever became of the steps before it. The others build on each other: a
    /// volume names its grid before its node is let in, and is decided about before a deleted cluster is let go.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        matches!(self, Self::SetBudget { .. } | Self::ApplyShard { .. } | Self::DeleteShard { .. } | Self::ReportShard { .. })
    }
}

/// Something that has to happen by itself first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// In `CamelCase`.
    pub reason: &'static str,
    /// A sentence without a full stop.
    pub message: String,
}

/// Why the spec cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// In `CamelCase`.
    pub reason: &'static str,
    /// A sentence that says what to do.
    pub message: String,
}
