//! Where a request goes: reads to the replicas of this node, writes to the leaders of their shards.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use sutra_protocol::command::{Command, LogIndex, Rejection, RequestKey};
use sutra_protocol::http::NamespaceView;
use sutra_protocol::{AsOf, Namespace, PlacementKey, Timestamp};
use sutra_storage::{Store, StoreStats, SubmitError, ViewError};
use tokio::time::{Instant, timeout_at};

use crate::grid::{Grid, scrub_others};
use crate::hosted::HostedShard;
use crate::map::ShardId;
use crate::messages::{Fresh, NAMESPACES, NamespacesThere, REMEMBERED, Remembered, Repeated, Said};
use crate::perform::Performed;
use crate::reach::{KnownShard, PAUSE};
use crate::there::{There, Wish};
use crate::view::{Part, View};

/// How long nodes have to tell their namespaces, where the caller has no bound.
const NAMESPACES_TIME: Duration = Duration::from_secs(10);

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
    /// No replica of a shard answered in the caller's time.
    #[error("no node answered for shard {shard} in the request's time")]
    Unreachable {
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

impl RouteError {
    /// Whether something may be stored nevertheless, now or later.
    pub(crate) fn may_be_stored(&self) -> bool {
        matches!(self, Self::Late | Self::Pending | Self::Submit(SubmitError::Unknown | SubmitError::Closed))
    }
}

/// How long the leader of a shard has to say how far its log is committed, before other nodes are asked for what is in it.
const LEADERLESS: Duration = Duration::from_millis(500);

/// Whether a command may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Stored twice it changes nothing more, or it has a request key.
    Safe,
    /// It would be done twice.
    Unsafe,
}

/// What a read has to see.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Entries of shards' logs.
    pub seen: Vec<(u64, LogIndex)>,
    /// And all that was acknowledged before it.
    pub strong: bool,
    /// Shards of which this node's own replica has that, as [`Router::catch_up`] or [`Router::ready_to_write`] has said: the others are asked
    /// elsewhere.
    pub here: Vec<u64>,
    /// When the caller's time is over.
    pub until: Option<Instant>,
}

