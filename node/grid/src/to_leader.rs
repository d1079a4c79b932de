//! A command to its shard's leader, whoever that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sutra_peer::{CallError, Class};
use sutra_protocol::command::{Applied, Command};
use sutra_replication::Call;
use sutra_storage::SubmitError;
use tokio::time::{Instant, timeout_at};

use crate::messages::{SUBMIT, Submitted};
use crate::reach::{KnownShard, Reach};
use crate::route::{Repeat, RouteError};
use crate::words;

/// How long to wait before a leader is looked for again, unless one appears.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked who keeps a shard, while nobody is known to lead it.
const LOOK: Duration = Duration::from_millis(500);

/// The way to the leaders of shards. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct ToLeader {
    reach: Reach,
    /// How often a command was given to a leader again.
    retries: Arc<AtomicU64>,
}

impl ToLeader {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach, retries: Arc::default() }
    }

    /// How shards are reached.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// How often a command was given to a leader again.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Submits a command to the leader of a shard, and again where that surely, or harmlessly, does it once.
    pub(crate) async fn submit(
        &self,
        shard: &KnownShard,
        command: &Command,
        repeat: Repeat,
        until: Instant,
    ) -> Result<Applied, RouteError> {
        let mut encoded: Option<Bytes> = None;
        // Whether some attempt may have been stored.
        let mut sent = false;
        let mut tried = None;
        let mut shard = shard.clone();
        loop {
            // Its replicas may be others by now.
            if let Some(now) = self.reach.shard(shard.id()) {
                shard = now;
            }
            if Instant::now() >= until {
                let shard = shard.id().0;
                return Err(if sent { RouteError::Late } else { RouteError::NoLeader { shard } });
            }
            let Some((leader, member, is_here)) = shard.leader() else {
                let _ = timeout_at(until, tokio::time::timeout(LOOK, self.reach.another_leader(&shard, None))).await;
                continue;
            };
            let attempt = if let (true, Some(here)) = (is_here, shard.here()) {
                match timeout_at(until, here.store().submit(command.clone())).await {
                    Ok(submitted) => Attempt::of(submitted),
                    Err(_) => Attempt::Unknown,
                }
            } else {
                let payload = match &encoded {
                    Some(payload) => payload.clone(),
                    None => {
                        let bytes =
                            words::encode(command).map_err(|reason| RouteError::Submit(SubmitError::Refused { reason }))?;
                        encoded.insert(bytes.into()).clone()
                    }
                };
                let class = if repeat == Repeat::Safe && payload.len() > LARGE_BYTES { Class::Bulk } else { Class::Control };
                let left = until.saturating_duration_since(Instant::now());
                let call = Call { class, service: SUBMIT, group: shard.id().0, payload, timeout: left };
                // A leader that answers nobody is waited for no longer than until there is another.
                tokio::select! {
                    reply = self.reach.ask(&member, call) => match reply {
                        Ok(reply) => match words::decode::<Submitted>(&reply) {
                            Ok(submitted) => Attempt::of(submitted.map_err(SubmitError::from)),
                            // It has said something, of a release whose words are others.
                            Err(reason) => {
                                tracing::warn!(shard = %shard.id(), reason, "the answer of a shard's leader was not understood");
                                Attempt::Unknown
                            }
                        },
                        // It fits nowhere else either.
                        Err(CallError::TooLarge { bytes, bound }) => Attempt::Done(Err(SubmitError::TooLarge { bytes, bound })),
                        Err(error) if error.is_surely_undelivered() => Attempt::NotLeader,
                        Err(_) => Attempt::Unknown,
                    },
                    () = self.reach.another_leader_while_asking(&shard, leader) => Attempt::Unknown,
                }
            };
            match attempt {
                // Why it was not taken this time says nothing of the time before.
                Attempt::Done(Err(_)) if sent => {}
                Attempt::Done(outcome) => return outcome.map_err(RouteError::Submit),
                Attempt::NotLeader => {}
                Attempt::Unknown if repeat == Repeat::Safe => sent = true,
                Attempt::Unknown if Instant::now() >= until => return Err(RouteError::Late),
                Attempt::Unknown => return Err(RouteError::Submit(SubmitError::Unknown)),
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            // Who has just refused is asked again only after a while, unless there is another.
            if tried.replace(leader) == Some(leader) || !matches!(attempt, Attempt::Unknown) {
                let _ = timeout_at(until, tokio::time::timeout(PAUSE, self.reach.another_leader(&shard, Some(leader)))).await;
            }
        }
    }
}

