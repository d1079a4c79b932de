//! What a node answers to the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_peer::{Answer, Handler, PeerSecret, Refusal, Request};
use sutra_protocol::command::{Command, LogIndex};
use sutra_protocol::founding::{CHECK, CheckReport, CheckRequest, REPLACE, RESIZE, ReplaceRequest, ResizeRequest};
use sutra_replication::{Group, Groups};
use sutra_storage::Store;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::asking::{Asking, propose_here};
use crate::change::ProposedChange;
use crate::check::Checks;
use crate::converge::{self, Wanted};
use crate::heal::Giving;
use crate::hosted::HostedShard;
use crate::hosting::Hosting;
use crate::map::{GridMap, ShardId};
use crate::messages::{
    ASK, AUDIENCES, BELONGS, Belonging, Belongs, DIGEST, FOLLOW, Follow, Fresh, GIFT_PIECE, GIVE, HEAL, Heal, Index, LEADER,
    Leads, Led, MAP, MARK, Marking, NAMESPACES, NodeStatus, PINS, PROPOSE, READ_INDEX, REMEMBERED, Repeated, ReplicaStatus,
    SCRUB, STATUS, SUBMIT, Said, SubmitRefusal, Submitted, UNDECIDED,
};
use crate::pins::{self, Pins};
use crate::reach::Reach;
use crate::replace;
use crate::resize;
use crate::words;

/// How long a shard's replicas may take to be compared before whoever asked for that learns no more of it.
const CHECKED: Duration = Duration::from_secs(600);

/// Answers the other nodes.
pub(crate) struct Answers {
    pub(crate) asking: Arc<Asking>,
    pub(crate) secret: PeerSecret,
    pub(crate) own: Own,
    pub(crate) groups: Groups,
    pub(crate) reach: Reach,
    /// What others have pinned here.
    pub(crate) pins: Pins,
    pub(crate) checks: Checks,
    pub(crate) giving: Giving,
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
        let of_shard = |shard: &HostedShard| ReplicaStatus {
            damaged: shard.store().damage().is_some(),
            ..replica_status(shard.group(), &map)
        };
        let replicas = std::iter::once(replica_status(&self.meta, &map)).chain(shards.iter().map(of_shard));
        let wards = self.hosting.wards().all().into_iter().map(|(shard, ward)| ReplicaStatus {
            shard: ShardId(shard),
            replica: ward.replica,
            role: "quarantined".into(),
            term: 0,
            last: LogIndex(0),
            applied: LogIndex(0),
            settled: None,
            damaged: false,
        });
        NodeStatus {
            node: self.node.as_ref().into(),
            version: self.version.into(),
            replicas: replicas.chain(wards).collect(),
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
        damaged: false,
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

impl Answers {
    /// Has a shard's leader compare its replicas.
    fn check(&self, request: Request) -> Answer {
        let shard = self.addressed(&request).ok().filter(|shard| shard.group().leads());
        let (checks, hosting, reach) = (self.checks.clone(), self.own.hosting.clone(), self.reach.clone());
        let pool = Arc::clone(&self.asking.pool);
        reply(async move {
            let asked: CheckRequest = words::decode(&request.payload)?;
            if let Some(shard) = shard {
                return words::encode(&checks.check(&shard, &hosting, &pool).await?);
            }
            let nobody = || format!("nobody is known here who leads shard {}", request.group);
            if asked.passed_on {
                return Err(nobody());
            }
            let known = reach.shard(ShardId(request.group)).ok_or_else(nobody)?;
            reach.look_for_leader(&known).await;
            let (_, leader, _) = known.leader().ok_or_else(nobody)?;
            let question = CheckRequest { passed_on: true };
            let report: CheckReport = reach.ask_for(&leader, (CHECK, request.group), &question, CHECKED).await?;
            words::encode(&report)
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
                if self.own.hosting.wards().has(request.group) {
                    // What it had is not what its group knows, and what others saw of it they see no more.
                    self.pins.forget(request.group);
                }
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
            MARK => {
                let (shard, taken) = (self.addressed(&request), self.checks.taken().clone());
                reply(async move {
                    let marking: Marking = words::decode(&request.payload)?;
                    words::encode(&taken.begin(&shard?, marking)?)
                })
            }
            DIGEST => {
                let taken = self.checks.taken().clone();
                reply(async move {
                    let mark: u64 = words::decode(&request.payload)?;
                    words::encode(&taken.ask(request.group, mark))
                })
            }
            HEAL => {
                let (shard, hosting) = (self.addressed(&request), self.own.hosting.clone());
                reply(async move {
                    let (heal, shard) = (words::decode::<Heal>(&request.payload)?, shard?);
                    if shard.group().replica() != heal.replica {
                        return Err(format!("replica {} of shard {} is not here", heal.replica, shard.id()));
                    }
                    hosting.send_to_quarantine(&shard, heal.reason);
                    words::encode(&())
                })
            }
            GIVE => {
                let (shard, giving, checks) = (self.addressed(&request), self.giving.clone(), self.checks.clone());
                reply(async move {
                    let wish = words::decode(&request.payload)?;
                    if checks.is_undecided(request.group) {
                        return Err(UNDECIDED.into());
                    }
                    words::encode(&giving.begin(&shard?, wish).await?)
                })
            }
            GIFT_PIECE => {
                let giving = self.giving.clone();
                reply(async move { giving.piece(words::decode(&request.payload)?).await })
            }
            CHECK => self.check(request),
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
