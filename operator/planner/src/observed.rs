//! What was seen of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::desired::Object;

/// What was seen of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Objects that are there; one that is not in the map is missing.
    pub objects: BTreeMap<Object, Seen>,
    /// The stateful set.
    pub stateful_set: Option<StatefulSet>,
    /// Pods of the stateful set, by ordinal.
    pub pods: Vec<Pod>,
    /// Volume claims that the nodes use or would use, by ordinal.
    pub volumes: Vec<Volume>,
    /// What each node that was asked said, by the name of its pod.
    pub answers: BTreeMap<String, Answer>,
    /// Nodes of the grid by name, as those that belong to it told; empty: nobody did. Not asked of a node alone.
    pub members: BTreeMap<String, Membership>,
    /// Those of them that decide about the grid.
    pub voters: Vec<String>,
    /// On which of them each shard has its copies, as the grid has decided.
    pub placement: BTreeMap<u64, Vec<String>>,
    /// In which zone each of them is, where the grid was told; `None`: nobody told, or the grid's release knows no zones.
    pub zones: Option<BTreeMap<String, String>>,
    /// Whether every one of them serves and tells of the same: then nobody else belongs to the grid.
    pub agreed: bool,
    /// Replicas that the grid is to have of each shard, as the same node told.
    pub grid_replicas: Option<u32>,
    /// Which state of the grid's map that is: it rises with every change.
    pub epoch: Option<u64>,
    /// What the grid does by itself to become what it is to be, as the same node told: replicas that move.
    pub under_way: Vec<String>,
    /// The `SutraShard`s.
    pub projections: Vec<Projection>,
    /// The grid that this cluster is known to be, from its own status.
    pub known_grid: Option<String>,
    /// The replacement that was begun and has not been ended.
    pub replacing: Option<Replacing>,
    /// Whether Kubernetes keeps the cluster until the operator has decided what becomes of its volumes (finalizer).
    pub held: bool,
    /// How many nodes the disruption budget lets go at once, if there is one.
    pub budget: Option<u32>,
    /// Why the stateful set's controller cannot make a pod, in its words.
    pub pod_refused: Option<String>,
    /// A step that the API server, or somebody that it asks, fails at: its name, and the sentence.
    pub failing: Option<(&'static str, String)>,
    /// What the API server refused at the last attempt: the step's name, and its sentence.
    pub refusals: BTreeMap<&'static str, String>,
}

impl Observed {
    /// How many nodes the grid has, if somebody told.
    #[must_use]
    pub fn grid_nodes(&self) -> Option<u32> {
        (!self.members.is_empty()).then(|| u32::try_from(self.members.len()).unwrap_or(u32::MAX))
    }
}

/// What a node is to its grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is awaited.
    Joining,
    /// It belongs to it.
    Member,
    /// What it keeps moves to others.
    Leaving,
}

/// That a node begins anew, with another claim than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacing {
    /// Its name.
    pub node: String,
    /// The uid of the claim that is to go, and of no other.
    pub volume: String,
}

/// How an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As it shall be.
    InSync,
    /// Somebody changed it, or it shall be otherwise now.
    Drifted,
    /// It is being deleted.
    Leaving,
    /// It has the name of ours and belongs to somebody else, named here.
    Foreign(String),
}

/// The stateful set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSet {
    /// Its state, apart from the claim template, which cannot be changed in place.
    pub seen: Seen,
    /// Whether it has no owner any more: a cluster of this name left it behind.
    pub left_behind: bool,
    /// Whether its controller has taken note of its newest form.
    pub noticed: bool,
    /// Pods that it asks for; 0 while the cluster is hibernated.
    pub replicas: u32,
    /// Size in its claim template, in bytes.
    pub claim_bytes: u128,
    /// Storage class in its claim template.
    pub claim_class: Option<String>,
}

