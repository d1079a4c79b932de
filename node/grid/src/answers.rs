//! What a node answers to the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sutra_peer::{Answer, Handler, PeerSecret, Refusal, Request};
use sutra_protocol::command::{Command, LogIndex};
use sutra_protocol::founding::{REPLACE, ReplaceRequest};
use sutra_replication::{Group, Groups};
use sutra_storage::Store;

use crate::asking::{Asking, propose_here};
use crate::hosted::HostedShard;
use crate::map::{ProposedChange, ShardId};
use crate::messages::{
    Index, MAP, NodeStatus, PROPOSE, READ_INDEX, ReplicaStatus, SCRUB, STATUS, SUBMIT, SubmitRefusal, Submitted,
};
use crate::replace;
use crate::words;

/// Answers the other nodes.
pub(crate) struct Answers {
    pub(crate) asking: Arc<Asking>,
    pub(crate) secret: PeerSecret,
    pub(crate) node: Arc<str>,
    pub(crate) version: &'static str,
    pub(crate) groups: Groups,
    pub(crate) meta: Group,
    /// By the number of their group.
    pub(crate) shards: BTreeMap<u64, HostedShard>,
    /// Whether the node is about to stop.
    pub(crate) leaving: Arc<AtomicBool>,
}

impl Answers {
    /// The replica that a request is for.
    fn addressed(&self, request: &Request) -> Result<HostedShard, String> {
        let hosted = self.shards.get(&request.group).cloned();
        hosted.ok_or_else(|| format!("there is no replica of shard {} here", request.group))
    }
}

impl Handler for Answers {
    fn handle(&self, request: Request) -> Answer {
        match request.service {
            SUBMIT => submit(self.shards.get(&request.group).map(HostedShard::store), &request.payload),
            READ_INDEX => {
                let shard = self.addressed(&request);
                reply(async move {
                    let index: Index = shard?.group().read_index().await.ok();
                    words::encode(&index)
                })
            }
            SCRUB => {
                let shard = self.addressed(&request);
                reply(async move {
                    let store = shard?.store().clone();
                    let index: LogIndex = words::decode(&request.payload)?;
                    store.wait_applied(index).await;
                    store.scrub(index).await;
                    words::encode(&())
                })
            }
            STATUS => {
                let groups = std::iter::once(&self.meta).chain(self.shards.values().map(HostedShard::group));
                let status = status(&self.node, self.version, groups, self.leaving.load(Ordering::Acquire));
                reply(async move { words::encode(&status) })
            }
            MAP => {
                let map = self.asking.machine.map().borrow().clone();
                reply(async move { words::encode(&*map) })
            }
            REPLACE => {
                let (asking, secret, version) = (Arc::clone(&self.asking), self.secret.clone(), self.version);
                reply(async move {
                    let request: ReplaceRequest = words::decode(&request.payload)?;
                    replace::replace(&asking, &secret, request, version).await?;
                    words::encode(&())
                })
            }
            PROPOSE => {
                let meta = self.meta.clone();
                reply(async move {
                    let proposed: ProposedChange = words::decode(&request.payload)?;
                    words::encode(&propose_here(&meta, words::encode(&proposed)?).await?)
                })
            }
            service => {
                let groups = self.groups.clone();
                Box::pin(async move {
                    let handled = groups.handle(service, request.group, &request.payload).await;
                    handled.map_err(Refusal::new)
                })
            }
        }
    }
}

/// The command is admitted before this returns, so that commands of one connection stay in their order.
fn submit(store: Option<&Store>, payload: &Bytes) -> Answer {
    let Some(store) = store else {
        return reply(async { words::encode(&Submitted::Err(SubmitRefusal::NoReplica)) });
    };
    let admitted = words::decode::<Command>(payload).map(|command| store.admit(command));
    reply(async move {
        let submitted: Submitted = match admitted? {
            Ok(answer) => answer.await.map_err(SubmitRefusal::from),
            Err(error) => Err(error.into()),
        };
        words::encode(&submitted)
    })
}

fn reply(answer: impl Future<Output = Result<Vec<u8>, String>> + Send + 'static) -> Answer {
    Box::pin(async move { answer.await.map(Bytes::from).map_err(Refusal::new) })
}

/// How the node's replicas are.
pub(crate) fn status<'a>(node: &str, version: &str, groups: impl Iterator<Item = &'a Group>, leaving: bool) -> NodeStatus {
    let replicas = groups.map(|group| {
        let status = group.status();
        ReplicaStatus {
            shard: ShardId(group.id().0),
            replica: group.replica().0,
            role: status.role.as_str().into(),
            term: status.term,
            last: status.last.unwrap_or_default(),
            applied: status.applied.map(|at| at.index).unwrap_or_default(),
        }
    });
    NodeStatus { node: node.into(), version: version.into(), replicas: replicas.collect(), leaving }
}
