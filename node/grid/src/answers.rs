//! What a node answers to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_peer::{Answer, Handler, PeerSecret, Refusal, Request};
use sutra_protocol::command::{Command, LogIndex};
use sutra_protocol::founding::{REPLACE, RESIZE, ReplaceRequest, ResizeRequest};
use sutra_replication::{Group, Groups};
use sutra_storage::Store;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::asking::{Asking, propose_here};
use crate::change::ProposedChange;
use crate::converge::{self, Wanted};
use crate::hosted::HostedShard;
use crate::hosting::Hosting;
use crate::map::{GridMap, ShardId};
use crate::messages::{
    ASK, AUDIENCES, BELONGS, Belonging, Belongs, FOLLOW, Follow, Fresh, Index, LEADER, Leads, Led, MAP, NAMESPACES, NodeStatus,
    PINS, PROPOSE, READ_INDEX, REMEMBERED, Repeated, ReplicaStatus, SCRUB, STATUS, SUBMIT, Said, SubmitRefusal, Submitted,
};
use crate::pins::{self, Pins};
use crate::replace;
use crate::resize;
use crate::words;

/// Answers the other nodes.
pub(crate) struct Answers {
    pub(crate) asking: Arc<Asking>,
    pub(crate) secret: PeerSecret,
    pub(crate) own: Own,
    pub(crate) groups: Groups,
    /// What others have pinned here.
    pub(crate) pins: Pins,
}

/// What a node says of itself. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Own {
    pub(crate) node: Arc<str>,
    pub(crate) version: &'static str,
    pub(crate) meta: Group,
    pub(crate) map: watch::Receiver<Arc<GridMap>>,
    pub(crate) hosting: Hosting,
    /// Whether the node is about to stop.
    pub(crate) leaving: Arc<AtomicBool>,
}

impl Own {
    /// How the node is.
    pub(crate) fn status(&self) -> NodeStatus {
        let map = Arc::clone(&self.map.borrow());
        let shards = self.hosting.shards();
        let groups = std::iter::once(&self.meta).chain(shards.iter().map(HostedShard::group));
        NodeStatus {
            node: self.node.as_ref().into(),
            version: self.version.into(),
            replicas: groups.map(|group| replica_status(group, &map)).collect(),
            leaving: self.leaving.load(Ordering::Acquire),
        }
    }
}

/// How a replica is.
fn replica_status(group: &Group, map: &GridMap) -> ReplicaStatus {
    let (status, shard) = (group.status(), ShardId(group.id().0));
    let is_settled = status.leads_fully(group.timing().lease())
        && Wanted::of(map, shard).is_some_and(|wanted| converge::is_settled(&status, &wanted, group.replica()));
    ReplicaStatus {
        shard,
        replica: group.replica().0,
        role: status.role.as_str().into(),
        term: status.term,
        last: status.last.unwrap_or_default(),
        applied: status.applied.map(|at| at.index).unwrap_or_default(),
        settled: is_settled.then_some(map.epoch),
    }
}

impl Answers {
    /// The replica that a request is for.
    fn addressed(&self, request: &Request) -> Result<HostedShard, String> {
        let hosted = self.own.hosting.shard(ShardId(request.group));
        hosted.ok_or_else(|| format!("there is no replica of shard {} here", request.group))
    }
}

