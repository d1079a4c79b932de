//! Where a request goes: to the replica of this node, or to the leader of its shard.

use std::time::Duration;

use bytes::Bytes;
use sutra_peer::Class;
use sutra_protocol::command::{Applied, Command, LogIndex};
use sutra_replication::Call;
use sutra_storage::{Store, StoreStats, SubmitError};
use tokio::time::{Instant, timeout_at};

use crate::grid::{Grid, GridError, scrub_others};
use crate::hosted::HostedShard;
use crate::messages::{SUBMIT, Submitted};
use crate::words;

/// How long to wait before a leader is looked for again, unless one appears.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The store's answer, wherever it is.
    #[error(transparent)]
    Submit(SubmitError),
    /// Nobody led the shard in the caller's time; nothing of a write is stored.
    #[error("no node led shard {shard} in the request's time")]
    NoLeader {
        /// The shard.
        shard: u64,
    },
    /// The caller's time was over; what was sent may still be stored.
    #[error("the request's time was over before its write was confirmed")]
    Late,
}

/// Whether a command may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Stored twice it changes nothing more, or it has a request key.
    Safe,
    /// It would be done twice.
    Unsafe,
}

/// The way to the shards. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Router(Kind);

#[derive(Clone)]
enum Kind {
    /// The store is its shard's only replica.
    Alone(Store),
    /// The grid's one shard, of which every node keeps a replica.
    Grid(Grid, HostedShard),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Alone(_) => "alone",
            Self::Grid(..) => "in a grid",
        })
    }
}

impl Router {
    /// To a store that is its shard's only replica.
    pub fn alone(store: Store) -> Self {
        Self(Kind::Alone(store))
    }

    /// To the one shard of a grid, of which the node keeps a replica.
    ///
    /// # Errors
    /// [`GridError::Shards`], [`GridError::NoReplica`]: the grid is another.
    pub fn of(grid: Grid) -> Result<Self, GridError> {
        let found = grid.map().borrow().shards.len();
        if found != 1 {
            return Err(GridError::Shards { found });
        }
        let shard = grid.shards().first().cloned().ok_or_else(|| GridError::NoReplica { node: grid.node().to_owned() })?;
        Ok(Self(Kind::Grid(grid, shard)))
    }

    /// The grid, unless the node is alone.
    pub fn grid(&self) -> Option<&Grid> {
        match &self.0 {
            Kind::Alone(_) => None,
            Kind::Grid(grid, _) => Some(grid),
        }
    }

    /// The store of this node.
    pub fn store(&self) -> &Store {
        match &self.0 {
            Kind::Alone(store) => store,
            Kind::Grid(_, shard) => shard.store(),
        }
    }

    /// The numbers of all stores of this node together.
    pub fn stats(&self) -> StoreStats {
        match &self.0 {
            Kind::Alone(store) => store.stats(),
            Kind::Grid(grid, _) => StoreStats::of_all(grid.shards().iter().map(|shard| shard.store().stats())),
        }
    }

