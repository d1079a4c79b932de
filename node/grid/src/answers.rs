//! What a node answers to the others.

use std::sync::Arc;

use bytes::Bytes;
use sutra_peer::{Answer, Handler, PeerSecret, Refusal, Request};
use sutra_protocol::command::{Command, LogIndex};
use sutra_protocol::founding::{REPLACE, ReplaceRequest};
use sutra_replication::{Group, Groups, Shard};
use sutra_storage::Store;

use crate::asking::{Asking, propose_here};
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
    pub(crate) shard: Shard,
}

impl Handler for Answers {
    fn handle(&self, request: Request) -> Answer {
        match request.service {
            SUBMIT => submit(self.shard.store(), &request.payload),
            READ_INDEX => {
                let shard = self.shard.clone();
                reply(async move {
                    let index: Index = shard.group().read_index().await.ok();
                    words::encode(&index)
                })
            }
            SCRUB => {
                let store = self.shard.store().clone();
                reply(async move {
                    let index: LogIndex = words::decode(&request.payload)?;
                    store.wait_applied(index).await;
                    store.scrub(index).await;
                    words::encode(&())
                })
            }
            STATUS => {
                let status = status(&self.node, self.version, [&self.meta, self.shard.group()]);
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
fn submit(store: &Store, payload: &Bytes) -> Answer {
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
pub(crate) fn status(node: &str, version: &str, groups: [&Group; 2]) -> NodeStatus {
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
    NodeStatus { node: node.into(), version: version.into(), replicas: replicas.into() }
}