/// A node's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name, which is the node's.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its number.
    pub ordinal: u32,
    /// Hash of the template that it was made from.
    pub revision: Option<String>,
    /// Whether its container has ever run: from then on the volume may hold something.
    pub ran: bool,
    /// Whether its container, as it runs now, was ready once.
    pub started: bool,
    /// Whether Kubernetes finds it ready.
    pub ready: bool,
    /// Since when it is, or is not.
    pub turned: Option<Timestamp>,
    /// Whether it is being deleted.
    pub leaving: bool,
    /// The zone of its machine, where it or the machine carries a label that says it.
    pub zone: Option<String>,
    /// What keeps it from running.
    pub trouble: Option<Trouble>,
}

/// What keeps a pod from running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub kind: TroubleKind,
    /// A sentence with Kubernetes' or the node's own words.
    pub message: String,
}

/// What it is that keeps a pod from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// Its image cannot be had.
    ImagePullFailed,
    /// It ends again and again.
    NodeFailing,
    /// It finds no machine.
    PodUnschedulable,
    /// Kubernetes cannot start it for another reason.
    PodFailing,
}

impl TroubleKind {
    /// The reason of a condition.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::ImagePullFailed => "ImagePullFailed",
            Self::NodeFailing => "NodeFailing",
            Self::PodUnschedulable => "PodUnschedulable",
            Self::PodFailing => "PodFailing",
        }
    }
}

/// A node's volume claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Number of the node.
    pub ordinal: u32,
    /// Whose data it holds.
    pub owner: VolumeOwner,
    /// The grid that its annotation names.
    pub grid: Option<String>,
    /// How many nodes its grid has, as its annotation says; not on that of a node alone.
    pub grid_nodes: Option<u32>,
    /// Whether it has a volume.
    pub bound: bool,
    /// What was asked for, in bytes.
    pub requested: u128,
    /// What is there, in bytes; 0 while it is not bound.
    pub capacity: u128,
    /// Whether it goes with the cluster (owner reference).
    pub goes_with_cluster: bool,
    /// Whether it is being deleted.
    pub leaving: bool,
}

/// Whose data a volume holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeOwner {
    /// This cluster's.
    Ours,
    /// Another cluster's, or nobody's that we know: the id by which it can be adopted.
    Other(String),
}

/// What a node said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It serves.
    Serving(NodeReport),
    /// Its data directory is empty: it waits for a grid.
    Waiting,
    /// It does not serve, or did not answer: why.
    Silent(String),
}

/// What a node said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Its grid.
    pub grid: String,
    /// Its release.
    pub version: String,
    /// Shards that it holds.
    pub shards: Vec<ShardSeen>,
}

/// A shard as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSeen {
    /// The shard.
    pub shard: u64,
    /// What the node is to it.
    pub role: Role,
    /// Node that leads it, as far as this one knows.
    pub leader: Option<String>,
    /// Whether the node has caught up since it came, as it says itself. How far it is now, its leader says.
    pub caught_up: bool,
    /// Of a node that leads: by how many entries each of the others is behind, if it has answered this leader. `None`: it does not lead,
    /// nobody follows it, or its release does not tell.
    pub followers: Option<BTreeMap<String, Option<u64>>>,
    /// Placement keys that it holds.
    pub range: String,
    /// Living concepts.
    pub concepts: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a node is to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It takes the writes.
    Leader,
    /// It has a vote.
    Follower,
    /// It only listens.
    Learner,
}

impl Role {
    /// The role in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Learner => "learner",
        }
    }
}

/// A `SutraShard` as it is in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// The shard that its name stands for.
    pub shard: u64,
    /// How its spec and metadata are.
    pub seen: Seen,
    /// What its status says.
    pub reported: Option<ShardReport>,
    /// When that was observed.
    pub observed_at: Option<Timestamp>,
}

/// What is reported of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardReport {
    /// `Serving`, or why not.
    pub phase: String,
    /// Placement keys that it holds.
    pub range: String,
    /// Node that takes its writes.
    pub leader: Option<String>,
    /// Its copies, by node.
    pub replicas: Vec<Replica>,
    /// Living concepts.
    pub concepts: u64,
    /// Bytes on disk of the leader's copy.
    pub bytes: u64,
}

/// A copy of a shard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// The node that holds it.
    pub node: String,
    /// What the node is to the shard.
    pub role: Role,
    /// Whether it has caught up.
    pub caught_up: bool,
}