    /// Ends when every view taken here sees all that was acknowledged, by whichever node, before this was asked.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn catch_up(&self, until: Instant) -> Result<(), RouteError> {
        let Kind::Grid(grid, shard) = &self.0 else { return Ok(()) };
        let no_leader = || RouteError::NoLeader { shard: shard.id().0 };
        let caught_up = async {
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if let Some(index) = shard.read_index(grid.pool(), left).await {
                    return shard.store().wait_applied(index).await;
                }
                another_leader(shard, None).await;
            }
        };
        timeout_at(until, caught_up).await.map_err(|_| no_leader())
    }

    /// Ends when this node has caught up once since its start: one that was away, or is new, would else answer with what it had then.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn settle(&self, until: Instant) -> Result<(), RouteError> {
        match &self.0 {
            Kind::Grid(_, shard) if shard.is_behind() => self.catch_up(until).await,
            _ => Ok(()),
        }
    }

    /// Ends when a view taken here can tell what a write means: on a leader at once, since a leader that has been replaced has its write
    /// refused.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn ready_to_write(&self, until: Instant) -> Result<(), RouteError> {
        match &self.0 {
            Kind::Grid(_, shard) if !shard.store().leads() => self.catch_up(until).await,
            _ => Ok(()),
        }
    }

    /// Submits a command to its shard's leader, whoever that is. Ends when it is acknowledged and every view taken here sees it.
    ///
    /// # Errors
    /// A [`RouteError`]. Nothing is stored, but for [`RouteError::Late`] and [`SubmitError::Unknown`].
    pub async fn submit(&self, command: Command, repeat: Repeat, until: Instant) -> Result<Applied, RouteError> {
        let (grid, shard) = match &self.0 {
            Kind::Alone(store) => {
                let submitted = timeout_at(until, store.submit(command)).await;
                return submitted.map_err(|_| RouteError::Late)?.map_err(RouteError::Submit);
            }
            Kind::Grid(grid, shard) => (grid, shard),
        };
        let applied = self.through_leader(grid, shard, &command, repeat, until).await?;
        // What was acknowledged is stored, whether this node comes to see it in time or not.
        let _ = timeout_at(until, shard.store().wait_applied(applied.index)).await;
        Ok(applied)
    }

    /// The same for a part of an import, which waits where there is no room.
    ///
    /// # Errors
    /// As [`Router::submit`]'s, but `Overloaded`.
    pub async fn submit_patiently(&self, command: Command, until: Instant) -> Result<Applied, RouteError> {
        if let Kind::Alone(store) = &self.0 {
            return store.submit_patiently(command).await.map_err(RouteError::Submit);
        }
        loop {
            match self.submit(command.clone(), Repeat::Safe, until).await {
                Err(RouteError::Submit(SubmitError::Overloaded { retry_after, .. })) => tokio::time::sleep(retry_after).await,
                other => return other,
            }
        }
    }

    /// Ends when what the entry at `index` erased is in no file of any replica any more.
    ///
    /// # Errors
    /// Some replica could not say so in time.
    pub async fn scrub(&self, index: LogIndex, until: Instant) -> Result<(), String> {
        let scrub = async {
            self.store().scrub(index).await;
            match &self.0 {
                Kind::Alone(_) => Ok(()),
                Kind::Grid(grid, shard) => scrub_others(grid, shard, index, until).await,
            }
        };
        timeout_at(until, scrub).await.unwrap_or_else(|_| Err("the time was over".into()))
    }

    async fn through_leader(
        &self,
        grid: &Grid,
        shard: &HostedShard,
        command: &Command,
        repeat: Repeat,
        until: Instant,
    ) -> Result<Applied, RouteError> {
        let mut encoded: Option<Bytes> = None;
        // Whether some attempt may have been stored.
        let mut sent = false;
        let mut tried = None;
        loop {
            if Instant::now() >= until {
                let shard = shard.id().0;
                return Err(if sent { RouteError::Late } else { RouteError::NoLeader { shard } });
            }
            let Some((leader, member, is_here)) = shard.leader() else {
                let _ = timeout_at(until, another_leader(shard, None)).await;
                continue;
            };
            let attempt = if is_here {
                match timeout_at(until, shard.store().submit(command.clone())).await {
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
                    reply = grid.ask(&member, call) => match reply {
                        Ok(reply) => match words::decode::<Submitted>(&reply) {
                            Ok(submitted) => Attempt::of(submitted.map_err(SubmitError::from)),
                            Err(reason) => Attempt::Done(Err(SubmitError::Refused { reason })),
                        },
                        Err(error) if error.is_surely_undelivered() => Attempt::NotLeader,
                        Err(_) => Attempt::Unknown,
                    },
                    () = another_leader(shard, Some(leader)) => Attempt::Unknown,
                }
            };
            match attempt {
                Attempt::Done(outcome) => return outcome.map_err(RouteError::Submit),
                Attempt::NotLeader => {}
                Attempt::Unknown if repeat == Repeat::Safe => sent = true,
                Attempt::Unknown if Instant::now() >= until => return Err(RouteError::Late),
                Attempt::Unknown => return Err(RouteError::Submit(SubmitError::Unknown)),
            }
            grid.count_retry();
            // Who has just refused is asked again only after a while, unless there is another.
            if tried.replace(leader) == Some(leader) || !matches!(attempt, Attempt::Unknown) {
                let _ = timeout_at(until, tokio::time::timeout(PAUSE, another_leader(shard, Some(leader)))).await;
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

/// Ends when another replica than this leads, as far as is known here.
async fn another_leader(shard: &HostedShard, than: Option<sutra_replication::ReplicaId>) {
    let is_other = |leader: Option<sutra_replication::ReplicaId>| leader.is_some() && leader != than;
    if shard.group().wait_until(Duration::MAX, |status| is_other(status.leader)).await.is_none() {
        // The replica is stopped: nobody is known here any more.
        std::future::pending::<()>().await;
    }
}
