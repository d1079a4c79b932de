//! Where a request goes: reads to the replicas of this node, writes to the leaders of their shards.

use std::sync::Arc;

use sutra_protocol::command::{Applied, Command, LogIndex, Rejection, RequestKey};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Namespace, PlacementKey, Timestamp};
use sutra_storage::{Store, StoreStats, SubmitError, ViewError};
use tokio::time::{Instant, timeout_at};

use crate::grid::{Grid, GridError, scrub_others};
use crate::hosted::HostedShard;
use crate::map::ShardId;
use crate::perform::Performed;
use crate::to_leader::another_leader;
use crate::view::View;

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
    /// The caller's time was over. What was sent is stored, and will be whole.
    #[error(
        "the request's time was over before all shards had taken their part of its write, which is committed and will be whole"
    )]
    Pending,
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
pub(crate) enum Kind {
    /// The store is its shard's only replica.
    Alone(Store),
    /// Every node of the grid keeps a replica of each of these, which are in the order of their ranges.
    Grid(Grid, Arc<[HostedShard]>),
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

    /// To the shards of a grid, of each of which the node keeps a replica.
    ///
    /// # Errors
    /// [`GridError::NoReplica`]: the grid is another.
    pub fn of(grid: Grid) -> Result<Self, GridError> {
        let map = Arc::clone(&grid.map().borrow());
        let hosted = map.shards.iter().map(|record| grid.shard(record.shard).cloned());
        let shards: Option<Arc<[HostedShard]>> = hosted.collect();
        match shards.filter(|shards| !shards.is_empty()) {
            Some(shards) => Ok(Self(Kind::Grid(grid, shards))),
            None => Err(GridError::NoReplica { node: grid.node().to_owned() }),
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    /// The grid, unless the node is alone.
    pub fn grid(&self) -> Option<&Grid> {
        match &self.0 {
            Kind::Alone(_) => None,
            Kind::Grid(grid, _) => Some(grid),
        }
    }

    /// The stores of this node, in the order of their ranges.
    pub fn stores(&self) -> impl Iterator<Item = &Store> {
        let (alone, shards) = match &self.0 {
            Kind::Alone(store) => (Some(store), &[][..]),
            Kind::Grid(_, shards) => (None, &shards[..]),
        };
        alone.into_iter().chain(shards.iter().map(HostedShard::store))
    }

    fn shards(&self) -> &[HostedShard] {
        match &self.0 {
            Kind::Alone(_) => &[],
            Kind::Grid(_, shards) => shards,
        }
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.shards().len().max(1)
    }

    /// The store of a shard; `None`: there is no such shard.
    fn store_of(&self, shard: u64) -> Option<&Store> {
        match &self.0 {
            Kind::Alone(store) => (shard == sutra_storage::SHARD).then_some(store),
            Kind::Grid(_, shards) => shards.iter().find(|hosted| hosted.id() == ShardId(shard)).map(HostedShard::store),
        }
    }

    /// The store of the shard that a place is in.
    fn store_at(&self, place: PlacementKey) -> Option<&Store> {
        self.stores().find(|store| store.range().holds(place))
    }

    /// The grid that the node belongs to.
    pub fn grid_id(&self) -> String {
        self.stores().next().map(Store::grid_id).unwrap_or_default()
    }

    /// Why no write can succeed on this node any more; `None` while they can.
    pub fn failure(&self) -> Option<String> {
        self.stores().find_map(Store::failure)
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.stores().next().map(Store::now).unwrap_or_default()
    }

    /// The numbers of all stores of this node together.
    pub fn stats(&self) -> StoreStats {
        match &self.0 {
            Kind::Alone(store) => store.stats(),
            Kind::Grid(grid, _) => StoreStats::of_all(grid.shards().iter().map(|shard| shard.store().stats())),
        }
    }

    /// Pins the newest state of a namespace as this node knows it; an unknown namespace is an empty one.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`].
    pub fn view(&self, namespace: &Namespace, as_of: AsOf) -> Result<View, ViewError> {
        let parts = self.stores().map(|store| Ok((store.range(), store.view(namespace, as_of)?)));
        parts.collect::<Result<_, _>>().map(View::of)
    }

    /// Every namespace, by name. Its settings are told by the shard that decides about them.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        let mut all: Vec<NamespaceView> = Vec::new();
        let others: Vec<Vec<NamespaceView>> = self.stores().map(Store::namespaces).collect();
        for (store, views) in self.stores().zip(&others) {
            let decided = |view: &&NamespaceView| store.range().holds(PlacementKey::of_namespace(&view.name));
            all.extend(views.iter().filter(decided).map(|view| {
                let same = || others.iter().flatten().filter(|other| other.name == view.name);
                NamespaceView {
                    concepts: same().map(|other| other.concepts).sum(),
                    associations: same().map(|other| other.associations).sum(),
                    ..view.clone()
                }
            }));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// What whoever has seen all that is applied here has seen: of each shard.
    pub fn applied(&self) -> Vec<(u64, LogIndex)> {
        match &self.0 {
            Kind::Alone(store) => vec![(sutra_storage::SHARD, store.applied())],
            Kind::Grid(_, shards) => shards.iter().map(|shard| (shard.id().0, shard.store().applied())).collect(),
        }
    }

    /// Ends once an entry of a shard is applied here; `false`: there is no such shard.
    pub async fn wait_applied(&self, shard: u64, index: LogIndex) -> bool {
        let Some(store) = self.store_of(shard) else { return false };
        store.wait_applied(index).await;
        true
    }

    /// Ends when every view taken here sees all that was acknowledged, by whichever node, before this was asked.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn catch_up(&self, until: Instant) -> Result<(), RouteError> {
        self.catch_up_with(|_| true, until).await
    }

    /// Ends when this node has caught up once since its start: one that was away, or is new, would else answer with what it had then.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn settle(&self, until: Instant) -> Result<(), RouteError> {
        self.catch_up_with(HostedShard::is_behind, until).await
    }

    /// Ends when a view taken here can tell what a write means: of a shard that is led here at once, since a leader that has been replaced
    /// has its write refused.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`].
    pub async fn ready_to_write(&self, until: Instant) -> Result<(), RouteError> {
        self.catch_up_with(|shard| !shard.store().leads(), until).await
    }

    async fn catch_up_with(&self, wanted: impl Fn(&HostedShard) -> bool, until: Instant) -> Result<(), RouteError> {
        let Kind::Grid(grid, shards) = &self.0 else { return Ok(()) };
        let catching = shards.iter().filter(|shard| wanted(shard)).map(|shard| catch_up(grid, shard, until));
        futures_util::future::try_join_all(catching).await.map(|_| ())
    }

    /// What an earlier, equal request came to; `None`: there was none within the hour.
    ///
    /// # Errors
    /// [`Rejection::KeyReused`], or its part on another shard was not done in time.
    pub async fn remembered(
        &self,
        namespace: &Namespace,
        request: &RequestKey,
        until: Instant,
    ) -> Option<Result<Result<Performed, RouteError>, Rejection>> {
        let place = PlacementKey::of_request(namespace, &request.key);
        let store = if self.shard_count() > 1 { self.store_at(place)? } else { self.stores().next()? };
        match store.remembered(namespace, request)? {
            Ok(applied) => Some(Ok(self.followed_from(store, namespace, applied, until).await)),
            Err(rejection) => Some(Err(rejection)),
        }
    }

    async fn followed_from(
        &self,
        store: &Store,
        namespace: &Namespace,
        applied: Applied,
        until: Instant,
    ) -> Result<Performed, RouteError> {
        let origin = self.shards().iter().find(|shard| shard.store().range() == store.range());
        match origin {
            Some(origin) => self.followed(origin, namespace, applied, until).await,
            None => Ok(Performed::of(sutra_storage::SHARD, applied)),
        }
    }

    /// Submits a part of an import, which waits where there is no room; its repetition changes nothing.
    ///
    /// # Errors
    /// As [`Router::perform`]'s, but for `Overloaded`.
    pub async fn perform_patiently(&self, command: Command, until: Instant) -> Result<Performed, RouteError> {
        if let Kind::Alone(store) = &self.0 {
            let applied = store.submit_patiently(command).await.map_err(RouteError::Submit)?;
            return Ok(Performed::of(sutra_storage::SHARD, applied));
        }
        let mut all = Performed { done: vec![Err(RouteError::Late); command.operations.len()], seen: Vec::new() };
        let mut left: Vec<usize> = (0..command.operations.len()).collect();
        loop {
            let operations = left.iter().filter_map(|at| command.operations.get(*at).cloned()).collect();
            let part = match self.perform(Command { operations, ..command.clone() }, Repeat::Safe, until).await {
                Ok(part) => part,
                Err(error) => Performed { done: vec![Err(error); left.len()], seen: Vec::new() },
            };
            all.seen.extend(part.seen);
            let mut wait = None;
            let mut again = Vec::new();
            for (at, done) in left.into_iter().zip(part.done) {
                if let Err(RouteError::Submit(SubmitError::Overloaded { retry_after, .. })) = &done {
                    wait = Some(*retry_after);
                    again.push(at);
                }
                all.done[at] = done;
            }
            // What is stored already is not sent again: it would be another answer.
            let Some(retry_after) = wait else { return all.or_failed() };
            tokio::time::sleep(retry_after).await;
            left = again;
        }
    }

    /// Ends when what entries erased is in no file of any replica any more.
    ///
    /// # Errors
    /// Some replica could not say so in time.
    pub async fn scrub(&self, entries: &[(u64, LogIndex)], until: Instant) -> Result<(), String> {
        let scrub = async {
            for (id, index) in entries {
                let Some(store) = self.store_of(*id) else { continue };
                store.wait_applied(*index).await;
                store.scrub(*index).await;
                if let Kind::Grid(grid, shards) = &self.0
                    && let Some(shard) = shards.iter().find(|shard| shard.id() == ShardId(*id))
                {
                    scrub_others(grid, shard, *index, until).await?;
                }
            }
            Ok(())
        };
        timeout_at(until, scrub).await.unwrap_or_else(|_| Err("the time was over".into()))
    }

    /// Ends when everything submitted here before is durable, applied, and in segments.
    ///
    /// # Errors
    /// The store's.
    pub async fn flush(&self) -> Result<(), SubmitError> {
        for store in self.stores() {
            store.flush().await?;
        }
        Ok(())
    }
}

/// Ends when every view of a shard that is taken here sees all that was acknowledged before.
async fn catch_up(grid: &Grid, shard: &HostedShard, until: Instant) -> Result<(), RouteError> {
    let caught_up = async {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(index) = shard.read_index(grid.pool(), left).await {
                return shard.store().wait_applied(index).await;
            }
            another_leader(shard, None).await;
        }
    };
    timeout_at(until, caught_up).await.map_err(|_| RouteError::NoLeader { shard: shard.id().0 })
}