/// The way to the shards. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Router(Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    /// The store is its shard's only replica.
    Alone(Store),
    /// The node is one of several.
    Grid(Grid),
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

    /// To the shards of a grid.
    pub fn of(grid: Grid) -> Self {
        Self(Kind::Grid(grid))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }

    /// The grid, unless the node is alone.
    pub fn grid(&self) -> Option<&Grid> {
        match &self.0 {
            Kind::Alone(_) => None,
            Kind::Grid(grid) => Some(grid),
        }
    }

    /// The stores of this node, in the order of their shards.
    pub fn stores(&self) -> Vec<Store> {
        match &self.0 {
            Kind::Alone(store) => vec![store.clone()],
            Kind::Grid(grid) => grid.shards().iter().map(|shard| shard.store().clone()).collect(),
        }
    }

    /// All shards of the grid, in the order of their ranges.
    fn shards(&self) -> Arc<[KnownShard]> {
        self.grid().map(|grid| grid.reach().shards()).unwrap_or_default()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.shards().len().max(1)
    }

    /// The grid that the node belongs to.
    pub fn grid_id(&self) -> String {
        match &self.0 {
            Kind::Alone(store) => store.grid_id(),
            Kind::Grid(grid) => grid.map().borrow().grid_id.clone(),
        }
    }

    /// Why no write can succeed on this node any more; `None` while they can.
    pub fn failure(&self) -> Option<String> {
        self.stores().iter().find_map(Store::failure)
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Alone(store) => store.now(),
            Kind::Grid(grid) => grid.now(),
        }
    }

    /// The numbers of all stores of this node together.
    pub fn stats(&self) -> StoreStats {
        match &self.0 {
            Kind::Alone(store) => store.stats(),
            Kind::Grid(grid) => StoreStats::of_all(grid.shards().iter().map(|shard| shard.store().stats())),
        }
    }

    /// Pins a state of a namespace that a read may see; an unknown namespace is an empty one. Parts that other nodes keep are pinned when
    /// they are asked first.
    ///
    /// # Errors
    /// [`ViewError::BeforeHistory`].
    pub fn view(&self, namespace: &Namespace, as_of: AsOf, reading: Reading) -> Result<View, ViewError> {
        let grid = match &self.0 {
            Kind::Alone(store) => return store.view(namespace, as_of).map(View::whole),
            Kind::Grid(grid) => grid,
        };
        let reach = grid.reach();
        let part = |shard: &KnownShard| {
            let seen = reading.seen.iter().filter(|(id, _)| *id == shard.id().0).map(|(_, index)| *index);
            let seen = seen.chain([shard.seen()]).max().unwrap_or_default();
            let may_be_here = !reading.strong || reading.here.contains(&shard.id().0);
            // What this node had shown before its start, or acknowledged, it does not know any more.
            let strong = reading.strong || !shard.is_settled();
            let part = match shard.readable().filter(|here| may_be_here && here.store().applied() >= seen) {
                Some(here) => Part::Here(here.store().view(namespace, as_of)?),
                None => {
                    let (namespace, until) = (namespace.clone(), reading.until);
                    Part::There(There::new(reach.clone(), shard.clone(), Wish { namespace, as_of, seen, strong, until }))
                }
            };
            Ok((shard.range(), part))
        };
        reach.shards().iter().map(part).collect::<Result<_, _>>().map(View::of)
    }

    /// Every namespace, by name. Its settings are told by the shard that decides about them.
    ///
    /// # Errors
    /// [`RouteError::Unreachable`].
    pub async fn namespaces(&self, reading: &Reading) -> Result<Vec<NamespaceView>, RouteError> {
        let grid = match &self.0 {
            Kind::Alone(store) => return Ok(store.namespaces()),
            Kind::Grid(grid) => grid,
        };
        let shards = grid.reach().shards();
        let told = shards.iter().map(|shard| namespaces_of(grid, shard, reading));
        let told = try_join_all(told).await?;
        let mut all: Vec<NamespaceView> = Vec::new();
        for (shard, views) in shards.iter().zip(&told) {
            let decided = |view: &&NamespaceView| shard.range().holds(PlacementKey::of_namespace(&view.name));
            all.extend(views.iter().filter(decided).map(|view| {
                let same = || told.iter().flatten().filter(|other| other.name == view.name);
                NamespaceView {
                    concepts: same().map(|other| other.concepts).sum(),
                    associations: same().map(|other| other.associations).sum(),
                    ..view.clone()
                }
            }));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// What whoever has seen all that this node has shown has seen: of each shard.
    pub fn applied(&self) -> Vec<(u64, LogIndex)> {
        match &self.0 {
            Kind::Alone(store) => vec![(sutra_storage::SHARD, store.applied())],
            Kind::Grid(_) => {
                let seen = self.shards().iter().map(|shard| (shard.id().0, shard.seen())).collect::<Vec<_>>();
                seen.into_iter().filter(|(_, index)| *index > LogIndex(0)).collect()
            }
        }
    }

    /// Ends once an entry of a shard is applied here, where this node answers for it; `false`: there is no such shard.
    pub async fn wait_applied(&self, shard: u64, index: LogIndex) -> bool {
        match &self.0 {
            Kind::Alone(store) if shard == sutra_storage::SHARD => store.wait_applied(index).await,
            Kind::Alone(_) => return false,
            Kind::Grid(grid) => match grid.reach().shard(ShardId(shard)) {
                // Where it does not come here, a view of another node's is asked for what it has to see.
                Some(shard) => {
                    if let Some(here) = shard.readable() {
                        here.comes_to(index, grid.pool()).await;
                    }
                }
                None => return false,
            },
        }
        true
    }

    /// Ends when what this node keeps has all that was acknowledged, by whichever node, before this was asked; answers of which shards that is.
    /// The others are for other nodes to tell of: those that nobody leads now, and those whose replica here stands still.
    pub async fn catch_up(&self, until: Instant) -> Vec<u64> {
        self.catch_up_with(|_| true, until).await
    }

    /// Ends when this node has caught up once since its start: one that was away, or is new, would else have to ask others for everything.
    ///
    /// # Errors
    /// [`RouteError::NoLeader`] of a shard whose only replica is here, and has not: nobody else can be asked.
    pub async fn settle(&self, until: Instant) -> Result<(), RouteError> {
        let Kind::Grid(grid) = &self.0 else { return Ok(()) };
        let shards = grid.reach().shards();
        let behind = shards.iter().filter_map(KnownShard::readable).filter(|here| here.is_behind());
        let settling = behind.map(|here| async move {
            let is_told = catch_up(grid, here, until).await || !here.is_only();
            if is_told { Ok(()) } else { Err(RouteError::NoLeader { shard: here.id().0 }) }
        });
        try_join_all(settling).await.map(drop)
    }

    /// Ends when a view taken here can tell what a write means: of a shard that is surely led here at once. Answers for which shards this
    /// node's replica can tell it.
    pub async fn ready_to_write(&self, until: Instant) -> Vec<u64> {
        self.catch_up_with(|shard| !(shard.store().leads() && shard.group().holds_lease()), until).await
    }

    async fn catch_up_with(&self, wanted: impl Fn(&HostedShard) -> bool, until: Instant) -> Vec<u64> {
        let Kind::Grid(grid) = &self.0 else { return vec![sutra_storage::SHARD] };
        let shards = grid.reach().shards();
        let here = shards.iter().filter_map(KnownShard::readable);
        let coming = here.map(|here| {
            let is_wanted = wanted(here);
            async move { (!is_wanted || catch_up(grid, here, until).await).then(|| here.id().0) }
        });
        join_all(coming).await.into_iter().flatten().collect()
    }

    /// Ends when whoever asks this node from now on sees all that was acknowledged before of the shards that it keeps, wherever that is read;
    /// `false`: not in time.
    pub(crate) async fn shows_all(&self, until: Instant) -> bool {
        let Kind::Grid(grid) = &self.0 else { return true };
        let shards = grid.reach().shards();
        let showing = shards.iter().filter_map(|shard| Some((shard, shard.readable()?))).map(|(shard, here)| async move {
            let index = committed(grid, here, until).await?;
            shard.note_seen(index);
            timeout_at(until, here.comes_to(index, grid.pool())).await.ok()
        });
        join_all(showing).await.into_iter().all(|shown| shown.is_some())
    }

    /// What an earlier, equal request came to; `None`: there was none within the hour. `here`: see [`Reading::here`].
    ///
    /// # Errors
    /// [`Rejection::KeyReused`], or its part on another shard was not done in time.
    pub async fn remembered(
        &self,
        namespace: &Namespace,
        request: &RequestKey,
        here: &[u64],
        until: Instant,
    ) -> Option<Result<Result<Performed, RouteError>, Rejection>> {
        let grid = match &self.0 {
            Kind::Alone(store) => {
                let remembered = store.remembered(namespace, request)?;
                return Some(remembered.map(|applied| Ok(Performed::of(sutra_storage::SHARD, applied))));
            }
            Kind::Grid(grid) => grid,
        };
        let shards = grid.reach().shards();
        let place = PlacementKey::of_request(namespace, &request.key);
        let shard = if shards.len() > 1 { shards.iter().find(|shard| shard.range().holds(place))? } else { shards.first()? };
        let remembered = match shard.readable().filter(|_| here.contains(&shard.id().0)) {
            Some(here) => here.store().remembered(namespace, request)?,
            None => {
                let asked = Repeated { namespace: namespace.clone(), request: request.clone(), fresh: strong(until) };
                let told = grid.reach().ask_any(shard, REMEMBERED, &asked, until, Remembered::is_known).await;
                // Nobody knows whether it was done before.
                let Some(told) = told.and_then(Said::known) else { return Some(Ok(Err(RouteError::Late))) };
                told?
            }
        };
        match remembered {
            Ok(applied) => Some(Ok(self.followed(shard, namespace, applied, until).await)),
            Err(rejection) => Some(Err(rejection)),
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
                match &self.0 {
                    Kind::Alone(store) => {
                        store.wait_applied(*index).await;
                        store.scrub(*index).await;
                    }
                    Kind::Grid(grid) => {
                        let Some(shard) = grid.reach().shard(ShardId(*id)) else { continue };
                        if let Some(here) = shard.here() {
                            let scrub = async {
                                here.store().wait_applied(*index).await;
                                here.store().scrub(*index).await;
                            };
                            here.unless_it_leaves(scrub).await;
                        }
                        scrub_others(grid, &shard, *index, until).await?;
                    }
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

/// All that was acknowledged before, by then.
pub(crate) fn strong(until: Instant) -> Fresh {
    let left = until.saturating_duration_since(Instant::now());
    Fresh { applied: None, strong: true, wait_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX) }
}

/// The namespaces of a shard, wherever it is.
async fn namespaces_of(grid: &Grid, shard: &KnownShard, reading: &Reading) -> Result<Vec<NamespaceView>, RouteError> {
    let seen = reading.seen.iter().filter(|(id, _)| *id == shard.id().0).map(|(_, index)| *index);
    let seen = seen.chain([shard.seen()]).max().unwrap_or_default();
    let may_be_here = !reading.strong || reading.here.contains(&shard.id().0);
    if let Some(here) = shard.readable().filter(|here| may_be_here && here.store().applied() >= seen) {
        return Ok(here.store().namespaces());
    }
    let until = reading.until.unwrap_or_else(|| Instant::now() + NAMESPACES_TIME);
    let is_strong = reading.strong || !shard.is_settled();
    let fresh = Fresh { applied: Some(seen), strong: is_strong, ..strong(until) };
    let told = grid.reach().ask_any(shard, NAMESPACES, &fresh, until, NamespacesThere::is_known).await.and_then(Said::known);
    let (applied, namespaces) = told.ok_or(RouteError::Unreachable { shard: shard.id().0 })?;
    shard.note_seen(applied);
    Ok(namespaces)
}

/// How far the log of a shard is committed, as soon as its leader says so; `None`: not in time.
async fn committed(grid: &Grid, shard: &HostedShard, until: Instant) -> Option<LogIndex> {
    let asked = async {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(index) = shard.read_index(grid.pool(), left).await {
                return index;
            }
            // Who can't say it may be gone, which is answered at once.
            tokio::time::sleep(PAUSE).await;
        }
    };
    timeout_at(until, asked).await.ok()
}

/// Ends when every view of a shard that is taken here sees all that was acknowledged before; `false`: nobody says for a while what that is, or
/// it does not come here.
async fn catch_up(grid: &Grid, shard: &HostedShard, until: Instant) -> bool {
    // Of the only replica nobody else can be asked.
    let limit = if shard.is_only() { until } else { until.min(Instant::now() + LEADERLESS) };
    let Some(index) = committed(grid, shard, limit).await else { return false };
    timeout_at(until, shard.comes_to(index, grid.pool())).await.unwrap_or(false)
}