/// Above this a command that may be repeated travels with the bulk, so that it delays nothing urgent.
const LARGE_BYTES: usize = 64 << 10;

/// What came of one attempt.
enum Attempt {
    Done(Result<Applied, SubmitError>),
    /// Nothing of it is stored.
    NotLeader,
    Unknown,
}

impl Attempt {
    fn of(submitted: Result<Applied, SubmitError>) -> Self {
        match submitted {
            Err(SubmitError::NotLeader) => Self::NotLeader,
            // A node that ends may have proposed it.
            Err(SubmitError::Unknown | SubmitError::Closed) => Self::Unknown,
            done => Self::Done(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use sutra_peer::Request;
    use sutra_protocol::Namespace;
    use sutra_protocol::command::Operation;
    use sutra_protocol::founding::{NodeRecord, Plan};
    use sutra_replication::ReplicaId;
    use sutra_weather::{Net, member};
    use tokio::sync::watch;

    use super::*;
    use crate::map::GridMap;
    use crate::messages::{LEADER, Leads, SubmitRefusal};

    /// How long whoever asks has.
    const PATIENCE: Duration = Duration::from_secs(2);
    const ASKER: u64 = 9;

    /// The way from a node without a replica to a shard on two others, which answer every command with this.
    fn between(net: &Net, answers: [SubmitRefusal; 2]) -> ToLeader {
        let nodes = [1, 2, 3].map(|node| {
            let record = NodeRecord { peer: node.to_string(), http: String::new(), tcp: String::new() };
            (format!("node-{node}"), record)
        });
        let map = GridMap::found("grid-of-the-test".into(), &nodes, Plan { shards: 1, replicas: 3 }).unwrap();
        let replicas: Vec<ReplicaId> = map.shards[0].replicas.iter().map(|record| record.replica).collect();
        // Who has been asked for a command leads no more, and the other does.
        let (term, leads) = watch::channel(1_u64);
        let term = Arc::new(term);
        for (node, answer) in [1, 2].into_iter().zip(answers) {
            let (term, leads, replicas) = (Arc::clone(&term), leads.clone(), replicas.clone());
            let handle = move |request: Request| {
                let reply = if request.service == LEADER {
                    let term = *leads.borrow();
                    let leader = term.min(2);
                    words::encode(&Some(Leads { term, leader: replicas[leader as usize - 1], member: member(leader) }))
                } else {
                    term.send_modify(|term| *term += 1);
                    words::encode(&Submitted::Err(answer.clone()))
                };
                async move { Ok(Bytes::from(reply.unwrap())) }
            };
            net.attach(node, Arc::new(handle));
        }
        net.attach(ASKER, Arc::new(|_: Request| async { Ok(Bytes::new()) }));
        let (map, hosted) = (watch::Sender::new(Arc::new(map)).subscribe(), watch::Sender::new([].into()).subscribe());
        ToLeader::new(Reach::new(net.transport(ASKER), map, hosted))
    }

    async fn submitted(answers: [SubmitRefusal; 2], repeat: Repeat) -> Result<Applied, RouteError> {
        let to = between(&Net::new(1), answers);
        let shard = Arc::clone(&to.reach().shards())[0].clone();
        let command = Command {
            namespace: Namespace::default(),
            asserted_by: "dr.rao".into(),
            request: None,
            operations: vec![Operation::DropNamespace],
            foreign: Vec::new(),
        };
        to.submit(&shard, &command, repeat, Instant::now() + PATIENCE).await
    }

    #[tokio::test]
    async fn a_refusal_is_told_only_where_no_earlier_attempt_may_be_stored() {
        let full = || SubmitRefusal::Refused { reason: "the disk is full".into() };
        let refused = Err(RouteError::Submit(SubmitError::from(full())));
        assert_eq!(submitted([full(), full()], Repeat::Safe).await, refused);
        assert_eq!(submitted([SubmitRefusal::NotLeader, full()], Repeat::Safe).await, refused, "nothing of the first is stored");
        for unknown in [SubmitRefusal::Unknown, SubmitRefusal::Closed] {
            assert_eq!(submitted([unknown.clone(), full()], Repeat::Safe).await, Err(RouteError::Late), "{unknown:?}");
            let told = submitted([unknown, full()], Repeat::Unsafe).await;
            assert_eq!(told, Err(RouteError::Submit(SubmitError::Unknown)), "it is sent once");
        }
    }
}