impl Answers {
    /// Says something of a shard, once this node knows of it what the question demands.
    fn say<Q, A, F>(&self, request: &Request, fresh: fn(&Q) -> Fresh, say: impl FnOnce(Store, Q) -> F + Send + 'static) -> Answer
    where
        Q: DeserializeOwned + Send + 'static,
        A: Serialize + Send + 'static,
        F: Future<Output = A> + Send + 'static,
    {
        let (shard, pool, payload) = (self.addressed(request).ok(), Arc::clone(&self.asking.pool), request.payload.clone());
        reply(async move {
            let question: Q = words::decode(&payload)?;
            let Some(shard) = shard else { return words::encode(&Said::<A>::Unknown) };
            let fresh = fresh(&question);
            let saying = async {
                let is_reached = pins::reach(&shard, &pool, fresh).await;
                if is_reached { Said::Known(say(shard.store().clone(), question).await) } else { Said::Unknown }
            };
            let said = timeout(Duration::from_millis(fresh.wait_ms), saying).await;
            words::encode(&said.unwrap_or(Said::Unknown))
        })
    }
}

impl Handler for Answers {
    fn handle(&self, request: Request) -> Answer {
        match request.service {
            SUBMIT => {
                let hosted = self.own.hosting.shard(ShardId(request.group));
                submit(hosted.as_ref().map(HostedShard::store), &request.payload)
            }
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
                    let shard = shard?;
                    let index: LogIndex = words::decode(&request.payload)?;
                    let scrubbed = async {
                        shard.store().wait_applied(index).await;
                        shard.store().scrub(index).await;
                    };
                    shard.while_open(scrubbed).await.ok_or("the replica is being closed")?;
                    words::encode(&())
                })
            }
            ASK => {
                let (shard, pins, pool) = (self.addressed(&request), self.pins.clone(), Arc::clone(&self.asking.pool));
                reply(async move {
                    let asked = words::decode(&request.payload)?;
                    words::encode(&pins.ask(request.group, shard.ok().as_ref(), &*pool, asked).await?)
                })
            }
            PINS => {
                let heard = words::decode(&request.payload).map(|pinning| self.pins.hear(request.group, &pinning));
                reply(async move { words::encode(&heard?) })
            }
            LEADER => {
                let led: Led = self.addressed(&request).ok().and_then(|shard| {
                    let status = shard.group().status();
                    let leader = status.leader?;
                    Some(Leads { term: status.term, leader, member: status.members.get(&leader)?.clone() })
                });
                reply(async move { words::encode(&led) })
            }
            REMEMBERED => self.say(
                &request,
                |asked: &Repeated| asked.fresh,
                |store, asked: Repeated| async move { store.remembered(&asked.namespace, &asked.request) },
            ),
            AUDIENCES => self.say(
                &request,
                |asked: &(u64, Fresh)| asked.1,
                |store, (number, _): (u64, Fresh)| async move {
                    let effects = store.effects_numbered(number);
                    effects.map(|effects| effects.effects.iter().map(|(audience, _)| audience.clone()).collect::<Vec<_>>())
                },
            ),
            FOLLOW => self.say(
                &request,
                |asked: &Follow| asked.fresh,
                |store, asked: Follow| async move {
                    let Follow { namespace, origin, number, is_taker, .. } = asked;
                    if is_taker {
                        store.wait_taken(origin, number).await;
                    }
                    let taken = store.taken(&namespace, origin, number);
                    // Looked at last: it is of no state before the one that was told.
                    (store.applied(), taken)
                },
            ),
            NAMESPACES => self.say(
                &request,
                |fresh: &Fresh| *fresh,
                |store, _: Fresh| async move {
                    let namespaces = store.namespaces();
                    (store.applied(), namespaces)
                },
            ),
            STATUS => {
                let status = self.own.status();
                reply(async move { words::encode(&status) })
            }
            MAP => {
                let map = self.asking.machine.map().borrow().clone();
                reply(async move { words::encode(&*map) })
            }
            BELONGS => {
                let (shard, epoch) = (self.addressed(&request), self.own.map.borrow().epoch);
                reply(async move {
                    let asked: Belongs = words::decode(&request.payload)?;
                    let belonging: Belonging =
                        if epoch < asked.epoch { None } else { shard?.group().has_member(asked.replica).await };
                    words::encode(&belonging)
                })
            }
            RESIZE => {
                let (asking, secret, version) = (Arc::clone(&self.asking), self.secret.clone(), self.own.version);
                reply(async move {
                    let request: ResizeRequest = words::decode(&request.payload)?;
                    words::encode(&resize::resize(&asking, &secret, request, version).await?)
                })
            }
            REPLACE => {
                let (asking, secret, version) = (Arc::clone(&self.asking), self.secret.clone(), self.own.version);
                reply(async move {
                    let request: ReplaceRequest = words::decode(&request.payload)?;
                    replace::replace(&asking, &secret, request, version).await?;
                    words::encode(&())
                })
            }
            PROPOSE => {
                let meta = self.own.meta.clone();
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
